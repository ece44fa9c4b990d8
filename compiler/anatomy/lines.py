"""Source lines of an object's instructions: from a second compilation of the same source, with line tables.

The object in the zip has none. Debug information leaves the code alone, or nearly: where a function has frames to
describe, LLVM for AArch64 schedules its entry and exit otherwise. So a line is given only to an instruction that the
second object has at the very same place, in a function of the same size that is the same almost everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from compiler.anatomy.functions import Function, read_functions
from compiler.anatomy.ir_lines import with_lines
from compiler.anatomy.objdump import Disassembler
from compiler.emulator.build import Build
from compiler.errors import CompilerBug, ToolError
from compiler.options import CompileOptions
from compiler.toolchain.languages import build_object
from compiler.toolchain.llvm import compile_ll
from compiler.toolchain.select import select

if TYPE_CHECKING:
    from compiler.program import Program

LINE_TABLES = "-g1"
ALIKE = 0.8  # of a function's instructions, at least


def add_lines(
    functions: Sequence[Function],
    program: Program,
    built: Build,
    options: CompileOptions,
    tool: Disassembler,
    wanted: Mapping[str, object],
    source: str,
) -> list[Function]:
    """`functions` with the lines of `source` where they are known."""
    path = f"lines/{program.name}.o"
    try:
        _compile(program.name, built, options, path)
    except (ToolError, CompilerBug):
        return list(functions)  # out of time or memory: the listing has no lines then
    twins = {twin.name: twin for twin in read_functions(tool, path, built.workdir, wanted, source)}
    return [_with_lines_of(function, twins.get(function.name)) for function in functions]


def _with_lines_of(function: Function, twin: Function | None) -> Function:
    if twin is None or twin.size != function.size:
        return function
    same = {(i.offset - twin.offset, i.text): i.line for i in twin.instructions}
    lines = [same.get((i.offset - function.offset, i.text), -1) for i in function.instructions]
    if lines.count(-1) > (1 - ALIKE) * len(lines):
        return function
    return replace(
        function,
        instructions=tuple(
            replace(i, line=None if line == -1 or i.is_data else line)
            for i, line in zip(function.instructions, lines, strict=True)
        ),
    )


def _compile(name: str, built: Build, options: CompileOptions, path: str) -> None:
    if options.emit == "llvm":
        source = f"src/{name}.ll"
        beside = f"src/{name}_lines.ll"  # where its weights are
        (built.workdir / beside).write_text(with_lines((built.workdir / source).read_text(), source))
        compile_ll(beside, path, built.target, options, built.workdir)
        return
    compiler = select(built.target, options.compiler)
    usual = {*compiler.flags(options), *compiler.cpp_flags(options)}
    flags = (*(flag for flag in built.flags if flag not in usual), LINE_TABLES)
    build_object(name, built.target, compiler, options, path, built.workdir, flags)
