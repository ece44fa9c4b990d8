"""LLVM's code beside C's: the same kernels by the target's C compiler, run once, for the report to say which wins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compiler import emit
from compiler.emulator.build import Build, build
from compiler.emulator.measure import run
from compiler.errors import ToolError
from compiler.options import CompileOptions
from compiler.program import Program
from compiler.targets import boards
from compiler.targets.base import Target
from compiler.timing import Timing, time_run
from compiler.vectors import Vector


def beside_c(
    program: Program,
    options: CompileOptions,
    target: Target,
    vectors: Sequence[Vector],
    built: Build,
    timing: Timing | None,
    workdir: Path,
) -> str | None:
    """A sentence for the report; None where cycles are not estimated, or no C compiler is installed."""
    if options.emit != "llvm" or timing is None:
        return None
    as_c = options.model_copy(update={"emit": "c"})
    folder = workdir / "beside_c"
    folder.mkdir()
    try:
        theirs = build(program, emit.get("c").files(program, as_c), target, as_c, folder)
        measured = run(theirs, program, vectors[:1])
    except ToolError:
        return None
    other = time_run(theirs, measured, target, boards.board(options.board) if options.board else None)
    if other is None:
        return None
    return (
        f"The same kernels as C take {other.cycles:,} cycles and {theirs.sizes.code:,} bytes of code by "
        f"{theirs.compiler} {theirs.compiler_version}; LLVM IR takes {timing.cycles:,} cycles "
        f"({_difference(timing.cycles, other.cycles)}) and {built.sizes.code:,} bytes "
        f"({_difference(built.sizes.code, theirs.sizes.code)})."
    )


def _difference(ours: int, theirs: int) -> str:
    percent = 100 * (ours - theirs) / max(1, theirs)
    if abs(percent) < 0.05:
        return "as many"
    return f"{abs(percent):.1f} % {'fewer' if percent < 0 else 'more'}"
