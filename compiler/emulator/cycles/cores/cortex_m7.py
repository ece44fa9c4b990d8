"""Cortex-M7: six stages, two instructions at once, branches predicted.

Arm publishes no table; the numbers are those of LLVM's scheduling model (ARMScheduleM7.td), which Arm's engineers
wrote. Its zero point is stage EX2: simple arithmetic has latency 1, addresses and shifted operands are needed a cycle
earlier, data to store a cycle later.
"""

from __future__ import annotations

import re
from math import ceil

from compiler.emulator.cycles.cores.base import Core, Pipeline
from compiler.emulator.cycles.insn import Insn

LATENCY = {"alu": 1.0, "mul": 2.0, "mac": 2.0, "mull": 2.0, "mlal": 2.0, "fp_alu": 3.0, "fp_mul": 3.0, "fp_mac": 6.0}
LATENCY |= {"fp_div": 16.0, "fp_sqrt": 16.0, "fp_move": 3.0}
DOUBLE = {"fp_alu": 4.0, "fp_mul": 7.0, "fp_mac": 11.0, "fp_div": 30.0, "fp_sqrt": 30.0}
ADDEND_EARLY = {"mac": 1.0, "mlal": 1.0, "fp_mac": 3.0}  # accumulators are needed so much later
DIVIDE = 7.0
MISPREDICTED = 6.0
# Only one of two instructions may need the unit; loads and plain arithmetic have two.
UNITS = {
    "mul": "mac",
    "mac": "mac",
    "mull": "mac",
    "mlal": "mac",
    "store": "store",
    "branch": "branch",
    "jump": "branch",
}
_SHIFTS = re.compile(r"(lsl|lsr|asr|ror)$")
_FIRST_ONLY = re.compile(r"[su]xta?[bh]|[su]h?(add|sub)(8|16)|sel|rev|rbit|[su]bfx|pkh|clz|bf[ic]|q?d?(add|sub)|usad")


def issue(pipeline: Pipeline, insn: Insn) -> None:
    """Together with the instruction before it where that is possible, else in the next cycle."""
    early = _early(insn)
    start = max(
        pipeline.wait(insn.base, -1.0),
        pipeline.wait(insn.addend, ADDEND_EARLY.get(insn.kind, 0.0)),
        pipeline.wait(insn.reads - insn.base - insn.addend, early),
    )
    unit = _unit(insn)
    start = max(start, pipeline.free.get(unit, 0.0))
    together = pipeline.partner and start <= pipeline.now - 1.0 and not _alone(insn) and not _first_only(insn)
    if together and pipeline.last is not None and unit and _unit(pipeline.last) == unit:
        together = False
    if together:
        start = pipeline.now - 1.0
        pipeline.partner = False
    else:
        start = max(start, pipeline.now)
        pipeline.now = start + _occupies(insn)
        pipeline.partner = not _alone(insn) and not insn.jumps
    for register in insn.writes:
        pipeline.ready[register] = start + _latency(insn)
    if insn.kind in ("fp_div", "fp_sqrt"):
        pipeline.free["vfp"] = start + _latency(insn) - 2.0
    pipeline.last = insn


def _early(insn: Insn) -> float:
    if insn.is_store:
        return 2.0 if insn.floating else 1.0
    return -1.0 if insn.kind == "alu" and _shifted(insn) else 0.0


def _shifted(insn: Insn) -> bool:
    return _SHIFTS.match(insn.operation) is None and bool(re.search(r", (lsl|lsr|asr|ror) #", insn.text))


def _unit(insn: Insn) -> str:
    if insn.kind.startswith("fp_") and insn.kind != "fp_move":
        return "vfp"
    if insn.kind == "alu" and (_shifted(insn) or _SHIFTS.match(insn.operation)):
        return "shift"
    return UNITS.get(insn.kind, "")


def _alone(insn: Insn) -> bool:
    return insn.kind in ("load_many", "store_many", "div", "system") or insn.double or insn.operation in ("tbb", "tbh")


def _first_only(insn: Insn) -> bool:
    """DSP instructions and bit fields are only issued in the first place of a pair."""
    return insn.kind == "alu" and bool(_FIRST_ONLY.match(insn.operation)) and insn.operation not in ("add", "sub")


def _occupies(insn: Insn) -> float:
    if insn.kind in ("load_many", "store_many"):
        return float(max(1, ceil(insn.words / 2)))
    return DIVIDE if insn.kind == "div" else 1.0


def _latency(insn: Insn) -> float:
    if insn.is_load:
        return 2.0 if insn.double or re.match(r"ldrs?[bh]", insn.operation) else 1.0
    if insn.double:
        return DOUBLE.get(insn.kind, LATENCY.get(insn.kind, 1.0))
    return LATENCY.get(insn.kind, DIVIDE if insn.kind == "div" else 1.0)


def taken(branch: Insn, target: Insn | None) -> float:
    """Branches to labels are predicted; returns and jumps through registers are known late."""
    return 0.0 if branch.kind == "branch" else 4.0


CORE = Core(
    name="cortex_m7",
    title="Cortex-M7",
    architecture="arm",
    sources=("LLVM, ARMScheduleM7.td: units, latencies, pairs, penalties",),
    issue=issue,
    taken=taken,
    predicts=True,
    mispredicted=MISPREDICTED,
    choices=(
        "load and store of several registers move two a cycle, since there are two 32-bit lanes",
        "a branch is predicted the way it goes more often; the other way costs 6 cycles",
        "returns and jumps through registers cost 4 cycles, the model's general penalty",
        "caches are warm but for flash; tightly coupled memory or cache serve data in a cycle",
    ),
)
