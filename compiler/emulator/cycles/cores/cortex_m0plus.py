"""Cortex-M0+: two stages."""

from __future__ import annotations

from compiler.emulator.cycles.cores.armv6m import cost
from compiler.emulator.cycles.cores.base import Core
from compiler.emulator.cycles.insn import Insn


def taken(branch: Insn, target: Insn | None) -> float:
    """Table 3-1: b 2, bl 3, bx 2, blx 2, mov pc 2, pop with pc 3 + N."""
    if branch.kind == "load_many" or branch.operation == "bl":
        return 2.0
    return 1.0


CORE = Core(
    name="cortex_m0plus",
    title="Cortex-M0+",
    architecture="arm",
    sources=("Arm DDI 0484C: Cortex-M0+ Technical Reference Manual, table 3-1",),
    cost=cost,
    taken=taken,
    choices=(
        "muls takes 1 cycle, as with the fast multiplier of RP2040, SAMD21 and STM32G0; the small one takes 32",
        "loads and stores take 2 cycles; on the single-cycle I/O port they would take 1",
    ),
)
