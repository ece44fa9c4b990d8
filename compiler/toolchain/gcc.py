"""GCC as a compiler for a target."""

from __future__ import annotations

from compiler.options import Objective
from compiler.targets.base import Target
from compiler.toolchain.compiler import Compiler
from compiler.toolchain.find import require

OPTIMIZE: dict[Objective, tuple[str, ...]] = {
    "balanced": ("-O2",),
    "speed": ("-O3",),
    "size": ("-Os",),
    "ram": ("-O2",),
}


def gcc(target: Target) -> Compiler:
    """The target's gcc; a ToolError when it is not installed."""
    tool = require(target.gcc.program("gcc"), f"building for {target.name}")
    return Compiler("gcc", tool, tuple(target.gcc.machine.split()), OPTIMIZE)
