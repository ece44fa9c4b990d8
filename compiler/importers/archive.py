"""A zip file we did not make: its table of contents, read strictly, before anyone believes a byte of it.

`torch.save` writes members uncompressed, one after the other, with nothing in between but data descriptors. What
differs from that (compression, overlaps, gaps, names that leave the folder, a table that disagrees with the
members' own headers) is refused, so that the bytes read can never exceed the bytes uploaded and every reader of the
file sees the same members. Where a format does compress some members (TorchScript its code) or people pack the files
themselves, the caller says so; what they unfold to is limited before anything is unfolded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
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

_DESCRIPTOR_FLAG, _UTF8_FLAG, _LEVEL_FLAGS = 0x0008, 0x0800, 0x0006
_STORED, _DEFLATED = 0, 8
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_DESCRIPTOR_SIZES = (0, 12, 16, 20, 24)


@dataclass(frozen=True)
class Rules:
    """What people are told when a kind of archive breaks the rules, and how much its compressed members may hold."""

    code: str
    help: str
    most_unfolded: int  # bytes


TORCH = Rules("E0130", "Save the model again with torch.save(model, file) and upload that very file.", 64 << 20)
PACKED = Rules(
    "E0193", "Pack the files again with an ordinary zip program, without a password, and only the model in it.", 1 << 30
)


@dataclass(frozen=True)
class _Context:
    """What the file is called, and what it may do."""

    where: str
    rules: Rules


@dataclass(frozen=True)
class Member:
    """A run of bytes in the file; `packed` of them when they are compressed."""

    name: str
    start: int
    size: int
    crc: int
    packed: int | None = None

    @property
    def end(self) -> int:
        return self.start + (self.size if self.packed is None else self.packed)


@dataclass(frozen=True)
class Archive:
    """The members of a zip file that passed every check; their bytes are read when asked for."""

    path: Path
    context: _Context
    members: dict[str, Member]

    @property
    def where(self) -> str:
        """What people call the file."""
        return self.context.where

    def read(self, name: str, limit: int | None = None) -> bytearray:
        """The bytes of a member, compared with its checksum."""
        member = self.members[name]
        if limit is not None and member.size > limit:
            _refuse(self.context, f"'{name}' is larger than such a file ever is", size=member.size, limit=limit)
        data = bytearray(member.end - member.start)
        with self.path.open("rb") as file:
            file.seek(member.start)
            if file.readinto(data) != len(data):
                _refuse(self.context, f"the file ends inside '{name}'")
        if member.packed is not None:
            data = _unfolded(data, member, self.context)
        if zlib.crc32(data) != member.crc:
            _refuse(self.context, f"the checksum of '{name}' is wrong: the file is damaged", member=name)
        return data


def _stored(name: str) -> bool:
    return False


def open_archive(path: Path, where: str, compressed: Callable[[str], bool] = _stored, rules: Rules = TORCH) -> Archive:
    """Read and check the table of contents. Raises `ModelError` (`rules.code`) at the first thing that is wrong.

    `compressed` says of a member's name whether it may be deflated.
    """
    context = _Context(where, rules)
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            count, start, length, limit = _end_record(file, size, context)
            table = _at(file, start, length)
            if start + length != limit:
                _refuse(context, "there are bytes between its table of contents and its end record")
            members = [
                _with_local_header(file, raw, start, context) for raw in _central(table, count, compressed, context)
            ]
        except struct.error:
            _refuse(context, "its table of contents is cut short")
    if sum(m.member.size for m in members if m.member.packed is not None) > rules.most_unfolded:
        _refuse(context, "its compressed members unfold to far too much", limit=rules.most_unfolded)
    _check_tiling(members, start, context)
    kept: dict[str, Member] = {}
    for located in members:
        if located.member.name in kept:
            _refuse(context, f"it holds two members named '{located.member.name[:80]}'")
        kept[located.member.name] = located.member
    return Archive(path, context, {name: m for name, m in kept.items() if not name.endswith("/")})


@dataclass(frozen=True)
class _Raw:
    """A line of the table of contents."""

    name: str
    flags: int
    crc: int
    size: int
    packed: int
    method: int
    offset: int


@dataclass(frozen=True)
class _Located:
    """A member with the extent of its header and data in the file."""

    member: Member
    offset: int
    has_descriptor: bool

    @property
    def end(self) -> int:
        return self.member.end


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _end_record(file: BinaryIO, size: int, context: _Context) -> tuple[int, int, int, int]:
    """(members, start and length of the table of contents, where the end records begin)."""
    tail = _at(file, max(0, size - _END.size - _FULL16), _END.size + _FULL16)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        _refuse(context, "its end record is missing: the file was cut short")
    _, disk, table_disk, here, count, length, start, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        _refuse(context, "there are bytes after its end record")
    position = size - len(tail) + at
    if position >= _END64_LOCATOR.size:
        magic, disk64, end64, disks = _END64_LOCATOR.unpack(
            _at(file, position - _END64_LOCATOR.size, _END64_LOCATOR.size)
        )
        if magic == b"PK\x06\x07":
            position -= _END64_LOCATOR.size + _END64.size
            if end64 != position or position < 0:
                _refuse(context, "its two end records contradict each other")
            magic64, length64, _, _, disk, table_disk, *wide = _END64.unpack(_at(file, end64, _END64.size))
            narrow = (here, count, length, start)
            full = (_FULL16, _FULL16, _FULL32, _FULL32)
            if (magic64, length64, disk64, disks) != (b"PK\x06\x06", _END64.size - 12, 0, 1) or any(
                n not in (w, f) for n, w, f in zip(narrow, wide, full, strict=True)
            ):
                _refuse(context, "its two end records contradict each other")
            here, count, length, start = wide
    if disk or table_disk or here != count:
        _refuse(context, "it claims to be one part of several")
    if count > MAX_MEMBERS:
        _refuse(context, "it has far too many members", members=count, limit=MAX_MEMBERS)
    if start + length > position:
        _refuse(context, "its table of contents lies outside the file")
    return count, start, length, position


def _central(table: bytes, count: int, compressed: Callable[[str], bool], context: _Context) -> Iterator[_Raw]:
    at = 0
    for _ in range(count):
        fields = _CENTRAL.unpack_from(table, at)
        magic, _, _, flags, method, _, _, crc, packed, size = fields[:10]
        name_length, extra_length, comment, disk, _, mode, offset = fields[10:]
        at += _CENTRAL.size
        if magic != b"PK\x01\x02" or at + name_length + extra_length + comment > len(table):
            _refuse(context, "its table of contents is damaged")
        name = _checked_name(table[at : at + name_length], context)
        extra = table[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment
        size, packed, offset = _widened(extra, (size, packed, offset), name, context)
        if method != _STORED and not (method == _DEFLATED and compressed(name)):
            _refuse(context, f"'{name}' is compressed", member=name)
        if flags & ~(_DESCRIPTOR_FLAG | _UTF8_FLAG | (_LEVEL_FLAGS if method == _DEFLATED else 0)):
            _refuse(context, f"'{name}' is encrypted or uses an unknown zip feature", member=name)
        if (packed != size and method == _STORED) or disk:
            _refuse(context, f"'{name}' states two different sizes", member=name)
        if (mode >> 16) & 0o170000 not in (0, 0o100000, 0o040000):
            _refuse(context, f"'{name}' is a link or a device", member=name)
        if name.endswith("/") and size:
            _refuse(context, f"'{name}' is a folder with content", member=name)
        yield _Raw(name, flags, crc, size, packed, method, offset)
    if at != len(table):
        _refuse(context, "its table of contents is longer than its members")


def _checked_name(raw: bytes, context: _Context) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        _refuse(context, "a member's name is not UTF-8")
    parts = name.removesuffix("/").split("/")
    drive = name[1:2] == ":"
    if not name.isprintable() or "\\" in name or drive or any(p in ("", ".", "..") for p in parts):
        _refuse(context, f"the name {name[:80]!r} of a member is not a plain relative path")
    return name


def _widened(extra: bytes, narrow: tuple[int, int, int], name: str, context: _Context) -> tuple[int, int, int]:
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
                _refuse(context, f"the size of '{name}' is missing", member=name)
            value, wide = struct.unpack_from("<Q", wide)[0], wide[8:]
        values.append(value)
    if wide:
        _refuse(context, f"'{name}' states two different sizes", member=name)
    return values[0], values[1], values[2]


def _with_local_header(file: BinaryIO, raw: _Raw, table_start: int, context: _Context) -> _Located:
    """Find the data of a member; its own header must say what the table says."""
    if raw.offset + _LOCAL.size > table_start:
        _refuse(context, f"'{raw.name}' lies outside the file", member=raw.name)
    head = _at(file, raw.offset, _LOCAL.size)
    magic, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    later = bool(raw.flags & _DESCRIPTOR_FLAG)
    extra = (_FULL32, 0) if later else (_FULL32,)
    if (
        magic != b"PK\x03\x04"
        or (flags, method) != (raw.flags, raw.method)
        or size not in (raw.size, *extra)
        or packed not in (raw.packed, *extra)
        or crc not in ((raw.crc, 0) if later else (raw.crc,))
        or file.read(name_length) != raw.name.encode()
    ):
        _refuse(context, f"'{raw.name}' contradicts the table of contents", member=raw.name)
    start = raw.offset + _LOCAL.size + name_length + extra_length
    if start + raw.packed > table_start:
        _refuse(context, f"'{raw.name}' reaches past the end of the members", member=raw.name)
    unfolds = None if raw.method == _STORED else raw.packed
    return _Located(Member(raw.name, start, raw.size, raw.crc, unfolds), raw.offset, later)


def _unfolded(data: bytearray, member: Member, context: _Context) -> bytearray:
    """The content of a compressed member: as many bytes as the table says, or an error."""
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        result = bytearray(machine.decompress(data, member.size + 1))
    except zlib.error:
        _refuse(context, f"the compressed data of '{member.name}' is damaged", member=member.name)
    if len(result) != member.size or not machine.eof or machine.unused_data:
        _refuse(context, f"'{member.name}' does not unfold to the size it states", member=member.name)
    return result


def _check_tiling(members: list[_Located], table_start: int, context: _Context) -> None:
    """Members follow each other without overlap and with no room for anything hidden."""
    position, has_descriptor = 0, False
    for found in sorted(members, key=lambda m: m.offset):
        _check_gap(found.offset - position, has_descriptor, f"'{found.member.name}'", context)
        position, has_descriptor = found.end, found.has_descriptor
    _check_gap(table_start - position, has_descriptor, "the table of contents", context)


def _check_gap(gap: int, has_descriptor: bool, what: str, context: _Context) -> None:
    if gap < 0:
        _refuse(context, f"{what} overlaps another member")
    if gap not in (_DESCRIPTOR_SIZES if has_descriptor else (0,)):
        _refuse(context, f"there are {gap} hidden bytes before {what}")


def _refuse(context: _Context, finding: str, **facts: object) -> NoReturn:
    raise ModelError(
        code=context.rules.code,
        title=f"The zip archive is refused: {finding}",
        where=context.where,
        facts={key: str(value) for key, value in facts.items()},
        help=context.rules.help,
    )
