"""Which boards a compiled model fits, by how much, and how long it takes there.

Only boards whose core runs the compiled code as it is are listed: same target. What was not measured stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from compiler.emulator.cycles import Run
from compiler.report import BoardFit, FlashTotals, RamTotals
from compiler.targets.base import FlashTiming
from compiler.targets.boards import Board, Span, boards


def fits(target: str, flash: FlashTotals, ram: RamTotals, run: Run | None = None) -> list[BoardFit]:
    """Every board of this target, the one with most room first; those that are too small last.

    `run` is what was executed, for the time at each board's clock and with its flash.
    """
    known = [b for b in boards().values() if b.target == target]
    cycles: dict[FlashTiming | None, int] = {}
    if run is not None:
        cycles = {timing: run.estimate(timing).cycles for timing in {b.timing for b in known} if timing is not None}
    return by_headroom(fit(b, flash, ram, cycles.get(b.timing)) for b in known)


def fit(b: Board, flash: FlashTotals, ram: RamTotals, cycles: int | None = None) -> BoardFit:
    """One board. Without a measured stack it can still be said that a model does not fit, but not that it does."""
    flash_free = None if b.flash is None or flash.total is None else b.flash - flash.total
    rest = None if ram.static is None or ram.stack is None else ram.static + ram.stack
    placed = place(b.spans, ram.arena, rest if rest is not None else ram.static or 0)
    ram_free = placed.free if placed is not None and rest is not None else None
    too_small = (flash_free is not None and flash_free < 0) or (placed is not None and placed.free < 0)
    unknown = flash_free is None or ram_free is None
    return BoardFit(
        name=b.name,
        title=b.title,
        vendor=b.vendor,
        fits=False if too_small else None if unknown else True,
        flash_free=flash_free,
        ram_free=ram_free,
        arena_in=placed.region if placed is not None and placed.free >= 0 else None,
        latency_ms=round(cycles / b.clock_mhz / 1000, 6) if cycles is not None and b.clock_mhz else None,
        clock_mhz=b.clock_mhz,
        verified=b.verified,
    )


@dataclass(frozen=True)
class Placed:
    """Where the arena goes, and the RAM that is left of all regions together; below zero is what is missing."""

    region: str
    free: int


def place(spans: Sequence[Span], arena: int, rest: int) -> Placed | None:
    """The arena needs one region without a gap, everything else another or the same. None without any region.

    The smallest region that takes the arena gets it, so that the larger ones stay whole.
    """
    if not spans:
        return None
    whole = sum(span.size for span in spans)
    ways = [(_missing(a, b, arena, rest), a.size, a.name) for a, b in product(spans, spans)]
    missing, _, region = min(ways)
    return Placed(region, whole - arena - rest if missing == 0 else -missing)


def _missing(a: Span, b: Span, arena: int, rest: int) -> int:
    if a is b:
        return max(0, arena + rest - a.size)
    return max(0, arena - a.size) + max(0, rest - b.size)


def by_headroom(found: Iterable[BoardFit]) -> list[BoardFit]:
    """Boards that fit first, then the unknown, then the too small; by the scarcer of free flash and free RAM."""

    def order(b: BoardFit) -> tuple[int, int, str]:
        free = [n for n in (b.flash_free, b.ram_free) if n is not None]
        return {True: 0, None: 1, False: 2}[b.fits], -min(free, default=0), b.name

    return sorted(found, key=order)


def describe_spans(b: Board) -> str:
    """DTCM 128 KiB, AXI SRAM 512 KiB"""
    return ", ".join(f"{span.name} {span.size / 1024:g} KiB" for span in b.spans)
