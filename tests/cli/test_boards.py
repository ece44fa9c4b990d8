"""`deepmetal boards`: the table, its filters, and the boards that a report's model fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compiler import cli
from compiler.fits import fits
from compiler.report import FlashTotals, MemoryInfo, ModelInfo, RamTotals, Report, Toolchain, Totals
from compiler.targets.boards import boards


def a_report(target: str, flash: int, arena: int, *, with_boards: bool = True) -> Report:
    flash_totals = FlashTotals(code=flash, weights=0, other=0, total=flash)
    ram = RamTotals(arena=arena, static=0, stack=100, total=arena + 100)
    return Report(
        deepmetal_version="0",
        model=ModelInfo(name="m", sha256="0" * 64, format="onnx", inputs=[], outputs=[], parameters=0, macs=0),
        options={"target": target, "emit": "c"},
        toolchain=Toolchain(compiler="gcc", compiler_version="12", flags=[]),
        totals=Totals(macs=0, flash=flash_totals, ram=ram),
        layers=[],
        passes=[],
        memory=MemoryInfo(arena_bytes=arena, lower_bound_bytes=arena, tensors=[]),
        boards=fits(target, flash_totals, ram) if with_boards else [],
    )


def write(folder: Path, report: Report) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "report.json"
    path.write_text(report.to_json())
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(["boards", *words])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    status, out, _ = run(capsys, *words, "--json")
    assert status == 0
    return json.loads(out)


def test_the_table_names_every_board(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys)
    assert status == 0
    names = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert set(boards()) <= names
    assert f"{len(boards())} boards" in out


def test_boards_without_sources_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys)
    marked = {line.split()[0] for line in out.splitlines() if line.split()[1:2] == ["?"]}
    assert marked == {b.name for b in boards().values() if not b.verified}


def test_filters(capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "--target", "cortex-m33", "--vendor", "nordic")
    assert [b["name"] for b in found] == ["nrf5340-dk", "nrf54l15-dk"]
    assert run(capsys, "--target", "cortex-m99")[0] == 1


def test_sources_are_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    (board,) = [b for b in as_json(capsys) if b["name"] == "nucleo-l4r5zi"]
    assert any("STM32L4R5Z" in source for source in board["sources"]["flash"])
    assert board["ram"] == sum(r["bytes"] for r in board["ram_regions"] if r["purpose"] == "main")


def test_fits_sorts_by_headroom(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "out", a_report("cortex-m4", 300_000, 50_000))
    found = as_json(capsys, "--fits", str(path))
    assert [b["name"] for b in found] == [b.name for b in a_report("cortex-m4", 300_000, 50_000).boards]
    assert [b["fits"] for b in found] == sorted((b["fits"] for b in found), key=lambda f: f is False)
    l432 = next(b for b in found if b["name"] == "nucleo-l432kc")
    assert (l432["fits"], l432["flash_free"]) == (False, 262_144 - 300_000)


def test_a_folder_will_do_and_what_is_missing_is_computed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    whole = write(tmp_path / "a", a_report("cortex-m0", 30_000, 5_000))
    older = write(tmp_path / "b", a_report("cortex-m0", 30_000, 5_000, with_boards=False))
    same = [{**b, "report": ""} for b in as_json(capsys, "--fits", str(whole))]
    assert [{**b, "report": ""} for b in as_json(capsys, "--fits", str(older.parent))] == same


def test_several_reports_are_one_list(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = write(tmp_path / "m0", a_report("cortex-m0", 30_000, 5_000))
    large = write(tmp_path / "m7", a_report("cortex-m7", 400_000, 50_000))
    found = as_json(capsys, "--fits", str(small), str(large))
    assert {b["target"] for b in found} == {"cortex-m0", "cortex-m7"}
    free = [min(b["flash_free"], b["ram_free"]) for b in found if b["fits"]]
    assert free == sorted(free, reverse=True)
    only = as_json(capsys, "--fits", str(small), str(large), "--target", "cortex-m7")
    assert {b["target"] for b in only} == {"cortex-m7"}
    status, out, _ = run(capsys, "--fits", str(small), str(large))
    assert status == 0
    assert "report" in out.splitlines()[0]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 5000, b'{"schema": "deepmetal.report/9"}'])
def test_what_is_no_report_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    status, out, err = run(capsys, "--fits", str(path))
    assert (status, out) == (1, "")
    assert err.startswith("error[E1023]")


def test_a_missing_report_is_the_users_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "--fits", str(tmp_path / "none"))[0] == 1
    assert "E1006" in run(capsys, "--fits", str(tmp_path))[2]


def test_names_in_a_report_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    report = a_report("cortex-m0", 30_000, 5_000)
    evil = report.boards[0].model_copy(update={"name": "x\x1b[2J", "arena_in": "a\nb"})
    path = write(tmp_path / "out", report.model_copy(update={"boards": [evil]}))
    _, out, _ = run(capsys, "--fits", str(path))
    assert "\x1b" not in out
    assert len(out.splitlines()) == 4
