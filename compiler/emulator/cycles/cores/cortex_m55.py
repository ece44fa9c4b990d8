"""Cortex-M55: one instruction per cycle, some pairs of 16-bit ones, Helium in two beats.

Numbers: LLVM's scheduling model (ARMScheduleM55.td), which Arm's engineers wrote. A Helium instruction keeps its pipe
(load/store, integer, float and multiply) for two cycles; the next one may begin on another pipe after one.
"""

from __future__ import annotations

import re

from compiler.emulator.cycles.cores.base import Core, Pipeline
from compiler.emulator.cycles.insn import Insn

SLOW = ("mul", "mac", "mull", "mlal", "load", "load_many", "div")  # results after 2 cycles
PIPES = {"vec_load": "load", "vec_store": "load", "vec_alu": "integer", "vec_mul": "float", "vec_mac": "float"}
LATENCY = {"fp_alu": 2.0, "fp_mul": 2.0, "fp_mac": 4.0, "fp_div": 15.0, "fp_sqrt": 15.0, "fp_move": 1.0}
LATENCY |= {"vec_load": 1.0, "vec_alu": 1.0, "vec_mul": 2.0, "vec_mac": 2.0}
DIVIDE = 7.0
TAKEN = 3.0
_EASY = re.compile(r"(nop|it|b|mov|adds?|subs?|[su]xt[bh])$")


def issue(pipeline: Pipeline, insn: Insn) -> None:
    """In order; two 16-bit instructions together when one of them is easy."""
    start = pipeline.wait(insn.reads)
    pipe = PIPES.get(insn.kind, "")
    start = max(start, pipeline.free.get(pipe, 0.0)) if pipe else start
    last = pipeline.last
    together = (
        pipeline.partner
        and last is not None
        and insn.size == 2
        and start <= pipeline.now - 1.0
        and (_easy(insn) or _easy(last))
    )
    if together:
        start = pipeline.now - 1.0
        pipeline.partner = False
    else:
        start = max(start, pipeline.now)
        pipeline.now = start + _occupies(insn)
        pipeline.partner = insn.size == 2 and not insn.jumps and _occupies(insn) == 1.0
    for register in insn.writes:
        pipeline.ready[register] = start + _latency(insn)
    if pipe:
        pipeline.free[pipe] = start + 2.0
    pipeline.last = insn


def _easy(insn: Insn) -> bool:
    plain = insn.kind in ("it", "branch") or (insn.kind == "alu" and bool(_EASY.match(insn.operation)))
    return plain and not (insn.operation in ("add", "sub") and "#" not in insn.text)


def _occupies(insn: Insn) -> float:
    if insn.kind in ("load_many", "store_many"):
        return float(insn.words)
    if insn.kind in ("fp_div", "fp_sqrt"):
        return 1.0
    if insn.kind == "loop" and insn.operation in ("le", "letp"):
        return 0.0
    return DIVIDE if insn.kind == "div" else 1.0


def _latency(insn: Insn) -> float:
    if insn.kind in SLOW or (insn.kind == "alu" and re.search(r", (lsl|lsr|asr|ror) #", insn.text)):
        return 2.0
    return LATENCY.get(insn.kind, 1.0)


def taken(branch: Insn, target: Insn | None) -> float:
    """Low-overhead loops go round for nothing."""
    return 0.0 if branch.kind == "loop" else TAKEN


CORE = Core(
    name="cortex_m55",
    title="Cortex-M55",
    architecture="arm",
    sources=("LLVM, ARMScheduleM55.td: pairs, latencies, beats, penalty",),
    issue=issue,
    taken=taken,
    predicts=True,
    choices=(
        "a taken branch costs the model's general penalty of 3 cycles, the end of a low-overhead loop none",
        "all integer vector instructions have latency 1, multiplications and floating-point ones 2",
        "load and store of several registers take one cycle each",
    ),
)
