"""What a model costs in flash and RAM, read off a linked program.

The program is the smallest firmware that uses the model: start-up code, a `main` that calls `model_run` once, the
model's object, and of the C library what the object needs; unused sections are dropped by the linker. Then, in bytes
of the flash image,

    code     machine code of the model's object, literal pools and jump tables in it included
    weights  constants of the model's object, and initial values of its variables
    other    the rest of the image: vectors, start-up, `main`, C library, gaps between sections
    total    all of it, from the first to the last byte of each flash region

and, in bytes of RAM, `static_ram`: all variables of the program except for the arena. The harness that runs the
vectors is another program, linked from the same object; it counts nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from compiler.targets.base import Target

NEAR = 4096  # a gap between sections that alignment makes


@dataclass(frozen=True)
class Symbol:
    """A function or a variable; `address` is that of the first byte (no Thumb bit)."""

    name: str
    address: int
    size: int
    kind: str  # "function" or "object"
    section: int = 0  # its number


@dataclass(frozen=True)
class Sizes:
    """Bytes. `functions` and `constants` are the model's own symbols; `other` and `total` need a linked program."""

    code: int
    weights: int
    other: int | None
    total: int | None
    static_ram: int
    functions: Mapping[str, int]
    constants: Mapping[str, int]


def firmware_sizes(elf: Path, target: Target, arena_bytes: int) -> Sizes:
    """Sizes of the smallest firmware, linked with `firmware.ld`."""
    with elf.open("rb") as file:
        program = ELFFile(file)
        symbols = list(symbols_of(program))
        address = {symbol.name: symbol.address for symbol in _all_symbols(program)}
        code, constants = program.get_section_by_name(".model_code"), program.get_section_by_name(".model_const")
        variables = address["__model_data_end"] - address["__data_start"]
        code_bytes, weight_bytes = _size(code), _size(constants) + variables
        total = sum(_extents(program, target))
        ram = sum(s["sh_size"] for s in _allocated(program) if s["sh_flags"] & SH_FLAGS.SHF_WRITE)
    return Sizes(
        code=code_bytes,
        weights=weight_bytes,
        other=total - code_bytes - weight_bytes,
        total=total,
        static_ram=ram - arena_bytes,
        functions=_merged(s for s in symbols if _within(s, code)),
        constants=_merged(s for s in symbols if _within(s, constants)),
    )


def object_sizes(path: Path, arena_bytes: int) -> Sizes:
    """The same of an object alone, where no program can be linked without libraries of the operating system, as with
    sanitizers and threads; nothing is dropped, so unused functions count.
    """
    with path.open("rb") as file:
        program = ELFFile(file)
        symbols = list(symbols_of(program))
        code = weights = ram = 0
        constant_sections = set()
        for number, section in enumerate(program.iter_sections()):
            flags = section["sh_flags"] if section["sh_flags"] & SH_FLAGS.SHF_ALLOC else 0
            if flags & SH_FLAGS.SHF_EXECINSTR:
                code += section["sh_size"]
            elif flags & SH_FLAGS.SHF_WRITE and not section.name.startswith(".data.rel.ro"):
                ram += section["sh_size"]
            elif section.name.startswith((".rodata", ".data.rel.ro")):
                weights += section["sh_size"]
                constant_sections.add(number)
    return Sizes(
        code=code,
        weights=weights,
        other=None,
        total=None,
        static_ram=ram - arena_bytes,
        functions=_merged(s for s in symbols if s.kind == "function"),
        constants=_merged(s for s in symbols if s.section in constant_sections),
    )


def process_sizes(elf: Path, model: Path, arena_bytes: int) -> Sizes:
    """Sizes of the smallest program of an operating system, linked statically around the model's object.

    `code` and `weights` are the object's sections that the linker kept, `other` is the rest of the image.
    """
    alone = object_sizes(model, 0)
    with elf.open("rb") as file:
        program = ELFFile(file)
        kept = {symbol.name for symbol in symbols_of(program)}
        total = sum(s["sh_size"] for s in _allocated(program) if s["sh_type"] != "SHT_NOBITS")
        ram = sum(s["sh_size"] for s in _allocated(program) if s["sh_flags"] & SH_FLAGS.SHF_WRITE)
    with model.open("rb") as file:
        sections = list(ELFFile(file).iter_sections())
        named = {symbol.section for symbol in symbols_of(ELFFile(file)) if symbol.name in kept}
    code = sum(s["sh_size"] for i, s in enumerate(sections) if i in named and _is_code(s))
    weights = sum(s["sh_size"] for i, s in enumerate(sections) if i in named and _is_constant(s))
    return Sizes(
        code=code,
        weights=weights,
        other=total - code - weights,
        total=total,
        static_ram=ram - arena_bytes,
        functions={name: size for name, size in alone.functions.items() if name in kept},
        constants={name: size for name, size in alone.constants.items() if name in kept},
    )


