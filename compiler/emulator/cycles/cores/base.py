"""What a pipeline model is: what each instruction costs behind the ones before it, and what a taken branch adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from compiler.emulator.cycles.insn import Insn

Architecture = Literal["arm", "riscv"]


@dataclass
class Pipeline:
    """The state between two instructions of a straight line. Times are cycles since the line began."""

    now: float = 0.0  # when the next instruction may issue
    last: Insn | None = None  # None at the beginning and after a jump
    ready: dict[str, float] = field(default_factory=dict)  # register -> when its value can be used
    free: dict[str, float] = field(default_factory=dict)  # unit -> when it can begin something new
    issued: float = -1.0  # when `last` issued
    partner: bool = False  # whether another instruction may still issue together with `last`

    def copy(self) -> Pipeline:
        """The same state with time starting again."""
        since = self.now
        return Pipeline(
            now=0.0,
            last=self.last,
            ready={r: at - since for r, at in self.ready.items() if at > since},
            free={u: at - since for u, at in self.free.items() if at > since},
            issued=self.issued - since,
            partner=self.partner,
        )

    def wait(self, registers: frozenset[str], early: float = 0.0) -> float:
        """When all registers can be used by something that needs them `early` cycles after it issues."""
        if not self.ready:
            return self.now
        return max([self.now, *(self.ready[r] - early for r in registers if r in self.ready)])


@dataclass(frozen=True)
class Core:
    """One processor core. `issue` brings the pipeline to the cycle in which the next instruction may issue."""

    name: str
    title: str
    architecture: Architecture
    sources: tuple[str, ...]  # documents that the numbers are from
    issue: Callable[[Pipeline, Insn], None]
    taken: Callable[[Insn, Insn | None], float]  # added by a taken branch to the instruction, where that is known
    unaligned: float = 0.0  # cycles for each further transfer of an unaligned access
    predicts: bool = False  # a taken branch leaves the pipeline full
    choices: tuple[str, ...] = ()  # where a document leaves room: what is taken, and why
