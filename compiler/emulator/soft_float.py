"""What floating point costs on a processor without an FPU: the share of the compiler's library in all instructions."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path

from compiler.emulator.build import Build
from compiler.emulator.measure import Measurement
from compiler.toolchain.sizes import read_symbols

# Names of libgcc and compiler-rt: __mulsf3, __aeabi_fmul, __floatsisf, __aeabi_cfcmple, __aeabi_i2f, __extendsfdf2;
# they count leading zeros with __clzsi2.
ARITHMETIC = re.compile(r"__(\w*[sd]f(2|3|si|di)?|aeabi_(c?[fd]\w+|u?[il]2[fd])|fix\w*[sd]f\w*|clz[sd]i2)$")


def soft_float_note(built: Build, measured: Measurement) -> str | None:
    """The sentence for the report; None where there is an FPU, or where instructions were not counted one by one."""
    if built.target.float_unit != "none" or built.harness is None or not measured.instructions:
        return None
    if not measured.executions:
        return "This processor has no FPU: floating point is computed by functions of the compiler's library."
    spent = float_instructions(built.harness, measured.executions)
    share = 100 * spent / measured.instructions
    return (
        f"This processor has no FPU: {share:.0f} % of the instructions ({spent:,} of {measured.instructions:,}) are "
        "floating-point arithmetic in the compiler's library."
    )


def float_instructions(harness: Path, executions: Mapping[int, int]) -> int:
    """How many of the executed instructions belong to the library's floating-point functions."""
    symbols, _ = read_symbols(harness)
    functions = sorted((s.address, s.address + s.size, s.name) for s in symbols if s.kind == "function")
    starts = [start for start, _, _ in functions]
    total = 0
    for address, count in executions.items():
        place = bisect_right(starts, address) - 1
        if place >= 0 and address < functions[place][1] and ARITHMETIC.match(functions[place][2]):
            total += count
    return total
