"""Which boards a model fits: computed by hand, at the limits, and where something is not known."""

from __future__ import annotations

import itertools

import pytest

from compiler.errors import BudgetExceeded, ModelError
from compiler.fits import by_headroom, fit, fits, place
from compiler.options import CompileOptions
from compiler.report import BoardFit, FlashTotals, RamTotals
from compiler.targets.base import KiB
from compiler.targets.boards import Board, RamRegion, Span, boards
from compiler.targets.choice import with_board

DTCM, AXI, SMALL = Span("DTCM", 128), Span("AXI", 512), Span("SMALL", 32)


def flash_of(total: int | None) -> FlashTotals:
    return FlashTotals(code=1, weights=2, other=3, total=total)


def ram_of(arena: int, static: int = 0, stack: int | None = 0) -> RamTotals:
    return RamTotals(arena=arena, static=static, stack=stack, total=None)


def a_board(flash: int | None, *regions: RamRegion, clock_mhz: float | None = 100) -> Board:
    return Board("b", "B", "v", "c", "Cortex-M4", "cortex-m4", flash=flash, ram=regions, clock_mhz=clock_mhz)


@pytest.mark.parametrize(
    ("spans", "arena", "rest", "region", "free"),
    [
        ([DTCM], 100, 28, "DTCM", 0),
        ([DTCM], 100, 29, "DTCM", -1),
        ([AXI, DTCM, SMALL], 100, 30, "DTCM", 542),  # the arena takes the smallest, the rest lies elsewhere
        ([AXI, DTCM, SMALL], 500, 30, "AXI", 142),
        ([AXI, DTCM, SMALL], 512, 128, "AXI", 32),
        ([AXI, DTCM, SMALL], 513, 0, "AXI", -1),  # 672 bytes of RAM, but none of the regions takes the arena
        ([AXI, DTCM, SMALL], 512, 129, "AXI", -1),
        ([DTCM, SMALL], 0, 0, "SMALL", 160),
        ([SMALL], 100, 100, "SMALL", -168),
    ],
)
def test_placing_by_hand(spans: list[Span], arena: int, rest: int, region: str, free: int) -> None:
    placed = place(spans, arena, rest)
    assert placed is not None
    assert (placed.region, placed.free) == (region, free)


def test_nothing_is_placed_without_ram() -> None:
    assert place([], 1, 1) is None


def test_a_fit_to_the_byte() -> None:
    b = a_board(KiB(64), RamRegion("SRAM", KiB(8)))
    exact = fit(b, flash_of(KiB(64)), ram_of(KiB(7), 24, 1000))
    assert (exact.fits, exact.flash_free, exact.ram_free, exact.arena_in) == (True, 0, 0, "SRAM")
    flash_over = fit(b, flash_of(KiB(64) + 1), ram_of(1))
    assert (flash_over.fits, flash_over.flash_free, flash_over.ram_free) == (False, -1, KiB(8) - 1)
    ram_over = fit(b, flash_of(1), ram_of(KiB(7), 24, 1001))
    assert (ram_over.fits, ram_over.ram_free, ram_over.arena_in) == (False, -1, None)


def test_instruction_memory_and_standby_memory_hold_no_arena() -> None:
    itcm, backup = RamRegion("ITCM", KiB(64), purpose="itcm"), RamRegion("BKP", KiB(4), purpose="backup")
    found = fit(a_board(KiB(64), itcm, backup, RamRegion("SRAM", KiB(2))), flash_of(1), ram_of(KiB(3)))
    assert (found.fits, found.ram_free) == (False, -KiB(1))


