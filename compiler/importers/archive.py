"""A zip file we did not make: its table of contents, read strictly, before anyone believes a byte of it.

`torch.save` writes members uncompressed, one after the other, with nothing in between but data descriptors. What
differs from that (compression, overlaps, gaps, names that leave the folder, a table that disagrees with the
members' own headers) is refused, so that the bytes read can never exceed the bytes uploaded and every reader of the
file sees the same members.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from compiler.errors import ModelError

MAX_MEMBERS = 20_000

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

_DESCRIPTOR_FLAG, _UTF8_FLAG = 0x0008, 0x0800
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_DESCRIPTOR_SIZES = (0, 12, 16, 20, 24)


@dataclass(frozen=True)
class Member:
    """An uncompressed run of bytes in the file."""

    name: str
    start: int
    size: int
    crc: int


@dataclass(frozen=True)
class Archive:
    """The members of a zip file that passed every check; their bytes are read when asked for."""

    path: Path
    where: str
    members: dict[str, Member]

    def read(self, name: str, limit: int | None = None) -> bytearray:
        """The bytes of a member, compared with its checksum."""
        member = self.members[name]
        if limit is not None and member.size > limit:
            _refuse(self.where, f"'{name}' is larger than such a file ever is", size=member.size, limit=limit)
        data = bytearray(member.size)
        with self.path.open("rb") as file:
            file.seek(member.start)
            if file.readinto(data) != member.size:
                _refuse(self.where, f"the file ends inside '{name}'")
        if zlib.crc32(data) != member.crc:
            _refuse(self.where, f"the checksum of '{name}' is wrong: the file is damaged", member=name)
        return data


def open_archive(path: Path, where: str) -> Archive:
    """Read and check the table of contents. Raises `ModelError` E0130 at the first thing that is not as it should."""
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            count, start, length, limit = _end_record(file, size, where)
            table = _at(file, start, length)
            if start + length != limit:
                _refuse(where, "there are bytes between its table of contents and its end record")
            members = [_with_local_header(file, raw, start, where) for raw in _central(table, count, where)]
        except struct.error:
            _refuse(where, "its table of contents is cut short")
    _check_tiling(members, start, where)
    kept: dict[str, Member] = {}
    for located in members:
        if located.member.name in kept:
            _refuse(where, f"it holds two members named '{located.member.name[:80]}'")
        kept[located.member.name] = located.member
    return Archive(path, where, {name: m for name, m in kept.items() if not name.endswith("/")})


@dataclass(frozen=True)
class _Raw:
    """A line of the table of contents."""

    name: str
    flags: int
    crc: int
    size: int
    offset: int


@dataclass(frozen=True)
class _Located:
    """A member with the extent of its header and data in the file."""

    member: Member
    offset: int
    has_descriptor: bool

    @property
    def end(self) -> int:
        return self.member.start + self.member.size


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _end_record(file: BinaryIO, size: int, where: str) -> tuple[int, int, int, int]:
    """(members, start and length of the table of contents, where the end records begin)."""
    tail = _at(file, max(0, size - _END.size - _FULL16), _END.size + _FULL16)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        _refuse(where, "its end record is missing: the file was cut short")
    _, disk, table_disk, here, count, length, start, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        _refuse(where, "there are bytes after its end record")
    position = size - len(tail) + at
    if position >= _END64_LOCATOR.size:
        magic, disk64, end64, disks = _END64_LOCATOR.unpack(
            _at(file, position - _END64_LOCATOR.size, _END64_LOCATOR.size)
        )
        if magic == b"PK\x06\x07":
            position -= _END64_LOCATOR.size + _END64.size
            if end64 != position or position < 0:
                _refuse(where, "its two end records contradict each other")
            magic64, length64, _, _, disk, table_disk, *wide = _END64.unpack(_at(file, end64, _END64.size))
            narrow = (here, count, length, start)
            full = (_FULL16, _FULL16, _FULL32, _FULL32)
            if (magic64, length64, disk64, disks) != (b"PK\x06\x06", _END64.size - 12, 0, 1) or any(
                n not in (w, f) for n, w, f in zip(narrow, wide, full, strict=True)
            ):
                _refuse(where, "its two end records contradict each other")
            here, count, length, start = wide
    if disk or table_disk or here != count:
        _refuse(where, "it claims to be one part of several")
    if count > MAX_MEMBERS:
        _refuse(where, "it has far too many members", members=count, limit=MAX_MEMBERS)
    if start + length > position:
        _refuse(where, "its table of contents lies outside the file")
    return count, start, length, position


def _central(table: bytes, count: int, where: str) -> Iterator[_Raw]:
    at = 0
    for _ in range(count):
        fields = _CENTRAL.unpack_from(table, at)
        magic, _, _, flags, method, _, _, crc, packed, size = fields[:10]
        name_length, extra_length, comment, disk, _, mode, offset = fields[10:]
        at += _CENTRAL.size
        if magic != b"PK\x01\x02" or at + name_length + extra_length + comment > len(table):
            _refuse(where, "its table of contents is damaged")
        name = _checked_name(table[at : at + name_length], where)
        extra = table[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment
        size, packed, offset = _widened(extra, (size, packed, offset), name, where)
        if method != 0:
            _refuse(where, f"'{name}' is compressed", member=name, help="Save again with torch.save, do not repack it.")
        if flags & ~(_DESCRIPTOR_FLAG | _UTF8_FLAG):
            _refuse(where, f"'{name}' is encrypted or uses an unknown zip feature", member=name)
        if packed != size or disk:
            _refuse(where, f"'{name}' states two different sizes", member=name)
        if (mode >> 16) & 0o170000 not in (0, 0o100000, 0o040000):
            _refuse(where, f"'{name}' is a link or a device", member=name)
        if name.endswith("/") and size:
            _refuse(where, f"'{name}' is a folder with content", member=name)
        yield _Raw(name, flags, crc, size, offset)
    if at != len(table):
        _refuse(where, "its table of contents is longer than its members")


def _checked_name(raw: bytes, where: str) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        _refuse(where, "a member's name is not UTF-8")
    parts = name.removesuffix("/").split("/")
    drive = name[1:2] == ":"
    if not name.isprintable() or "\\" in name or drive or any(p in ("", ".", "..") for p in parts):
        _refuse(where, f"the name {name[:80]!r} of a member is not a plain relative path")
    return name


def _widened(extra: bytes, narrow: tuple[int, int, int], name: str, where: str) -> tuple[int, int, int]:
    """Size, packed size and offset, those that are 0xFFFFFFFF taken from the zip64 field."""
    wide = b""
    while len(extra) >= 4:
        tag, length = struct.unpack_from("<2H", extra)
        if tag == 1:
            wide = extra[4 : 4 + length]
        extra = extra[4 + length :]
    values = []
    for value in narrow:
        if value == _FULL32:
            if len(wide) < 8:
                _refuse(where, f"the size of '{name}' is missing", member=name)
            value, wide = struct.unpack_from("<Q", wide)[0], wide[8:]
        values.append(value)
    if wide:
        _refuse(where, f"'{name}' states two different sizes", member=name)
    return values[0], values[1], values[2]


def _with_local_header(file: BinaryIO, raw: _Raw, table_start: int, where: str) -> _Located:
    """Find the data of a member; its own header must say what the table says."""
    if raw.offset + _LOCAL.size > table_start:
        _refuse(where, f"'{raw.name}' lies outside the file", member=raw.name)
    head = _at(file, raw.offset, _LOCAL.size)
    magic, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    later = bool(raw.flags & _DESCRIPTOR_FLAG)
    expected = (raw.size, _FULL32, 0) if later else (raw.size, _FULL32)
    if (
        magic != b"PK\x03\x04"
        or (flags, method) != (raw.flags, 0)
        or size not in expected
        or packed not in expected
        or crc not in ((raw.crc, 0) if later else (raw.crc,))
        or file.read(name_length) != raw.name.encode()
    ):
        _refuse(where, f"'{raw.name}' contradicts the table of contents", member=raw.name)
    start = raw.offset + _LOCAL.size + name_length + extra_length
    if start + raw.size > table_start:
        _refuse(where, f"'{raw.name}' reaches past the end of the members", member=raw.name)
    return _Located(Member(raw.name, start, raw.size, raw.crc), raw.offset, later)


def _check_tiling(members: list[_Located], table_start: int, where: str) -> None:
    """Members follow each other without overlap and with no room for anything hidden."""
    position, has_descriptor = 0, False
    for found in sorted(members, key=lambda m: m.offset):
        _check_gap(found.offset - position, has_descriptor, f"'{found.member.name}'", where)
        position, has_descriptor = found.end, found.has_descriptor
    _check_gap(table_start - position, has_descriptor, "the table of contents", where)


def _check_gap(gap: int, has_descriptor: bool, what: str, where: str) -> None:
    if gap < 0:
        _refuse(where, f"{what} overlaps another member")
    if gap not in (_DESCRIPTOR_SIZES if has_descriptor else (0,)):
        _refuse(where, f"there are {gap} hidden bytes before {what}")


def _refuse(where: str, finding: str, help: str = "", **facts: object) -> NoReturn:
    raise ModelError(
        code="E0130",
        title=f"The zip archive is refused: {finding}",
        where=where,
        facts={key: str(value) for key, value in facts.items()},
        help=help or "Save the model again with torch.save(model, file) and upload that very file.",
    )
