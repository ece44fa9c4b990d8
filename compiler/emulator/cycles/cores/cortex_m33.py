"""Cortex-M33: three stages. Arm publishes no table of its timings; both compilers schedule for it as for Cortex-M4."""

from __future__ import annotations

from dataclasses import replace

from compiler.emulator.cycles.cores.base import Step
from compiler.emulator.cycles.cores.cortex_m4 import CORE as M4
from compiler.emulator.cycles.cores.cortex_m4 import cost as m4_cost

PARTNERS = ("alu", "branch", "it")  # what a 16-bit instruction may be issued with
DIVIDE = 6.5  # 2 to 11


def cost(step: Step) -> float:
    """As on Cortex-M4, but a 16-bit instruction may be issued together with the 16-bit one before it."""
    insn, last = step.insn, step.last
    if insn.kind == "div":
        return DIVIDE
    pairs = last is not None and last.size == 2 and insn.size == 2 and not (step.data or step.address or step.addend)
    if pairs and insn.kind in PARTNERS and last is not None and last.kind in ("alu", "load", "store"):
        return 0.5 if insn.kind != "it" else 0.0  # two pairs of three neighbours overlap: half of them can
    return m4_cost(step)


CORE = replace(
    M4,
    name="cortex_m33",
    title="Cortex-M33",
    sources=(
        "LLVM, ARMProcessors.td: cortex-m33 is scheduled by the model of Cortex-M4; GCC, arm-cpus.in: tuned alike",
        "Arm, Cortex-M33 product page: pairs of 16-bit instructions are issued together, within limits",
        "LLVM, ARMScheduleM55.td, opening comment: Cortex-M55 is scheduled much like M4 and M33",
    ),
    cost=cost,
    choices=(
        "loads, stores, branches and FPU as on Cortex-M4, for want of a table",
        "half of the independent neighbours of 16 bits are issued together",
        "sdiv and udiv take 2 to 11 cycles by their operands: 6.5 is taken",
        "instructions under an IT block count as if their condition held",
    ),
)
