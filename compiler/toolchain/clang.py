"""clang as a compiler for a target. It brings the headers of freestanding C itself and needs no libc."""

from __future__ import annotations

from compiler.options import Objective
from compiler.targets.base import Target
from compiler.toolchain.compiler import Compiler
from compiler.toolchain.find import require

# Kernels are unrolled where it pays; unrolling them again made vww 45 % larger and no faster.
WRITTEN_OUT = "-fno-unroll-loops"

OPTIMIZE: dict[Objective, tuple[str, ...]] = {
    "balanced": ("-O2", WRITTEN_OUT),
    "speed": ("-O3", WRITTEN_OUT),
    "size": ("-Os", WRITTEN_OUT),
    "ram": ("-O2", WRITTEN_OUT),
}


def clang(target: Target) -> Compiler:
    """clang for the target's triple; a ToolError when it is not installed."""
    tool = require("clang", f"building for {target.name}")
    triple = (f"--target={target.llvm.triple}",) if target.llvm.triple else ()
    machine = target.clang.machine.split()
    by_cpu = target.llvm.cpu and not any(option.startswith("-march=") for option in machine)
    cpu = (f"-mcpu={target.llvm.cpu}",) if by_cpu else ()
    return Compiler("clang", tool, (*triple, *cpu, *machine), OPTIMIZE, "clang++")
