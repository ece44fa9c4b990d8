"""Cortex-M4 and M4F: three stages, one instruction at a time.

Numbers: Arm, Cortex-M4 Technical Reference Manual (DDI 0439), table 3-1 "instruction set summary", section 3.3.3
"Load/store timings", table 7-1 "FPU instruction set". Branches: `taken_thumb`.
"""

from __future__ import annotations

from compiler.emulator.cycles.cores.armv7m import load_store, taken_thumb, within_it
from compiler.emulator.cycles.cores.base import Core, Pipeline
from compiler.emulator.cycles.insn import Insn

DIVIDE = 7.0  # table 3-1: 2 to 12, by the operands
FP_CYCLES = {"fp_mac": 3.0, "fp_div": 14.0, "fp_sqrt": 14.0}


def issue(pipeline: Pipeline, insn: Insn) -> None:
    """Execution time in order, plus the waits for results of the FPU."""
    start = pipeline.wait(insn.reads - insn.addend) if insn.is_float else pipeline.now
    cycles = _cycles(pipeline, insn)
    if insn.kind in ("fp_div", "fp_sqrt"):
        # Integer instructions go on; the next floating-point one waits.
        start = max(start, pipeline.free.get("fpu", 0.0))
        pipeline.free["fpu"] = start + cycles
        pipeline.ready.update(dict.fromkeys(insn.writes, start + cycles + 1))
        cycles = 1.0
    elif insn.is_float:
        start = max(start, pipeline.free.get("fpu", 0.0))
        late = 1.0 if insn.kind in ("fp_alu", "fp_mul", "fp_mac") else 0.0
        if late:
            pipeline.ready.update(dict.fromkeys(insn.writes, start + cycles + late))
    pipeline.now = start + cycles
    pipeline.last = insn


def _cycles(pipeline: Pipeline, insn: Insn) -> float:
    match insn.kind:
        case "load" | "store" | "load_many" | "store_many":
            return load_store(pipeline.last, insn)
        case "div":
            return DIVIDE
        case "it":
            return within_it(pipeline.last)
        case "fp_move" if insn.words == 2:
            return 2.0
    return FP_CYCLES.get(insn.kind, 1.0)


CORE = Core(
    name="cortex_m4",
    title="Cortex-M4",
    architecture="arm",
    sources=(
        "Arm DDI 0439: Cortex-M4 Technical Reference Manual, table 3-1, section 3.3.3, table 7-1",
        "GCC, config/arm/cortex-m4-fpu.md: vldr is pipelined with its neighbours like ldr",
        "Nordic, nrfx_coredep.h: subs and a taken branch are 3 cycles on Cortex-M4",
    ),
    issue=issue,
    taken=taken_thumb,
    unaligned=1.0,
    choices=(
        "sdiv and udiv take 2 to 12 cycles by their operands: 7 is taken",
        "pipeline refill takes 1 to 3 cycles: 1 for a label, 2 for an address in a register or memory, "
        "1 more where a 32-bit target is not aligned to 32 bits",
    ),
)
