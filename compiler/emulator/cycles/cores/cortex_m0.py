"""Cortex-M0: three stages."""

from __future__ import annotations

from compiler.emulator.cycles.cores.armv6m import cost
from compiler.emulator.cycles.cores.base import Core
from compiler.emulator.cycles.insn import Insn


def taken(branch: Insn, target: Insn | None) -> float:
    """Table 3-1: b 3, bl 4, bx 3, blx 3, mov pc 3, pop with pc 4 + N."""
    if branch.kind == "load_many" or branch.operation == "bl":
        return 3.0
    return 2.0


CORE = Core(
    name="cortex_m0",
    title="Cortex-M0",
    architecture="arm",
    sources=(
        "Arm DDI 0432C: Cortex-M0 Technical Reference Manual, table 3-1",
        "Nordic, nrfx_coredep.h: subs and a taken branch are 4 cycles on Cortex-M0",
    ),
    cost=cost,
    taken=taken,
    choices=("muls takes 1 cycle, as with the fast multiplier; the small one takes 32",),
)
