"""The table of boards: its form, its sources, what is plausible, and what the loader refuses."""

from __future__ import annotations

import copy
import itertools
import tomllib
from typing import Any

import pytest

from compiler.errors import ModelError
from compiler.targets import targets
from compiler.targets.base import KiB, MiB
from compiler.targets.boards import CHECKED, TABLE, Board, RamRegion, board, boards, read

EVERY = list(boards().values())
MINIMAL: dict[str, Any] = {
    "document": {"sheet": {"title": "Data sheet", "revision": "Rev 1"}},
    "board": [
        {
            "name": "a-board",
            "title": "A board",
            "vendor": "Someone",
            "chip": "AB1",
            "core": "Cortex-M4",
            "target": "cortex-m4",
            "clock_mhz": 100,
            "flash_kib": 512,
            "ram": [{"name": "SRAM", "kib": 64}],
            "source": {"core clock flash ram": "sheet: page 1; sheet: page 2"},
        }
    ],
}


@pytest.mark.parametrize("b", EVERY, ids=lambda b: b.name)
def test_a_row_is_plausible(b: Board) -> None:
    assert b.clock_mhz is None or 8 <= b.clock_mhz <= 1000
    assert b.flash is None or KiB(16) <= b.flash <= MiB(128)
    assert b.ram_bytes is None or KiB(4) <= b.ram_bytes <= MiB(16)
    assert b.wait_states is None or 0 <= b.wait_states <= 15
    assert len({r.name for r in b.ram}) == len(b.ram)
    assert all(len(source.place) > 5 and source.title and source.revision for _, s in b.sources for source in s)


@pytest.mark.parametrize("b", EVERY, ids=lambda b: b.name)
def test_regions_of_ram_do_not_overlap(b: Board) -> None:
    known = sorted((r.at, r.at + r.size) for r in b.ram if r.at is not None)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(known))


@pytest.mark.parametrize("b", [b for b in EVERY if b.target], ids=lambda b: b.name)
def test_target_and_core_agree(b: Board) -> None:
    assert b.target in targets()
    features = targets()[b.target].features
    assert (b.fpu == "double") <= (b.target in ("cortex-m7-dp", "cortex-m55", "rv64gc"))
    assert (b.fpu == "none") <= ("fpu32" not in features)


def test_enough_boards_have_a_source_for_every_figure() -> None:
    assert sum(b.verified for b in EVERY) >= 55


def test_regions_that_follow_each_other_are_one_span() -> None:
    ram = (
        RamRegion("A", KiB(16), at=0x2000_0000),
        RamRegion("B", KiB(8), at=0x2000_4000),
        RamRegion("CCM", KiB(32), at=0x1000_0000, purpose="ccm"),
        RamRegion("ITCM", KiB(64), at=0, purpose="itcm"),
        RamRegion("far", KiB(1)),
    )
    b = Board("b", "b", "v", "c", "core", ram=ram)
    assert [(s.name, s.size) for s in b.spans] == [("CCM", KiB(32)), ("A+B", KiB(24)), ("far", KiB(1))]
    assert b.ram_bytes == KiB(57)


def test_an_unknown_board_gets_similar_names() -> None:
    with pytest.raises(ModelError) as caught:
        board("Nucleo_L4R5")
    assert caught.value.code == "E1020"
    assert "nucleo-l4r5zi" in caught.value.facts["similar"]


def test_a_chip_leads_to_its_board() -> None:
    with pytest.raises(ModelError) as caught:
        board("stm32l4r5zi")
    assert "nucleo-l4r5zi" in caught.value.help


@pytest.mark.parametrize("name", ["", "-", "\x1b[31m", "a" * 5000, "../../etc/passwd", "\N{SNOWMAN}"])
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        board(name)
    assert caught.value.code == "E1020"


def test_a_minimal_row() -> None:
    b = read(MINIMAL)["a-board"]
    assert b.verified
    assert (b.flash, b.ram_bytes, b.timing, b.wait_states) == (KiB(512), KiB(64), None, None)
    assert [str(s) for s in b.source("clock")] == ["Data sheet (Rev 1), page 1", "Data sheet (Rev 1), page 2"]


@pytest.mark.parametrize("figure", CHECKED)
def test_one_figure_without_a_source_is_enough_for_the_mark(figure: str) -> None:
    rest = " ".join(f for f in CHECKED if f != figure)
    table = changed(source={rest: "sheet: page 1", figure: "unverified"})
    assert not read(table)["a-board"].verified


def test_timing_needs_every_part() -> None:
    source = {"core clock flash ram read": "sheet: page 1"}
    part = {"wait_states": 3}
    whole = {"wait_states": 3, "line_bytes": 16, "prefetch": True, "icache_bytes": 1024, "dcache_bytes": 0}
    assert read(changed(read=part, source=source))["a-board"].timing is None
    assert read(changed(read=part, source=source))["a-board"].wait_states == 3
    timing = read(changed(read=whole, source=source))["a-board"].timing
    assert timing is not None
    assert timing.icache_bytes == 1024


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "A Board"}, "lower case"),
        ({"chip": ""}, "chip missing"),
        ({"speed": 3}, "unknown key speed"),
        ({"clock_mhz": "fast"}, "clock_mhz has the wrong type"),
        ({"clock_mhz": True}, "clock_mhz has the wrong type"),
        ({"clock_mhz": 0}, "clock_mhz must be positive"),
        ({"flash_kib": -1}, "flash_kib is negative"),
        ({"fpu": "big"}, "fpu is one of"),
        ({"ram": [{"name": "SRAM"}]}, "needs a name and kib"),
        ({"ram": [{"name": "SRAM", "kib": 4, "purpose": "fun"}]}, "purpose"),
        ({"read": {"wait_states": 1}}, "read and its source come together"),
        ({"source": {"core clock flash": "sheet: page 1"}}, "ram and its source come together"),
        ({"source": {"core clock flash ram": "book: page 1"}}, "with a document of the table"),
        ({"source": {"core clock flash ram": "page 1"}}, "with a document of the table"),
        ({"source": {"core core clock flash ram": "sheet: 1"}}, "two sources for core"),
        ({"source": {"core clock flash ram colour": "sheet: 1"}}, "colour"),
    ],
)
def test_a_wrong_row_is_refused_with_its_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(changed(**change))


def test_two_rows_of_one_name_are_refused() -> None:
    table = copy.deepcopy(MINIMAL)
    table["board"] *= 2
    with pytest.raises(ValueError, match="two boards are called a-board"):
        read(table)


def test_a_document_without_a_revision_is_refused() -> None:
    table = copy.deepcopy(MINIMAL)
    del table["document"]["sheet"]["revision"]
    with pytest.raises(ValueError, match="sheet needs a title and a revision"):
        read(table)


def test_every_document_is_cited() -> None:
    table = tomllib.loads(TABLE.read_text("utf-8"))
    cited = {
        part.partition(": ")[0]
        for row in table["board"]
        for text in row["source"].values()
        for part in text.split("; ")
    }
    assert set(table["document"]) == cited - {"unverified"}


def changed(**change: Any) -> dict[str, Any]:
    table = copy.deepcopy(MINIMAL)
    table["board"][0].update(change)
    return table
