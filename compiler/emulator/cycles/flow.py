"""Cycles of what was executed: straight lines of code, how they were entered, and what that costs on a core.

A line begins wherever execution came from elsewhere, and goes on through branches that were not taken. An instruction
that is entered both ways is priced once behind the one above it and once behind a jump, each as often as it happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from compiler.emulator.cycles.cores.base import Core, Pipeline, Step, step
from compiler.emulator.cycles.insn import Insn
from compiler.emulator.plugin import Histogram


def pipeline_cycles(code: Mapping[int, Insn], counts: Histogram, core: Core) -> dict[int, float]:
    """Address -> cycles of all its executions, with memory that never makes the core wait."""
    spent: dict[int, float] = {}
    if core.cost is not None:
        for one, times in steps(code, counts):
            spent[one.insn.address] = spent.get(one.insn.address, 0.0) + times * core.cost(one)
    else:
        spent = _several_at_once(code, counts, core)
    for branch, target, times in jumps(code, counts):
        spent[branch.address] += times * core.taken(branch, target)
    if core.mispredicted:
        for at, insn in code.items():
            if insn.jumps and insn.conditional and counts.executed[at]:
                rare = min(counts.taken[at], counts.executed[at] - counts.taken[at])
                spent[at] += rare * core.mispredicted
    for at, transfers in counts.transfers.items():
        spent[at] += transfers * core.unaligned
    return spent


def steps(code: Mapping[int, Insn], counts: Histogram) -> Iterator[tuple[Step, int]]:
    """Every instruction behind what was executed before it, and how often."""
    above: Insn | None = None
    for at in sorted(counts.executed):
        insn, executed = code[at], counts.executed[at]
        behind = 0
        if above is not None and above.end == at:
            behind = max(0, min(executed, counts.executed[above.address] - counts.taken[above.address]))
        if behind:
            yield step(insn, above), behind
        if executed > behind:
            yield Step(insn), executed - behind
        above = insn


def jumps(code: Mapping[int, Insn], counts: Histogram) -> Iterator[tuple[Insn, Insn | None, int]]:
    """Branches that were taken, the instruction they lead to where it is known, and how often."""
    for at, times in counts.taken.items():
        if times and at in code:
            target = code[at].target
            yield code[at], code.get(target) if target is not None else None, times


@dataclass
class _Block:
    """Instructions that follow each other with one way in and one way out."""

    insns: list[Insn]
    entries: int  # executions
    behind: int = 0  # of these by running on from the block before
    above: _Block | None = None
    left: Pipeline = field(default_factory=Pipeline)  # at its end, entered in the commonest way


def _several_at_once(code: Mapping[int, Insn], counts: Histogram, core: Core) -> dict[int, float]:
    """The same on a core that issues instructions together: block by block, once for each way in."""
    blocks = _blocks(code, counts)
    spent: dict[int, float] = dict.fromkeys(counts.executed, 0.0)
    arrivals = _arrivals(blocks, counts) if core.predicts else {}
    for block in blocks:
        block.left = _issue(core, block, Pipeline(), 0, spent)
    for block in blocks:
        elsewhere = block.entries - block.behind
        ways: list[tuple[int, Pipeline]] = []
        if block.behind and block.above is not None:
            ways.append((block.behind, block.above.left.copy()))
        for source, times in arrivals.get(block.insns[0].address, ()):
            known = min(times, elsewhere)
            elsewhere -= known
            ways.append((known, source.left.copy()))
        ways.append((elsewhere, Pipeline()))
        most = max(times for times, _ in ways)
        for times, pipeline in ways:
            if times:
                left = _issue(core, block, pipeline, times, spent)
                if times == most:
                    block.left = left
    return spent


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


def _arrivals(blocks: Sequence[_Block], counts: Histogram) -> dict[int, list[tuple[_Block, int]]]:
    """Block address -> direct branches that were taken to it."""
    found: dict[int, list[tuple[_Block, int]]] = {}
    for block in blocks:
        last = block.insns[-1]
        if last.target is not None and (times := counts.taken[last.address]):
            found.setdefault(last.target, []).append((block, times))
    return found


def _issue(core: Core, block: _Block, pipeline: Pipeline, times: int, spent: dict[int, float]) -> Pipeline:
    assert core.issue is not None
    for insn in block.insns:
        before = pipeline.now
        core.issue(pipeline, insn)
        if times:
            spent[insn.address] += times * (pipeline.now - before)
    return pipeline