def test_what_is_unknown_stays_unknown() -> None:
    no_flash = fit(a_board(None, RamRegion("SRAM", KiB(8))), flash_of(5), ram_of(5))
    assert (no_flash.fits, no_flash.flash_free, no_flash.ram_free) == (None, None, KiB(8) - 5)
    no_ram = fit(a_board(KiB(8)), flash_of(5), ram_of(5))
    assert (no_ram.fits, no_ram.ram_free) == (None, None)
    not_run = fit(a_board(KiB(8), RamRegion("SRAM", KiB(8))), flash_of(5), ram_of(5, 5, None))
    assert (not_run.fits, not_run.flash_free, not_run.ram_free) == (None, KiB(8) - 5, None)
    not_linked = fit(a_board(KiB(8), RamRegion("SRAM", KiB(8))), flash_of(None), ram_of(5))
    assert (not_linked.fits, not_linked.flash_free) == (None, None)


def test_too_large_an_arena_is_no_fit_even_without_a_measured_stack() -> None:
    found = fit(a_board(KiB(8), RamRegion("SRAM", KiB(8))), flash_of(5), ram_of(KiB(8) + 1, 0, None))
    assert (found.fits, found.ram_free) == (False, None)


def test_latency_is_cycles_at_the_clock() -> None:
    ram = RamRegion("SRAM", KiB(8))
    assert fit(a_board(KiB(8), ram), flash_of(5), ram_of(5), 250_000).latency_ms == 2.5
    assert fit(a_board(KiB(8), ram, clock_mhz=None), flash_of(5), ram_of(5), 250_000).latency_ms is None
    assert fit(a_board(KiB(8), ram), flash_of(5), ram_of(5)).latency_ms is None


def test_only_boards_of_the_same_target_are_listed() -> None:
    found = fits("cortex-m7", flash_of(KiB(100)), ram_of(KiB(10)))
    assert {b.name for b in found} == {b.name for b in boards().values() if b.target == "cortex-m7"}
    assert found
    assert fits("host", flash_of(1), ram_of(1)) == []


def test_a_small_model_on_known_boards() -> None:
    """NUCLEO-F030R8 has 64 KiB of flash and 8 KiB of RAM, the micro:bit 256 and 16."""
    found = {b.name: b for b in fits("cortex-m0", flash_of(60_000), ram_of(7_000, 200, 800))}
    assert (found["nucleo-f030r8"].flash_free, found["nucleo-f030r8"].ram_free) == (5_536, 192)
    assert (found["microbit-v1"].flash_free, found["microbit-v1"].ram_free) == (202_144, 8_384)
    assert found["nucleo-f030r8"].fits


def test_order_is_by_the_scarcer_of_flash_and_ram() -> None:
    def row(name: str, fits: bool | None, flash: int | None, ram: int | None) -> BoardFit:
        return BoardFit(name=name, fits=fits, flash_free=flash, ram_free=ram)

    rows = [
        row("little flash", True, 10, 900),
        row("roomy", True, 500, 400),
        row("unknown", None, None, 1_000),
        row("a little too small", False, -1, 900),
        row("far too small", False, 900, -1_000),
    ]
    expected = ["roomy", "little flash", "unknown", "a little too small", "far too small"]
    for order in itertools.permutations(rows):
        assert [b.name for b in by_headroom(order)] == expected


def test_a_board_brings_its_target() -> None:
    options = with_board(CompileOptions(board="nucleo-u575zi-q"))
    assert options.target == "cortex-m33"
    assert with_board(options) == options
    assert with_board(CompileOptions()) == CompileOptions()


def test_a_target_that_agrees_is_no_contradiction() -> None:
    assert with_board(CompileOptions(board="nucleo-l4r5zi", target="cortex-m4")).target == "cortex-m4"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"board": "nucleo-u575zi-q", "target": "cortex-m4"}, "E1021"),
        ({"board": "nucleo-u575zi-q", "target": "no-such"}, "E1001"),
        ({"board": "no-such"}, "E1020"),
        ({"board": "esp32-s3-devkitc-1"}, "E1022"),
    ],
)
def test_options_that_do_not_work_together(given: dict[str, str], code: str) -> None:
    with pytest.raises(ModelError) as caught:
        with_board(CompileOptions(**given))
    assert caught.value.code == code
    assert not isinstance(caught.value, BudgetExceeded)
