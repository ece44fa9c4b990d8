"""listing.json: the source of each kernel beside the machine code that the compiler made of it.

The code is that of the very object in the zip. Source lines come from a second compilation of the same source with
line tables; they are given only when its machine code is the same to the byte, so a line is never wrong. Executions
and cycles are those of the first vector, where the emulator counted; cycles are estimates without waits for flash.

    {"schema", "object", "source", "lines": whether there are source lines, "disassembler",
     "functions": [{"name", "layers": [indices], "source": {"file", "first", "last"} | null, "left_out",
                    "instructions": [{"offset", "text", "line", "executed", "cycles"}]}]}

Offsets count from the function's first byte. `left_out` says how many instructions at the end of a long function are
not listed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from compiler.anatomy.definition import definitions
from compiler.anatomy.ir_lines import with_lines
from compiler.anatomy.objdump import Disassembler, Instruction, disassembler, within
from compiler.emulator.build import Build
from compiler.emulator.measure import Measurement
from compiler.errors import CompilerBug, ToolError
from compiler.options import CompileOptions
from compiler.toolchain.find import version_of
from compiler.toolchain.languages import build_object
from compiler.toolchain.llvm import compile_ll
from compiler.toolchain.select import select
from compiler.toolchain.sizes import Symbol, read_symbols, symbols_of

if TYPE_CHECKING:
    from compiler.program import Program

SCHEMA = "deepmetal.listing/1"
MOST_OF_A_FUNCTION = 4_000  # instructions
MOST_OF_ALL = 24_000
LINE_TABLES = "-g1"


@dataclass(frozen=True)
class Function:
    """A function of the object with its code. `offset` counts from the beginning of its section."""

    name: str
    offset: int
    size: int
    instructions: tuple[Instruction, ...]


def listing(
    program: Program,
    built: Build,
    options: CompileOptions,
    sources: Mapping[str, bytes],
    measured: Measurement | None,
    cycles: Mapping[int, int] | None = None,
) -> bytes | None:
    """The file's bytes; None when no disassembler for the target is installed.

    `cycles` are those of all executions of an instruction, by address in the harness.
    """
    tool = disassembler(built.target)
    if tool is None:
        return None
    source = next(path for path in sources if path.startswith(f"src/{program.name}."))
    wanted = _wanted(program)
    twin = _with_lines(program, built, options)
    functions = _functions(built.workdir, twin or built.object_path, tool, source if twin else "", wanted)
    placed = definitions(sources[source].decode(), list(wanted))
    counted = _Counts.of(built, measured, cycles)
    room = MOST_OF_ALL
    entries = []
    for function in functions:
        shown = function.instructions[: min(MOST_OF_A_FUNCTION, room)]
        room -= len(shown)
        base = _base(function.name)
        at = placed.get(base)
        entries.append(
            {
                "name": function.name,
                "layers": wanted[base],
                "source": {"file": source, "first": at.first, "last": at.last} if at else None,
                "left_out": len(function.instructions) - len(shown),
                "instructions": [_entry(function, i, counted) for i in shown],
            }
        )
    content = {
        "schema": SCHEMA,
        "object": built.object_path,
        "source": source,
        "lines": twin is not None,
        "disassembler": f"{tool.path.name} {version_of(tool.path)}",
        "functions": entries,
    }
    return _json(content)


def _json(content: dict[str, Any]) -> bytes:
    """One line for each instruction: readable, and not much larger than it must be."""
    functions = content.pop("functions")
    head = json.dumps(content, indent=1)[:-2]
    parts = []
    for function in functions:
        rows = function.pop("instructions")
        lines = ",\n".join("   " + json.dumps(row, separators=(",", ":")) for row in rows)
        parts.append(f'  {json.dumps(function)[:-1]}, "instructions": [\n{lines}\n  ]}}')
    joined = ",\n".join(parts)
    return f'{head},\n "functions": [\n{joined}\n ]\n}}\n'.encode()


def _wanted(program: Program) -> dict[str, list[int]]:
    """Every kernel and the run function, in the order of the layers, with the layers that they are for."""
    wanted: dict[str, list[int]] = {f"{program.name}_run": []}
    for index, layer in enumerate(program.layers):
        wanted.setdefault(layer.kernel, []).append(index)
    return wanted


def _base(symbol: str) -> str:
    """Compilers split functions into `name.part.0` and the like."""
    return symbol.partition(".")[0]


def _functions(
    workdir: Path, path: str, tool: Disassembler, source: str, wanted: Mapping[str, list[int]]
) -> list[Function]:
    order = list(wanted)
    with (workdir / path).open("rb") as file:
        program = ELFFile(file)
        symbols = [s for s in symbols_of(program) if s.kind == "function" and _base(s.name) in wanted]
        executable = [
            (number, section.name)
            for number, section in enumerate(program.iter_sections())
            if section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR and section["sh_size"]
        ]
    code: dict[int, list[Instruction]] = {}
    for name, instructions in tool.sections(path, workdir, source):
        number = next((n for n, known in executable if known == name and n not in code), None)
        if number is not None:
            code[number] = instructions
    symbols.sort(key=lambda s: (order.index(_base(s.name)), s.name))
    return [Function(s.name, s.address, s.size, _inside(s, code.get(s.section, []))) for s in symbols]


def _inside(symbol: Symbol, code: list[Instruction]) -> tuple[Instruction, ...]:
    return tuple(i for i in code if symbol.address <= i.offset < symbol.address + symbol.size)


def _with_lines(program: Program, built: Build, options: CompileOptions) -> str | None:
    """The object compiled once more, with line tables; None when its machine code is not that of the first."""
    path = f"lines/{program.name}.o"
    try:
        if options.emit == "llvm":
            _compile_ir(program.name, built, options, path)
        else:
            compiler = select(built.target, options.compiler)
            usual = {*compiler.flags(options), *compiler.cpp_flags(options)}
            flags = (*(flag for flag in built.flags if flag not in usual), LINE_TABLES)
            build_object(program.name, built.target, compiler, options, path, built.workdir, flags)
    except (ToolError, CompilerBug):
        return None  # out of time or memory: the listing has no lines then
    same = _loaded(built.workdir / path) == _loaded(built.workdir / built.object_path)
    return path if same else None


def _compile_ir(name: str, built: Build, options: CompileOptions, path: str) -> None:
    source = f"src/{name}.ll"
    beside = f"src/{name}_lines.ll"  # where its weights are
    (built.workdir / beside).write_text(with_lines((built.workdir / source).read_text(), source))
    compile_ll(beside, path, built.target, options, built.workdir)


def _loaded(path: Path) -> list[tuple[str, int, bytes]]:
    """What gets onto the target: the bytes of every section that is loaded."""
    with path.open("rb") as file:
        return [
            (section.name, section["sh_size"], b"" if section["sh_type"] == "SHT_NOBITS" else section.data())
            for section in ELFFile(file).iter_sections()
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC
        ]


@dataclass(frozen=True)
class _Counts:
    """Executions and cycles by function and offset into it, taken from the program that ran."""

    places: Mapping[str, Symbol]  # the functions as they are linked
    executions: Mapping[int, int]
    cycles: Mapping[int, int] | None

    @classmethod
    def of(cls, built: Build, measured: Measurement | None, cycles: Mapping[int, int] | None) -> _Counts:
        if measured is None or built.harness is None or not measured.executions:
            return cls({}, {}, None)
        symbols, _ = read_symbols(built.harness)
        return cls({s.name: s for s in symbols if s.kind == "function"}, measured.executions, cycles)

    def at(self, function: Function, offset: int) -> tuple[int | None, int | None]:
        """None where nothing was counted, or where the linker changed the function (RISC-V shortens calls)."""
        place = self.places.get(function.name)
        if place is None or place.size != function.size:
            return None, None
        address = place.address + offset
        return self.executions.get(address, 0), None if self.cycles is None else self.cycles.get(address, 0)


def _entry(function: Function, instruction: Instruction, counts: _Counts) -> dict[str, object]:
    offset = instruction.offset - function.offset
    executed, cycles = (None, None) if instruction.is_data else counts.at(function, offset)
    return {
        "offset": offset,
        "text": within(instruction.text, function.offset, function.size),
        "line": None if instruction.is_data else instruction.line,
        "executed": executed,
        "cycles": cycles,
    }
