"""What Cortex-M3 and Cortex-M4 have in common; their manuals use the same words for it."""

from __future__ import annotations

from compiler.emulator.cycles.cores.base import Step
from compiler.emulator.cycles.insn import Insn


def load_store(step: Step) -> float:
    """Cycles of a load or store (DDI 0439, section 3.3.3; DDI 0337, section 3.3.3).

    A single load takes 2 cycles, a store 2 or, with an immediate offset, 1. Behind a single load whose result is not in
    the address both take one less, at least 1. Several registers take 1 + N and overlap with nothing. An address that
    the instruction before computed costs a cycle: there is no forwarding.
    """
    insn, last = step.insn, step.last
    late = 1.0 if step.address and last is not None and last.kind in ("alu", "mul", "mac") else 0.0
    if insn.kind in ("load_many", "store_many"):
        return late + 1.0 + insn.words
    if insn.double:
        return late + 3.0
    behind_load = last is not None and last.kind == "load" and not step.address
    if insn.kind == "load":
        return 1.0 if behind_load else late + 2.0
    if behind_load or not (insn.indexed or insn.floating):
        return late + 1.0
    return late + 2.0


def taken_thumb(branch: Insn, target: Insn | None) -> float:
    """The refill of the pipeline: table 3-1's P, which is 1 to 3.

    A label is known while the branch is decoded; a register or a loaded address one cycle later. A 32-bit instruction
    that lies across two words needs both of them.
    """
    known_early = branch.kind in ("branch", "loop")
    across = target is not None and target.size == 4 and target.address % 4 != 0
    return (1.0 if known_early else 2.0) + (1.0 if across else 0.0)


def folded(step: Step) -> float:
    """`it` is folded into a 16-bit instruction before it."""
    return 0.0 if step.last is not None and step.last.size == 2 and step.last.kind != "it" else 1.0
