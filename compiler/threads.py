"""`--threads N`: large loops share their iterations by OpenMP, on targets that have an operating system."""

from __future__ import annotations

from dataclasses import replace

from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.targets import target as named
from compiler.targets.base import Llvm, Native, Target
from compiler.targets.computer import machine

NO_THREADS = "E1040"
OPENMP = ("-fopenmp",)


def threaded(target: Target, options: CompileOptions) -> Target:
    """The target as threads need it: built and run by this computer's own system, whose library starts the threads."""
    if options.threads == 1:
        return target
    if target.memory:
        reason, help = f"{target.title} has no operating system", "leave --threads out; or --target host"
    elif options.emit == "llvm":
        reason, help = "the LLVM emitter prints no OpenMP", "use --emit c or --emit cpp"
    elif target.llvm.triple and not target.llvm.triple.startswith(machine()):
        reason, help = f"this computer is no {target.family}, and threads are not emulated", "compile on one"
    elif _lanes(target) > _lanes(named("host")):
        reason, help = f"this computer's processor lacks what {target.title} has", "choose --target host"
    else:
        return replace(target, llvm=Llvm(triple="", cpu=""), emulator=Native(start_up="host"), prefer="gcc")
    raise ModelError(
        NO_THREADS, f"no {options.threads} threads here", where="--threads", facts={"reason": reason}, help=help
    )


def _lanes(target: Target) -> int:
    """Bits of the widest vectors."""
    return max((int(f.removeprefix("simd")) for f in target.features if f.startswith("simd")), default=0)
