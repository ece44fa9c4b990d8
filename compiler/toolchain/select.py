"""Which compiler builds the object: the user's choice, or the one that the target prefers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from compiler.targets.base import CompilerName, Target
from compiler.toolchain.clang import clang
from compiler.toolchain.compiler import Compiler
from compiler.toolchain.find import path_of
from compiler.toolchain.gcc import gcc

MAKERS: dict[CompilerName, Callable[[Target], Compiler]] = {"gcc": gcc, "clang": clang}


def select(target: Target, choice: Literal["auto", "gcc", "clang"] = "auto") -> Compiler:
    """The compiler; with "auto" the other one serves when the preferred one is not installed."""
    if choice != "auto":
        return MAKERS[choice](target)
    here = installed(target)
    others = [kind for kind in here if kind != target.prefer]
    kind = target.prefer if target.prefer in here or not others else others[0]
    return MAKERS[kind](target)


def installed(target: Target) -> tuple[CompilerName, ...]:
    """The compilers for the target that this computer has."""
    gcc_here = not target.gcc.links_only and path_of(target.gcc.program("gcc")) is not None
    return (*(("gcc",) if gcc_here else ()), *(("clang",) if path_of("clang") else ()))
