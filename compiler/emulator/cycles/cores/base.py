"""What a pipeline model is: what an instruction costs behind the one before it, and what a taken branch adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from compiler.emulator.cycles.insn import Insn

Architecture = Literal["arm", "riscv"]


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction and the one executed before it: all that a core with one instruction per cycle looks at."""

    insn: Insn
    last: Insn | None = None  # None behind a jump
    address: bool = False  # `last` writes a register of the address
    data: bool = False  # `last` writes another operand
    addend: bool = False  # `last` writes the accumulator of a multiply-add


def step(insn: Insn, last: Insn | None) -> Step:
    """`insn` behind `last`."""
    if last is None or not last.writes or not insn.reads & last.writes:
        return Step(insn, last)
    return Step(
        insn,
        last,
        address=bool(insn.base & last.writes),
        data=bool((insn.reads - insn.base - insn.addend) & last.writes),
        addend=bool(insn.addend & last.writes),
    )


@dataclass
class Pipeline:
    """The state of a core that issues several instructions at once. Times are cycles since the line began."""

    now: float = 0.0  # when the next instruction may issue
    last: Insn | None = None
    ready: dict[str, float] = field(default_factory=dict)  # register -> when its value can be used
    free: dict[str, float] = field(default_factory=dict)  # unit -> when it can begin something new
    partner: bool = False  # whether another instruction may still issue together with `last`, in the cycle before `now`

    def copy(self) -> Pipeline:
        """The same state with time starting again."""
        return Pipeline(
            now=0.0,
            last=self.last,
            ready={r: at - self.now for r, at in self.ready.items() if at > self.now},
            free={u: at - self.now for u, at in self.free.items() if at > self.now},
            partner=self.partner,
        )

    def wait(self, registers: frozenset[str], early: float = 0.0) -> float:
        """When all registers can be used by something that needs them `early` cycles after it issues."""
        return max([0.0, *(self.ready[r] - early for r in registers if r in self.ready)])


@dataclass(frozen=True)
class Core:
    """One processor core: either `cost` of a step, or, where instructions issue together, `issue`."""

    name: str
    title: str
    architecture: Architecture
    sources: tuple[str, ...]  # documents that the numbers are from
    taken: Callable[[Insn, Insn | None], float]  # added by a taken branch to the instruction, where that is known
    cost: Callable[[Step], float] | None = None  # cycles
    issue: Callable[[Pipeline, Insn], None] | None = None  # brings the pipeline to the cycle of the next instruction
    unaligned: float = 0.0  # cycles for each further transfer of an unaligned access
    predicts: bool = False  # a taken branch leaves the pipeline full
    mispredicted: float = 0.0  # cycles when a conditional branch goes the way that it takes less often
    choices: tuple[str, ...] = ()  # where a document leaves room: what is taken, and why
