"""What Cortex-M0 and Cortex-M0+ have in common: one instruction at a time, nothing overlaps but the next fetch."""

from __future__ import annotations

from compiler.emulator.cycles.cores.base import Step

SYSTEM = 3.0  # mrs, msr, dmb, dsb, isb
SPECIAL = ("mrs", "msr", "dmb", "dsb", "isb")


def cost(step: Step) -> float:
    """Loads and stores take two cycles each, several registers 1 + N."""
    insn = step.insn
    if insn.kind in ("load", "store"):
        return 2.0
    if insn.kind in ("load_many", "store_many"):
        return 1.0 + insn.words
    return SYSTEM if insn.operation in SPECIAL else 1.0
