"""The functions of an object, each with its instructions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from compiler.anatomy.objdump import Disassembler, Instruction
from compiler.toolchain.sizes import Symbol, symbols_of

if TYPE_CHECKING:
    from compiler.program import Program


@dataclass(frozen=True)
class Function:
    """A function of an object with its code. `offset` counts from the beginning of its section."""

    name: str
    offset: int
    size: int
    instructions: tuple[Instruction, ...]

    @property
    def kernel(self) -> str:
        """Compilers split functions into `name.part.0` and the like."""
        return self.name.partition(".")[0]


def wanted_functions(program: Program) -> dict[str, list[int]]:
    """The run function and every kernel, in the order of the layers, with the layers that they are for."""
    wanted: dict[str, list[int]] = {f"{program.name}_run": []}
    for index, layer in enumerate(program.layers):
        wanted.setdefault(layer.kernel, []).append(index)
    return wanted


def read_functions(
    tool: Disassembler, path: str, workdir: Path, wanted: Mapping[str, object], source: str = ""
) -> list[Function]:
    """Those of the object `path` that are wanted, in that order; with lines of `source` where the object has them."""
    with (workdir / path).open("rb") as file:
        program = ELFFile(file)
        symbols = [s for s in symbols_of(program) if s.kind == "function" and s.name.partition(".")[0] in wanted]
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
    order = list(wanted)
    symbols.sort(key=lambda s: (order.index(s.name.partition(".")[0]), s.name))
    return [Function(s.name, s.address, s.size, inside(s, code.get(s.section, []))) for s in symbols]


def inside(symbol: Symbol, code: list[Instruction]) -> tuple[Instruction, ...]:
    return tuple(i for i in code if symbol.address <= i.offset < symbol.address + symbol.size)
