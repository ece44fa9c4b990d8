"""Executions and cycles of the object's instructions, from the program that ran.

The linker takes functions over as they are, except on RISC-V, where it shortens calls and addresses: there the object's
instructions are paired with those of the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from compiler.anatomy.functions import Function, inside
from compiler.anatomy.objdump import Disassembler, Instruction
from compiler.emulator.build import Build
from compiler.emulator.measure import Measurement
from compiler.toolchain.sizes import Symbol, read_symbols

CALLS = ("jal", "j", "c.jal", "c.j")
ADDING = {"mv", "add", "addi", "li"}


@dataclass(frozen=True)
class Count:
    executed: int | None = None
    cycles: int | None = None


@dataclass(frozen=True)
class Counts:
    """`executions` and `cycles` are by address in the program `elf`; None where nothing was counted."""

    elf: Path | None
    tool: Disassembler
    executions: Mapping[int, int]
    cycles: Mapping[int, int] | None

    @classmethod
    def of(
        cls, built: Build, measured: Measurement | None, cycles: Mapping[int, int] | None, tool: Disassembler
    ) -> Counts:
        if measured is None or not measured.executions:
            return cls(None, tool, {}, None)
        return cls(built.harness, tool, measured.executions, cycles)

    @cached_property
    def _linked(self) -> dict[str, Symbol]:
        symbols = read_symbols(self.elf)[0] if self.elf else []
        return {s.name: s for s in symbols if s.kind == "function"}

    @cached_property
    def _code(self) -> list[Instruction]:
        """Of the whole program; read only where the linker changed something."""
        assert self.elf is not None
        sections = self.tool.sections(self.elf.name, self.elf.parent)
        return [i for _, instructions in sections for i in instructions]

    def by_offset(self, function: Function) -> dict[int, Count]:
        """Offset in the object's section -> counts; instructions that are not in the program have none."""
        place = self._linked.get(function.name)
        if place is None:
            return {}
        code = [i for i in function.instructions if not i.is_data]
        if place.size == function.size:
            address: dict[int, int] = {i.offset: place.address + i.offset - function.offset for i in code}
        else:
            address = paired(code, [i for i in inside(place, self._code) if not i.is_data])
        return {at: self._at(where) for at, where in address.items()}

    def _at(self, address: int) -> Count:
        return Count(self.executions.get(address, 0), None if self.cycles is None else self.cycles.get(address, 0))


def paired(code: list[Instruction], linked: list[Instruction]) -> dict[int, int]:
    """Offset in the object -> address in the program; empty when they cannot be paired to the end.

    Of a call in two instructions the linker leaves one, of an address it drops the upper half, of padding as much as
    is not needed.
    """
    found: dict[int, int] = {}
    position = 0
    for at, instruction in enumerate(code):
        there = linked[position] if position < len(linked) else None
        word = _mnemonic(instruction)
        shortened = word == "jalr" and at > 0 and _mnemonic(code[at - 1]) == "auipc"
        if there is not None and (_same(word, _mnemonic(there)) or (shortened and _mnemonic(there) in CALLS)):
            found[instruction.offset] = there.offset
            position += 1
        elif word not in ("auipc", "lui", "nop"):
            return {}
    return found if position == len(linked) else {}


def _mnemonic(instruction: Instruction) -> str:
    return instruction.text.partition(" ")[0]


def _same(word: str, linked: str) -> bool:
    """Adding 0, which is what stands there before the linker knows better, is printed as a move."""
    return word == linked or {word, linked} <= ADDING
