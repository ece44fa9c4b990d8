"""Write a static library: the `ar` format with a symbol index, as GNU ar and every linker read it.

Written here rather than by a tool, because it is short, the same bytes come out everywhere (no dates, no owners),
and clang alone brings no `ar`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

MAGIC = b"!<arch>\n"


def archive(members: Mapping[str, bytes]) -> bytes:
    """The library of ELF objects, in the order given; names are at most 15 bytes or kept in the name table."""
    long_names = b"".join(f"{name}/\n".encode() for name in members if len(name) > 15)
    symbols = [(index, name) for index, data in enumerate(members.values()) for name in defined_symbols(data)]
    strings = b"".join(name.encode() + b"\0" for _, name in symbols)
    index_size = 4 + 4 * len(symbols) + len(strings)

    at = len(MAGIC) + 60 + _even(index_size) + (60 + _even(len(long_names)) if long_names else 0)
    offsets: list[int] = []
    for data in members.values():
        offsets.append(at)
        at += 60 + _even(len(data))

    index = len(symbols).to_bytes(4, "big") + b"".join(offsets[i].to_bytes(4, "big") for i, _ in symbols) + strings
    parts = [MAGIC, _member("/", index)]
    if long_names:
        parts.append(_member("//", long_names))
    place = 0
    for name, data in members.items():
        if len(name) > 15:
            parts.append(_member(f"/{place}", data))
            place += len(name) + 2
        else:
            parts.append(_member(f"{name}/", data))
    return b"".join(parts)


def defined_symbols(data: bytes) -> list[str]:
    """Global names that an object defines: what a linker pulls it in for."""
    table = ELFFile(io.BytesIO(data)).get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return []
    return [
        symbol.name
        for symbol in table.iter_symbols()
        if symbol["st_info"]["bind"] in ("STB_GLOBAL", "STB_WEAK") and symbol["st_shndx"] != "SHN_UNDEF"
    ]


def _even(size: int) -> int:
    return size + size % 2


def _member(name: str, data: bytes) -> bytes:
    """Date and owner are 0, mode is that of a plain file."""
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode()
    return header + data + b"\n" * (len(data) % 2)
