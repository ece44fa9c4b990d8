"""HDF5 as Keras writes it, read in Python: groups, attributes, and arrays that lie in one piece.

Files come from strangers, so that every address and every length is checked, and what is read is limited. What HDF5
offers beyond that (links to other files, data outside the file, compression, chunks, virtual datasets) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, NoReturn

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = 0xFFFFFFFFFFFFFFFF
_MAX_OBJECTS = 200_000
_MAX_DEPTH = 32
_MAX_RANK = 32

# Message types of an object header.
_SPACE, _LINK_INFO, _TYPE, _EXTERNAL, _LAYOUT, _FILTERS = 0x01, 0x02, 0x03, 0x07, 0x08, 0x0B
_LINK, _ATTRIBUTE, _CONTINUATION, _TABLE, _ATTRIBUTE_INFO = 0x06, 0x0C, 0x10, 0x11, 0x15


@dataclass(frozen=True)
class _Type:
    """An element type: a numpy dtype, or text of variable length."""

    dtype: np.dtype[Any]
    text: bool = False


@dataclass
class File:
    """The bytes, and a budget against structures that refer to each other without end."""

    data: memoryview
    where: str
    objects: int = 0
    heaps: dict[int, dict[int, bytes]] = field(default_factory=dict)

    def at(self, start: int, size: int) -> bytes:
        if start < 0 or size < 0 or start + size > len(self.data):
            self.damaged("an address points outside the file")
        return bytes(self.data[start : start + size])

    def number(self, start: int, size: int = 8) -> int:
        return int.from_bytes(self.at(start, size), "little")

    def count(self) -> None:
        self.objects += 1
        if self.objects > _MAX_OBJECTS:
            self.damaged("it has more parts than any model, or they refer to each other in a circle")

    def damaged(self, finding: str) -> NoReturn:
        raise ModelError(
            "E0167", f"The HDF5 file cannot be read: {finding}", where=self.where,
            help="Save the model again with model.save(...).",
        )  # fmt: skip

    def refused(self, feature: str) -> NoReturn:
        raise ModelError(
            "E0167", f"The HDF5 file uses {feature}, which Keras does not write", where=self.where,
            help="Save the model again with model.save(...), and do not repack or edit the file.",
        )  # fmt: skip


def open_hdf5(data: bytes | bytearray, where: str) -> Group:
    """The root group of a file. Raises E0167."""
    file = File(memoryview(data), where)
    if file.at(0, 8) != _SIGNATURE:
        file.damaged("its signature is missing")
    version = file.number(8, 1)
    if version > 1:
        file.refused(f"version {version} of the format's outline")
    if file.at(13, 2) != b"\x08\x08":
        file.refused("addresses of another size than 8 bytes")
    root = 24 + 32 + (4 if version == 1 else 0)  # the entry of the root group in a table of names
    return Group(file, file.number(root + 8), "/")


class Object:
    """A group or a dataset: an object header with its messages."""

    def __init__(self, file: File, address: int, path: str) -> None:
        self.file, self.address, self.path = file, address, path
        file.count()
        if path.count("/") > _MAX_DEPTH:
            file.damaged("its groups are nested too deeply")

    @cached_property
    def messages(self) -> list[tuple[int, bytes]]:
        """(type, content) of each message."""
        file, start = self.file, self.address
        if file.at(start, 4) == b"OHDR":
            file.refused("object headers of the second version")
        if file.number(start, 1) != 1:
            file.damaged("an object header is damaged")
        left, size = file.number(start + 2, 2), file.number(start + 8, 4)
        blocks, found = [(start + 16, size)], []
        for block, length in blocks:  # grows while it is read
            at, end = block, block + length
            file.at(block, length)
            while at + 8 <= end and left > 0:
                kind, size = file.number(at, 2), file.number(at + 2, 2)
                flags = file.number(at + 4, 1)
                if at + 8 + size > end:
                    file.damaged("a message reaches past its header")
                content = file.at(at + 8, size)
                if flags & 2 and kind in (_TYPE, _SPACE, _LAYOUT, _ATTRIBUTE):
                    file.refused("messages shared between objects")
                if kind == _CONTINUATION:
                    file.count()
                    blocks.append((_le(content[:8]), _le(content[8:16])))
                found.append((kind, content))
                at, left = at + 8 + size, left - 1
        return found

    def message(self, kind: int) -> bytes | None:
        return next((content for k, content in self.messages if k == kind), None)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Text as `str`, numbers as arrays."""
        info = self.message(_ATTRIBUTE_INFO)
        if info is not None and _UNDEFINED.to_bytes(8, "little") not in info:
            self.file.refused("attributes outside their object's header")
        return dict(self._attribute(content) for kind, content in self.messages if kind == _ATTRIBUTE)

    def _attribute(self, content: bytes) -> tuple[str, Any]:
        version = content[0] if content else 0
        if len(content) < 9 or version not in (1, 2, 3):
            self.file.damaged("an attribute is damaged")
        if version > 1 and content[1]:
            self.file.refused("types shared between attributes")
        sizes = [_le(content[i : i + 2]) for i in (2, 4, 6)]
        at, parts = 8 + (version == 3), []
        for size in sizes:
            parts.append(content[at : at + size])
            at += -(-size // 8) * 8 if version == 1 else size
        name = parts[0].split(b"\0")[0].decode("utf-8", "replace")
        shape, kind = _shape(self.file, parts[2]), _type(self.file, parts[1])
        return name, _elements(self.file, kind, shape, content[at:])


class Dataset(Object):
    """An array in one piece."""

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return _shape(self.file, self.message(_SPACE) or b"")

    def array(self) -> Any:
        for kind, feature in ((_FILTERS, "compression or other filters"), (_EXTERNAL, "data in another file")):
            if self.message(kind) is not None:
                self.file.refused(feature)
        element, layout = _type(self.file, self.message(_TYPE) or b""), self.message(_LAYOUT) or b""
        wanted = prod(self.shape) * element.dtype.itemsize
        if len(layout) < 4 or layout[0] != 3:
            self.file.refused("another layout of its arrays")
        if layout[1] == 0:  # inside the header
            data = layout[4 : 4 + _le(layout[2:4])]
        elif layout[1] == 1:
            start, size = _le(layout[2:10]), _le(layout[10:18])
            if start == _UNDEFINED:
                if wanted:
                    self.file.damaged(f"the data of '{self.path[:80]}' is missing")
                start, size = 0, 0
            if size != wanted:
                self.file.damaged(f"'{self.path[:80]}' holds {size} bytes, {wanted} are meant")
            data = self.file.at(start, size)
        else:
            self.file.refused("arrays in chunks, or virtual ones")
        return _elements(self.file, element, self.shape, data)


class Group(Object):
    """Names and what they stand for."""

    @cached_property
    def _addresses(self) -> dict[str, int]:
        if self.message(_LINK) is not None or self.message(_LINK_INFO) is not None:
            self.file.refused("groups of the newer kind, or links")
        table = self.message(_TABLE)
        if table is None or len(table) < 16:
            self.file.damaged(f"'{self.path[:80]}' is no group")
        heap = _le(table[8:16])
        if self.file.at(heap, 4) != b"HEAP":
            self.file.damaged("the names of a group are missing")
        start, size = self.file.number(heap + 24), self.file.number(heap + 8)
        names = self.file.at(start, size)
        return dict(self._entries(_le(table[:8]), names, 0))

    def _entries(self, node: int, names: bytes, depth: int) -> Iterator[tuple[str, int]]:
        """The leaves of a group's tree."""
        file = self.file
        file.count()
        if file.at(node, 4) == b"SNOD":
            for i in range(file.number(node + 6, 2)):
                file.count()
                entry = node + 8 + 40 * i
                offset, address, cached = file.number(entry), file.number(entry + 8), file.number(entry + 16, 4)
                if cached == 2 or address == _UNDEFINED:
                    file.refused("links")
                end = names.find(b"\0", offset)
                if end < 0:
                    file.damaged("a name has no end")
                yield names[offset:end].decode("utf-8", "replace"), address
            return
        if file.at(node, 4) != b"TREE" or file.number(node + 4, 1) != 0 or depth > _MAX_DEPTH:
            file.damaged("the tree of a group is damaged")
        for i in range(file.number(node + 6, 2)):
            yield from self._entries(file.number(node + 24 + 8 + 16 * i), names, depth + 1)

    def __contains__(self, name: str) -> bool:
        return name in self._addresses

    def names(self) -> list[str]:
        return sorted(self._addresses)

    def get(self, name: str) -> Group | Dataset:
        path = f"{self.path.rstrip('/')}/{name}"
        if name not in self._addresses:
            self.file.damaged(f"'{path[:80]}' is missing")
        found = Object(self.file, self._addresses[name], path)
        kind = Group if found.message(_TABLE) is not None else Dataset
        if found.message(_LINK_INFO) is not None:
            self.file.refused("groups of the newer kind")
        return kind(self.file, found.address, path)

    def group(self, path: str) -> Group:
        """A group by its path from here."""
        found: Group = self
        for name in path.split("/"):
            if name:
                child = found.get(name)
                if not isinstance(child, Group):
                    self.file.damaged(f"'{path[:80]}' is no group")
                found = child
        return found

    def dataset(self, path: str) -> Dataset:
        folder, _, name = path.rpartition("/")
        found = self.group(folder).get(name)
        if not isinstance(found, Dataset):
            self.file.damaged(f"'{path[:80]}' is no array")
        return found


def _le(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _shape(file: File, message: bytes) -> tuple[int, ...]:
    """The sizes of a dataspace."""
    if len(message) < 4 or message[0] not in (1, 2):
        file.damaged("the shape of an array is missing")
    rank, at = message[1], 8 if message[0] == 1 else 4
    if message[0] == 2 and message[3] == 2:
        return (0,)
    if rank > _MAX_RANK or len(message) < at + 8 * rank:
        file.damaged("the shape of an array is damaged")
    return tuple(_le(message[at + 8 * i : at + 8 * i + 8]) for i in range(rank))


def _type(file: File, message: bytes) -> _Type:
    if len(message) < 8:
        file.damaged("the type of an array is missing")
    kind, flags, size = message[0] & 15, _le(message[1:4]), _le(message[4:8])
    order = ">" if flags & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8):
        return _Type(np.dtype(f"{order}{'i' if flags & 8 else 'u'}{size}"))
    if kind == 1 and size in (2, 4, 8) and not flags & 64:
        return _Type(np.dtype(f"{order}f{size}"))
    if kind == 3 and 0 < size <= 1 << 20:
        return _Type(np.dtype(f"S{size}"))
    if kind == 9 and flags & 15 == 1 and size == 16:
        return _Type(np.dtype("V16"), text=True)
    if kind == 8 and size == 1:  # booleans are an enumeration of bytes
        return _Type(np.dtype("i1"))
    return file.refused("an element type that is neither a number nor text")


def _elements(file: File, kind: _Type, shape: tuple[int, ...], data: bytes) -> Any:
    """An array of numbers, a list of texts, or one text."""
    count = prod(shape)
    if count > len(data) or count * kind.dtype.itemsize > len(data):
        file.damaged("an array reaches past its data")
    if kind.text:
        texts = [_text(file, data[16 * i : 16 * i + 16]) for i in range(count)]
        return texts if shape else texts[0]
    array: Array = np.frombuffer(data, kind.dtype, count).reshape(shape)
    if kind.dtype.kind == "S":
        found = [bytes(t).split(b"\0")[0].decode("utf-8", "replace") for t in array.reshape(-1)]
        return found if shape else found[0]
    return array.astype(kind.dtype.newbyteorder("="), copy=False)


def _text(file: File, reference: bytes) -> str:
    """A text of variable length, which lies in a heap that many texts share."""
    length, heap, index = _le(reference[:4]), _le(reference[4:12]), _le(reference[12:16])
    if length == 0:
        return ""
    if heap not in file.heaps:
        file.heaps[heap] = _heap(file, heap)
    found = file.heaps[heap].get(index)
    if found is None or length > len(found):
        file.damaged("a text is missing")
    return found[:length].decode("utf-8", "replace")


def _heap(file: File, start: int) -> dict[int, bytes]:
    if file.at(start, 4) != b"GCOL":
        file.damaged("a heap of texts is missing")
    end, at, found = start + file.number(start + 8), start + 16, {}
    file.at(start, end - start)
    while at + 16 <= end:
        file.count()
        index, size = file.number(at, 2), file.number(at + 8)
        if index == 0:
            break
        if at + 16 + size > end:
            file.damaged("a text reaches past its heap")
        found[index] = file.at(at + 16, size)
        at += 16 + -(-size // 8) * 8
    return found
