"""What lies where in the smallest firmware with the model: the map of flash and RAM.

The parts are those of `toolchain/sizes.py`, with the symbols in them. Sizes of the parts in flash add up to the
report's `flash.total` except for gaps that alignment leaves, which the addresses show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section

from compiler.emulator.build import Build
from compiler.report import MapSection, MapSymbol
from compiler.toolchain.sizes import Symbol, read_symbols, symbols_of

if TYPE_CHECKING:
    from compiler.program import Program

FIRMWARE = "harness/firmware.elf"  # where `emulator/build.py` links it
MOST_SYMBOLS = 200  # of one part

Kind = Literal["code", "weights", "other", "arena", "static"]
_OF_THE_MODEL: dict[str, Kind] = {".model_code": "code", ".model_const": "weights"}


@dataclass(frozen=True)
class _Part:
    name: str
    kind: Kind
    region: Literal["flash", "ram"]
    address: int
    size: int
    symbols: list[Symbol] = field(default_factory=list)


def sections(program: Program, built: Build) -> list[MapSection]:
    """The map by region and address; empty for targets without a firmware."""
    path = built.workdir / FIRMWARE
    if not built.target.memory or not path.exists():
        return []
    users = _first_users(program)
    order = {"flash": 0, "ram": 1}
    parts = sorted(_parts(path, program.arena_bytes), key=lambda p: (order[p.region], p.address))
    return [
        MapSection(
            name=part.name,
            kind=part.kind,
            region=part.region,
            address=part.address,
            size=part.size,
            symbols=[
                MapSymbol(name=s.name, address=s.address, size=s.size, layer=users.get(s.name.partition(".")[0], ""))
                for s in sorted(part.symbols, key=lambda s: (-s.size, s.address, s.name))[:MOST_SYMBOLS]
            ],
        )
        for part in parts
        if part.size
    ]


def _parts(path: Path, arena_bytes: int) -> Iterator[_Part]:
    _, address = read_symbols(path)
    with path.open("rb") as file:
        program = ELFFile(file)
        symbols = list(symbols_of(program))
        for number, section in enumerate(program.iter_sections()):
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]:
                inside = [s for s in symbols if s.section == number]
                if section["sh_flags"] & SH_FLAGS.SHF_WRITE:
                    yield from _variables(program, section, inside, arena_bytes, address)
                else:
                    kind = _OF_THE_MODEL.get(section.name, "other")
                    yield _Part(section.name, kind, "flash", section["sh_addr"], section["sh_size"], inside)


def _variables(
    program: ELFFile, section: Section, symbols: list[Symbol], arena_bytes: int, address: dict[str, int]
) -> Iterator[_Part]:
    """RAM, split into the arena and the rest; and in flash what variables begin with."""
    start, size = int(section["sh_addr"]), int(section["sh_size"])
    if section["sh_type"] != "SHT_NOBITS":
        load = _load_address(program, section)
        of_model = min(size, max(0, address.get("__model_data_end", start) - start))
        yield _Part(f"{section.name} (initial values of the model)", "weights", "flash", load, of_model)
        yield _Part(f"{section.name} (initial values)", "other", "flash", load + of_model, size - of_model)
        yield _Part(section.name, "static", "ram", start, size, symbols)
        return
    arena = next((s for s in symbols if s.size >= arena_bytes > 0), None)
    if arena is None:
        yield _Part(section.name, "static", "ram", start, size, symbols)
        return
    end = arena.address + arena_bytes
    before = [s for s in symbols if s.address < arena.address]
    after = [s for s in symbols if s.address > arena.address]
    yield _Part(section.name, "static", "ram", start, arena.address - start, before)
    yield _Part(section.name, "arena", "ram", arena.address, arena_bytes, [arena])
    yield _Part(section.name, "static", "ram", end, start + size - end, after)


def _load_address(program: ELFFile, section: Section) -> int:
    """Where the image holds what a variable begins with."""
    for segment in program.iter_segments():
        if segment["p_type"] == "PT_LOAD":
            into = section["sh_offset"] - segment["p_offset"]
            if 0 <= into < segment["p_filesz"]:
                return int(segment["p_paddr"] + into)
    return int(section["sh_addr"])


def _first_users(program: Program) -> dict[str, str]:
    """Symbol -> the first layer that needs it."""
    users: dict[str, str] = {}
    for layer in program.layers:
        for name in (layer.kernel, *layer.constants):
            users.setdefault(name, layer.name)
    return users