def _is_code(section: Section) -> bool:
    return bool(section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR)


def _is_constant(section: Section) -> bool:
    return section.name.startswith((".rodata", ".data.rel.ro"))


def symbols_of(program: ELFFile) -> Iterator[Symbol]:
    """Functions and variables that have a size."""
    arm = program["e_machine"] == "EM_ARM"
    for symbol in _all_symbols(program):
        if symbol.size and symbol.kind:
            thumb = arm and symbol.kind == "function"
            yield replace(symbol, address=symbol.address & ~1) if thumb else symbol


def read_symbols(elf: Path) -> tuple[list[Symbol], dict[str, int]]:
    """Sized symbols, and the addresses of all names (functions without the Thumb bit)."""
    with elf.open("rb") as file:
        program = ELFFile(file)
        arm = program["e_machine"] == "EM_ARM"
        addresses = {
            s.name: s.address & ~1 if arm and s.kind == "function" else s.address for s in _all_symbols(program)
        }
        return list(symbols_of(program)), addresses


def constant_ranges(elf: Path) -> list[tuple[int, int]]:
    """The addresses of code and constants, [first, behind the last), neighbours joined: what a board has in flash."""
    ranges: list[tuple[int, int]] = []
    with elf.open("rb") as file:
        sections = [s for s in _allocated(ELFFile(file)) if not s["sh_flags"] & SH_FLAGS.SHF_WRITE and s["sh_size"]]
    for at, end in sorted((s["sh_addr"], s["sh_addr"] + s["sh_size"]) for s in sections):
        if ranges and at - ranges[-1][1] < NEAR:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((at, end))
    return ranges


def _all_symbols(program: ELFFile) -> Iterator[Symbol]:
    table = program.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return
    kinds = {"STT_FUNC": "function", "STT_OBJECT": "object"}
    for symbol in table.iter_symbols():
        if symbol.name:
            kind = kinds.get(symbol["st_info"]["type"], "")
            place = symbol["st_shndx"]
            number = place if isinstance(place, int) else 0
            yield Symbol(symbol.name, symbol["st_value"], symbol["st_size"], kind, number)


def _allocated(program: ELFFile) -> Iterator[Section]:
    return (section for section in program.iter_sections() if section["sh_flags"] & SH_FLAGS.SHF_ALLOC)


def _size(section: Section | None) -> int:
    return int(section["sh_size"]) if section is not None else 0


def _within(symbol: Symbol, section: Section | None) -> bool:
    return section is not None and 0 <= symbol.address - section["sh_addr"] < section["sh_size"]


def _merged(symbols: Iterator[Symbol]) -> dict[str, int]:
    """Sizes by name; compilers split functions into `name.part.0` and the like, which belong to `name`."""
    sizes: dict[str, int] = {}
    for symbol in symbols:
        name = symbol.name.partition(".")[0]
        sizes[name] = sizes.get(name, 0) + symbol.size
    return dict(sorted(sizes.items()))


def _extents(program: ELFFile, target: Target) -> Iterator[int]:
    """Per region of memory the bytes from the first to the last one that the flash image holds there."""
    loads = [
        (_load_address(program, section), section["sh_size"])
        for section in _allocated(program)
        if section["sh_type"] != "SHT_NOBITS" and section["sh_size"]
    ]
    for region in target.memory:
        ends = [(at, at + size) for at, size in loads if region.at <= at < region.at + region.size]
        if ends:
            yield max(end for _, end in ends) - min(at for at, _ in ends)


def _load_address(program: ELFFile, section: Section) -> int:
    """Where the image holds the section: for variables that is flash, not the RAM that they live in."""
    for segment in program.iter_segments():
        if segment["p_type"] == "PT_LOAD":
            into = section["sh_offset"] - segment["p_offset"]
            if 0 <= into < segment["p_filesz"]:
                return int(segment["p_paddr"] + into)
    return int(section["sh_addr"])
