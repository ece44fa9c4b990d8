"""Cortex-M4 and M4F: three stages, one instruction at a time.

Numbers: Arm, Cortex-M4 Technical Reference Manual (DDI 0439), table 3-1 "instruction set summary", section 3.3.3
"Load/store timings", table 7-1 "FPU instruction set". Branches: `taken_thumb`.
"""

from __future__ import annotations

from compiler.emulator.cycles.cores.armv7m import folded, load_store, taken_thumb
from compiler.emulator.cycles.cores.base import Core, Step

DIVIDE = 7.0  # table 3-1: 2 to 12, by the operands
FP_CYCLES = {"fp_mac": 3.0, "fp_div": 14.0, "fp_sqrt": 14.0}
FP_ARITHMETIC = ("fp_alu", "fp_mul", "fp_mac")


def cost(step: Step) -> float:
    """Cycles of one instruction behind another."""
    insn, last = step.insn, step.last
    match insn.kind:
        case "load" | "store" | "load_many" | "store_many":
            cycles = load_store(step)
        case "div":
            cycles = DIVIDE
        case "it":
            cycles = folded(step)
        case "fp_move" if insn.words == 2:
            cycles = 2.0
        case kind:
            cycles = FP_CYCLES.get(kind, 1.0)
    # Table 7-1, note: results of arithmetic are there a cycle later, addends of multiply-adds are needed a cycle later.
    late = step.data and last is not None and last.kind in FP_ARITHMETIC
    return cycles + (1.0 if late else 0.0)


CORE = Core(
    name="cortex_m4",
    title="Cortex-M4",
    architecture="arm",
    sources=(
        "Arm DDI 0439: Cortex-M4 Technical Reference Manual, table 3-1, section 3.3.3, table 7-1",
        "GCC, config/arm/cortex-m4-fpu.md: vldr is pipelined with its neighbours like ldr",
        "Nordic, nrfx_coredep.h: subs and a taken branch are 3 cycles on Cortex-M4",
    ),
    cost=cost,
    taken=taken_thumb,
    unaligned=1.0,
    choices=(
        "sdiv and udiv take 2 to 12 cycles by their operands: 7 is taken",
        "pipeline refill takes 1 to 3 cycles: 1 for a label, 2 for an address in a register or memory, "
        "1 more where a 32-bit target is not aligned to 32 bits",
        "vdiv and vsqrt hold up all instructions for 14 cycles, though integer ones could go on",
        "instructions under an IT block count as if their condition held",
    ),
)
