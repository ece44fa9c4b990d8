"""GCC as a compiler for a target."""

from __future__ import annotations

from compiler.errors import ModelError
from compiler.options import Objective
from compiler.targets.base import Target
from compiler.toolchain.compiler import Compiler
from compiler.toolchain.find import require

# Equal functions stay two functions: a profile and the report have a row for each kernel.
SEPARATE = "-fno-ipa-icf"
# Kernels are written with as many accumulators as there are registers. Scheduling before register allocation
# lengthens live ranges until they spill (kws 9.1 M instructions instead of 7.3 M); the scheduler after it stays on.
TILES = "-fno-schedule-insns"

OPTIMIZE: dict[Objective, tuple[str, ...]] = {
    "balanced": ("-O2", SEPARATE, TILES),
    "speed": ("-O3", SEPARATE, TILES),
    "size": ("-Os", SEPARATE, TILES),
    "ram": ("-O2", SEPARATE, TILES),
}


def gcc(target: Target) -> Compiler:
    """The target's gcc; a ToolError when it is not installed."""
    if target.gcc.links_only:
        raise ModelError(
            "E1014",
            f"{target.gcc.program('gcc')} does not know {target.title}",
            where="--compiler gcc",
            help="leave --compiler out, or use clang",
        )
    tool = require(target.gcc.program("gcc"), f"building for {target.name}")
    return Compiler("gcc", tool, tuple(target.gcc.machine.split()), OPTIMIZE, target.gcc.program("g++"))
