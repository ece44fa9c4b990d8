"""A run as numbers alone: how often each kind of step, jump and line use happened. No code, no addresses, no data.

Enough to price the run on any core that issues one instruction per cycle, with any flash; that is how references of the
model are kept (`bench/references/`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.emulator.cycles.cores.base import Core, Step
from compiler.emulator.cycles.estimate import Run
from compiler.emulator.cycles.flash import fetch_stalls, read_stalls
from compiler.emulator.cycles.flow import jumps, steps
from compiler.emulator.cycles.insn import Insn
from compiler.emulator.plugin import FAR, Histogram
from compiler.targets.base import FlashTiming

FINE = 64  # depths below are kept, others rounded down to a power of two: caches have powers of two of lines

Form = tuple[str, int, int, bool, bool, bool, bool]  # kind, size, words, indexed, conditional, floating, double


@dataclass(frozen=True)
class Condensed:
    """Counts of steps (instruction, the one before it, what the first writes for the second) and of jumps."""

    instructions: int
    steps: Mapping[tuple[Form, Form | None, bool, bool, bool], int]
    jumps: Mapping[tuple[Form, int | None, bool], int]  # instruction, size of the target, whether on a word's boundary
    transfers: int
    counts: Histogram  # fetches and reads alone

    def cycles(self, core: Core, flash: FlashTiming) -> float:
        """What the core takes for it; the core must price steps."""
        assert core.cost is not None
        own = self.transfers * core.unaligned
        for (insn, last, address, data, addend), times in self.steps.items():
            behind = _insn(last) if last is not None else None
            own += times * core.cost(Step(_insn(insn), behind, address, data, addend))
        for (insn, size, aligned), times in self.jumps.items():
            target = None if size is None else _insn(("alu", size, 1, False, False, False, False), 0 if aligned else 2)
            own += times * core.taken(_insn(insn), target)
        return own + fetch_stalls(self.counts, flash, own) + read_stalls(self.counts, flash)

    def to_json(self) -> dict[str, Any]:
        """Lists of numbers and words, in a fixed order."""
        forms = sorted({f for insn, last, *_ in self.steps for f in (insn, last) if f} | {j[0] for j in self.jumps})
        place = {form: i for i, form in enumerate(forms)}
        return {
            "instructions": self.instructions,
            "forms": [[form[0], *map(int, form[1:])] for form in forms],
            "steps": sorted(
                [place[insn], -1 if last is None else place[last], int(address) + 2 * int(data) + 4 * int(addend), n]
                for (insn, last, address, data, addend), n in self.steps.items()
            ),
            "jumps": sorted(
                [place[insn], 0 if size is None else size, int(aligned), n]
                for (insn, size, aligned), n in self.jumps.items()
            ),
            "transfers": self.transfers,
            "fetches": sorted(
                [width, kind, -1 if d == FAR else d, n] for (width, kind, d), n in self.counts.fetches.items()
            ),
            "reads": sorted([width, -1 if d == FAR else d, n] for (width, d), n in self.counts.reads.items()),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Condensed:
        """What `to_json` made."""
        forms = [_form(form) for form in data["forms"]]
        counts = Histogram()
        for width, kind, depth, times in data["fetches"]:
            counts.fetches[width, kind, FAR if depth < 0 else depth] += times
        for width, depth, times in data["reads"]:
            counts.reads[width, FAR if depth < 0 else depth] += times
        return cls(
            instructions=data["instructions"],
            steps={
                (forms[insn], None if last < 0 else forms[last], bool(how & 1), bool(how & 2), bool(how & 4)): n
                for insn, last, how, n in data["steps"]
            },
            jumps={(forms[insn], size or None, bool(aligned)): n for insn, size, aligned, n in data["jumps"]},
            transfers=data["transfers"],
            counts=counts,
        )


def condense(run: Run) -> Condensed:
    """All parts of a run together."""
    whole = Histogram.sum(run.parts)
    found: Counter[tuple[Form, Form | None, bool, bool, bool]] = Counter()
    for step, times in steps(run.code, whole):
        last = form_of(step.last) if step.last is not None else None
        found[form_of(step.insn), last, step.address, step.data, step.addend] += times
    taken: Counter[tuple[Form, int | None, bool]] = Counter()
    for branch, target, times in jumps(run.code, whole):
        aligned = target is None or target.address % 4 == 0
        taken[form_of(branch), target.size if target is not None else None, aligned] += times
    counts = Histogram()
    for (width, kind, depth), times in whole.fetches.items():
        counts.fetches[width, kind, _rounded(depth)] += times
    for (width, depth), times in whole.reads.items():
        counts.reads[width, _rounded(depth)] += times
    return Condensed(sum(whole.executed.values()), found, taken, sum(whole.transfers.values()), counts)


def form_of(insn: Insn) -> Form:
    """What remains of an instruction without its registers and its place."""
    return (insn.kind, insn.size, insn.words, insn.indexed, insn.conditional, insn.floating, insn.double)


def _form(data: Sequence[Any]) -> Form:
    kind, size, words, *flags = data
    indexed, conditional, floating, double = map(bool, flags)
    return (str(kind), int(size), int(words), indexed, conditional, floating, double)


def _insn(form: Form, address: int = 0) -> Insn:
    kind, size, words, indexed, conditional, floating, double = form
    return Insn(
        address=address,
        size=size,
        text="",
        operation="",
        kind=kind,  # type: ignore[arg-type]  # a word that `form_of` took from an instruction
        words=words,
        indexed=indexed,
        conditional=conditional,
        floating=floating,
        double=double,
    )


def _rounded(depth: int) -> int:
    return depth if depth < FINE or depth == FAR else 1 << (depth.bit_length() - 1)
