"""Cycles that a board's flash makes a core wait, from the lines of flash that code and loads used.

A line that the cache still has costs nothing. Otherwise it is read in pieces of `line_bytes`, each of which takes
`wait_states` longer than a cycle. Code that runs on into a line which is being prefetched waits only for the rest.
Caches are taken as fully associative, oldest line out first, filled by every miss.
"""

from __future__ import annotations

from compiler.emulator.plugin import FAR, Histogram
from compiler.targets.base import FlashTiming

WIDTHS = (16, 32)  # the lines that the plugin follows


def fetch_stalls(counts: Histogram, flash: FlashTiming, cycles: float) -> float:
    """Cycles spent waiting for instructions; `cycles` is what the core needs for them."""
    if not flash.wait_states:
        return 0.0
    width = _width(flash)
    entered = dict.fromkeys(("next", "jump"), 0)
    missed = dict.fromkeys(("next", "jump"), 0)
    cached = flash.icache_bytes // width
    for (bytes_, kind, depth), times in counts.fetches.items():
        if bytes_ == width:
            entered[kind] += times
            if depth >= max(1, cached):
                missed[kind] += times
    pieces = max(1.0, width / flash.line_bytes)
    jump = missed["jump"] * flash.wait_states * (1 + pieces) / 2
    per_line = cycles / max(1, sum(entered.values())) / pieces
    wait = max(0.0, flash.wait_states + 1 - per_line) if flash.prefetch else float(flash.wait_states)
    return jump + missed["next"] * pieces * min(wait, flash.wait_states)


def read_stalls(counts: Histogram, flash: FlashTiming) -> float:
    """Cycles spent waiting for weights and literals."""
    if not flash.wait_states:
        return 0.0
    width = _width(flash)
    cached = flash.dcache_bytes // width
    pieces = max(1.0, width / flash.line_bytes)
    missed = 0.0
    for (bytes_, depth), times in counts.reads.items():
        if bytes_ == width and depth >= cached:
            missed += times * (1.0 if depth == 0 else pieces if depth == FAR else (1 + pieces) / 2)
    return missed * flash.wait_states


def _width(flash: FlashTiming) -> int:
    return next((width for width in WIDTHS if width >= flash.line_bytes), WIDTHS[-1])
