"""Cortex-M3: three stages, loads and stores as on Cortex-M4, slower multiply-adds and long multiplications."""

from __future__ import annotations

from compiler.emulator.cycles.cores.armv7m import folded, load_store, taken_thumb
from compiler.emulator.cycles.cores.base import Core, Step

CYCLES = {
    "mac": 2.0,
    "mull": 4.0,  # 3 to 5, by the operands
    "mlal": 5.5,  # 4 to 7
    "div": 7.0,  # 2 to 12
}


def cost(step: Step) -> float:
    """Cycles of one instruction behind another."""
    match step.insn.kind:
        case "load" | "store" | "load_many" | "store_many":
            return load_store(step)
        case "it":
            return folded(step)
        case kind:
            return CYCLES.get(kind, 1.0)


CORE = Core(
    name="cortex_m3",
    title="Cortex-M3",
    architecture="arm",
    sources=("Arm DDI 0337I: Cortex-M3 Technical Reference Manual, table 3-1 and section 3.3.3",),
    cost=cost,
    taken=taken_thumb,
    unaligned=1.0,
    choices=(
        "by the operands umull and smull take 3 to 5 cycles, umlal and smlal 4 to 7, sdiv and udiv 2 to 12: the middle",
        "pipeline refill takes 1 to 3 cycles: 1 for a label, 2 for an address in a register or memory, "
        "1 more where a 32-bit target is not aligned to 32 bits",
        "instructions under an IT block count as if their condition held",
    ),
)
