"""Cycles of a run on a core with a board's flash: in total, by layer, by function, by instruction."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from compiler.emulator.cycles.code import read_code
from compiler.emulator.cycles.cores import cores
from compiler.emulator.cycles.cores.base import Core
from compiler.emulator.cycles.flash import fetch_stalls, read_stalls
from compiler.emulator.cycles.flow import pipeline_cycles
from compiler.emulator.cycles.insn import Insn
from compiler.emulator.plugin import Histogram
from compiler.targets.base import FlashTiming, Target
from compiler.toolchain.sizes import read_symbols

FAST = FlashTiming()


@dataclass(frozen=True)
class Estimate:
    """Whole cycles. Layers add up to `cycles`; functions and addresses do without the waits for flash."""

    core: Core
    cycles: int
    layers: tuple[int, ...]
    fetch_stalls: int
    read_stalls: int
    functions: Mapping[str, int]
    addresses: Mapping[int, int]

    def milliseconds(self, clock_mhz: float) -> float:
        return self.cycles / clock_mhz / 1000


@dataclass(frozen=True)
class Run:
    """What was executed, layer by layer, and the program. One run serves every board with the same instructions."""

    code: Mapping[int, Insn]
    parts: Sequence[Histogram]
    functions: Sequence[tuple[int, str]]  # first address, name; sorted
    core: Core

    @cached_property
    def pipeline(self) -> tuple[Mapping[int, float], ...]:
        """Per part: address -> cycles with memory as fast as the core."""
        return tuple(pipeline_cycles(self.code, part, self.core) for part in self.parts)

    def estimate(self, flash: FlashTiming = FAST) -> Estimate:
        """Cycles with this flash. The first call runs the pipeline model, the others are quick."""
        layers, fetches, reads = [], 0.0, 0.0
        addresses: dict[int, float] = {}
        for part, cycles in zip(self.parts, self.pipeline, strict=True):
            own = sum(cycles.values())
            fetch, read = fetch_stalls(part, flash, own), read_stalls(part, flash)
            layers.append(round(own + fetch + read))
            fetches += fetch
            reads += read
            for at, spent in cycles.items():
                addresses[at] = addresses.get(at, 0.0) + spent
        return Estimate(
            core=self.core,
            cycles=sum(layers),
            layers=tuple(layers),
            fetch_stalls=round(fetches),
            read_stalls=round(reads),
            functions=self._by_function(addresses),
            addresses={at: round(spent) for at, spent in sorted(addresses.items())},
        )

    def _by_function(self, addresses: Mapping[int, float]) -> dict[str, int]:
        starts = [start for start, _ in self.functions]
        found: dict[str, float] = {}
        for at, spent in addresses.items():
            place = bisect_right(starts, at) - 1
            name = self.functions[place][1] if place >= 0 else "?"
            found[name] = found.get(name, 0.0) + spent
        return {name: round(spent) for name, spent in sorted(found.items(), key=lambda item: -item[1])}


def read_run(elf: Path, target: Target, parts: Sequence[Histogram], core: str) -> Run:
    """Join histograms (one per layer, or one for all) with the program that they were taken from."""
    model = cores()[core]
    code = read_code(elf, target, Histogram.sum(parts), model.architecture)
    symbols, _ = read_symbols(elf)
    functions = sorted((s.address, s.name) for s in symbols if s.kind == "function")
    return Run(code, tuple(parts), functions, model)
