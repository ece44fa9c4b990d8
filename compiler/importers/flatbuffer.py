"""FlatBuffers of unknown origin, read field by field: every offset and every length is checked before it is used.

A file may point several times at the same bytes, so that a small file seems large; what is read counts against a
budget in proportion to the file's size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array

_SCALARS = {
    "bool": struct.Struct("<?"),
    "i8": struct.Struct("<b"),
    "u8": struct.Struct("<B"),
    "i32": struct.Struct("<i"),
    "u16": struct.Struct("<H"),
    "u32": struct.Struct("<I"),
    "u64": struct.Struct("<Q"),
    "f32": struct.Struct("<f"),
}
_MAX_TEXT = 4_096


class Buffer:
    """The bytes of the file and what may still be read of them."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.budget = 8 * len(data) + (1 << 16)

    def spend(self, amount: int) -> None:
        self.budget -= amount
        if self.budget < 0:
            damaged("it refers to the same bytes again and again")

    def unpack(self, kind: str, at: int) -> int | float | bool:
        form = _SCALARS[kind]
        if at < 0 or at + form.size > len(self.data):
            damaged("an offset points outside the file")
        self.spend(form.size)
        value: int | float | bool = form.unpack_from(self.data, at)[0]
        return value

    def integer(self, kind: str, at: int) -> int:
        return int(self.unpack(kind, at))

    def target(self, at: int) -> int:
        """Where the offset at `at` points to."""
        return at + self.integer("u32", at)

    def root(self) -> Table:
        return Table.at(self, self.target(0))


@dataclass(frozen=True)
class Table:
    """A table: fields by slot number, absent ones have their default."""

    buffer: Buffer
    start: int
    slots: tuple[int, ...]  # offset of each field from `start`; 0: absent

    @staticmethod
    def at(buffer: Buffer, start: int) -> Table:
        slots_at = start - buffer.integer("i32", start)
        size = buffer.integer("u16", slots_at)
        if size < 4 or size % 2:
            damaged("a table has an impossible layout")
        return Table(buffer, start, tuple(buffer.integer("u16", slots_at + at) for at in range(4, size, 2)))

    def _place(self, slot: int) -> int | None:
        offset = self.slots[slot] if slot < len(self.slots) else 0
        return self.start + offset if offset else None

    def scalar(self, slot: int, kind: str, default: int | float | bool = 0) -> int | float | bool:
        place = self._place(slot)
        return default if place is None else self.buffer.unpack(kind, place)

    def integer(self, slot: int, kind: str = "i32", default: int = 0) -> int:
        return int(self.scalar(slot, kind, default))

    def table(self, slot: int) -> Table | None:
        place = self._place(slot)
        return None if place is None else Table.at(self.buffer, self.buffer.target(place))

    def tables(self, slot: int, limit: int) -> list[Table]:
        """A vector of tables."""
        found = self._vector(slot, 4, limit)
        if found is None:
            return []
        first, count = found
        return [Table.at(self.buffer, self.buffer.target(first + 4 * i)) for i in range(count)]

    def numbers(self, slot: int, dtype: str, limit: int) -> Array:
        """A vector of scalars, as an array that must not be written; empty when absent."""
        size = np.dtype(dtype).itemsize
        found = self._vector(slot, size, limit)
        if found is None:
            return np.zeros(0, dtype)
        first, count = found
        return np.frombuffer(self.buffer.data, np.dtype(dtype).newbyteorder("<"), count, first)

    def integers(self, slot: int, limit: int, dtype: str = "int32") -> tuple[int, ...]:
        found = self.numbers(slot, dtype, limit)
        self.buffer.spend(found.nbytes)
        return tuple(int(n) for n in found)

    def text(self, slot: int) -> str:
        """A string; bytes that are no UTF-8 are replaced, and a long one is cut."""
        found = self._vector(slot, 1, len(self.buffer.data))
        if found is None:
            return ""
        first, count = found
        count = min(count, _MAX_TEXT)
        self.buffer.spend(count)
        return bytes(self.buffer.data[first : first + count]).decode("utf-8", "replace")

    def has(self, slot: int) -> bool:
        return self._place(slot) is not None

    def _vector(self, slot: int, size: int, limit: int) -> tuple[int, int] | None:
        """(where the first element is, how many there are)."""
        place = self._place(slot)
        if place is None:
            return None
        at = self.buffer.target(place)
        count = self.buffer.integer("u32", at)
        if at + 4 + count * size > len(self.buffer.data):
            damaged("a list reaches past the end of the file")
        if count > limit:
            raise ModelError(
                "E0164",
                f"the file lists {count} parts where at most {limit} are accepted",
                help="Export the model again; no model for a small processor is that large.",
            )
        return at + 4, count


def damaged(finding: str) -> NoReturn:
    raise ModelError(
        "E0160",
        f"The TensorFlow Lite file is damaged: {finding}",
        help="Convert or download the model again.",
    )
