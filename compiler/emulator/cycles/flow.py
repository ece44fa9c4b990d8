"""Cycles of what was executed: straight lines of code, how they were entered, and what that costs on a core.

A line begins wherever execution came from elsewhere, and goes on through branches that were not taken. A line that is
entered from several places is run through the pipeline once for each, weighted by how often that happened, because the
instructions before decide about stalls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compiler.emulator.cycles.cores.base import Core, Pipeline
from compiler.emulator.cycles.insn import Insn
from compiler.emulator.plugin import Histogram


@dataclass
class _Block:
    """Instructions that follow each other with one way in and one way out."""

    insns: list[Insn]
    entries: int  # executions
    behind: int = 0  # of these by running on from the block before
    above: _Block | None = None
    left: Pipeline = field(default_factory=Pipeline)  # at its end, entered in the commonest way


def pipeline_cycles(code: Mapping[int, Insn], counts: Histogram, core: Core) -> dict[int, float]:
    """Address -> cycles of all its executions, with memory that never makes the core wait."""
    blocks = _blocks(code, counts)
    cycles: dict[int, float] = {}
    by_address = {block.insns[0].address: block for block in blocks}
    arrivals = _arrivals(blocks, counts, by_address) if core.predicts else {}
    for block in blocks:
        block.left = _run(core, block, Pipeline(), 0.0, {})
    for block in blocks:
        at = block.insns[0].address
        elsewhere = block.entries - block.behind
        ways: list[tuple[float, Pipeline]] = []
        if block.behind and block.above is not None:
            ways.append((block.behind, block.above.left.copy()))
        for source, times in arrivals.get(at, ()):
            known = min(times, elsewhere)
            elsewhere -= known
            ways.append((known, source.left.copy()))
        ways.append((elsewhere, Pipeline()))
        best = max(ways, key=lambda way: way[0])
        for way in ways:
            if way[0]:
                left = _run(core, block, way[1], way[0], cycles)
                if way is best:
                    block.left = left
    for at, times in counts.taken.items():
        branch = code.get(at)
        if branch is not None and times:
            target = code.get(branch.target) if branch.target is not None else None
            cycles[at] = cycles.get(at, 0.0) + times * core.taken(branch, target)
    for at, transfers in counts.transfers.items():
        cycles[at] = cycles.get(at, 0.0) + transfers * core.unaligned
    return cycles


def _blocks(code: Mapping[int, Insn], counts: Histogram) -> list[_Block]:
    blocks: list[_Block] = []
    for at in sorted(counts.executed):
        insn, executed = code[at], counts.executed[at]
        above = blocks[-1] if blocks else None
        last = above.insns[-1] if above else None
        if above is None or last is None or last.end != at:
            blocks.append(_Block([insn], executed))
            continue
        behind = counts.executed[last.address] - counts.taken[last.address]
        if behind == executed and not last.jumps and behind == above.entries:
            above.insns.append(insn)
        else:
            blocks.append(_Block([insn], executed, behind=max(0, min(behind, executed)), above=above))
    return blocks


def _arrivals(
    blocks: Sequence[_Block], counts: Histogram, by_address: Mapping[int, _Block]
) -> dict[int, list[tuple[_Block, int]]]:
    """Block address -> direct branches that were taken to it."""
    found: dict[int, list[tuple[_Block, int]]] = {}
    for block in blocks:
        last = block.insns[-1]
        times = counts.taken[last.address]
        if times and last.target is not None and last.target in by_address:
            found.setdefault(last.target, []).append((block, times))
    return found


def _run(core: Core, block: _Block, pipeline: Pipeline, times: float, cycles: dict[int, float]) -> Pipeline:
    for insn in block.insns:
        before = pipeline.now
        core.issue(pipeline, insn)
        if times:
            cycles[insn.address] = cycles.get(insn.address, 0.0) + times * (pipeline.now - before)
    return pipeline
