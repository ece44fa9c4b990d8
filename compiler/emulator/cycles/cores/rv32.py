"""RISC-V of 32 bits, in order, after CV32E40P: four stages, one instruction at a time.

Numbers: OpenHW Group, CV32E40P User Manual, chapter "Pipeline Details", table "Cycle counts per instruction type".
"""

from __future__ import annotations

from compiler.emulator.cycles.cores.base import Core, Step
from compiler.emulator.cycles.insn import Insn

CYCLES = {
    "mull": 5.0,  # mulh, mulhu, mulhsu
    "div": 19.0,  # 3 to 35, by the divisor
    "fp_div": 12.0,  # 1 to 19: the FPU works on for 11 cycles
    "fp_sqrt": 12.0,
}
FPU_LATENCY = 1.0  # cycles beyond the first until a result can be used; a parameter of the core


def cost(step: Step) -> float:
    """One cycle, and one more where the instruction before has just loaded or computed what is needed."""
    insn, last = step.insn, step.last
    used = step.address or step.data or step.addend
    late = 0.0
    if used and last is not None:
        if last.is_load or (insn.kind == "jump" and last.kind == "alu"):
            late = 1.0
        elif last.kind in ("fp_alu", "fp_mul", "fp_mac"):
            late = FPU_LATENCY
    return CYCLES.get(insn.kind, 1.0) + late


def taken(branch: Insn, target: Insn | None) -> float:
    """Jumps take 2 cycles, taken branches 3; one more for a 32-bit target that lies across two words."""
    across = target is not None and target.size == 4 and target.address % 4 != 0
    return (2.0 if branch.conditional else 1.0) + (1.0 if across else 0.0)


CORE = Core(
    name="rv32",
    title="RV32, in order (CV32E40P)",
    architecture="riscv",
    sources=("OpenHW Group, CV32E40P User Manual, Pipeline Details: hazards, table of cycle counts",),
    cost=cost,
    taken=taken,
    unaligned=1.0,
    choices=(
        "div and rem take 3 to 35 cycles by the divisor: 19 is taken",
        "floating-point results can be used after 2 cycles: FPU_ADDMUL_LAT and FPU_OTHERS_LAT are 1",
        "the chips named with this target have cores of their own, whose timings may differ",
    ),
)
