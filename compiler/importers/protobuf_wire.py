"""Protocol buffers without their schema: fields by number, every length checked."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Field = tuple[int, int, int | memoryview]  # number, wire type, value


class Malformed(ValueError):
    """The bytes are no message."""


def fields(data: memoryview) -> Iterator[Field]:
    """The outermost fields of a message; nested ones are bytes, to be read in turn."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise Malformed("a field without a number")
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = _varint(data, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise Malformed("a field of an unknown type")
        if at + size > len(data):
            raise Malformed("a field reaches past the end")
        yield number, wire, data[at : at + size]
        at += size


def messages(data: memoryview, number: int) -> Iterator[memoryview]:
    """The values of a field that holds messages, texts or bytes."""
    return (v for n, wire, v in fields(data) if n == number and wire == BYTES and isinstance(v, memoryview))


def integer(data: memoryview, number: int, default: int = 0) -> int:
    """The last value of a field that holds a number."""
    found = default
    for n, wire, value in fields(data):
        if n == number and wire == VARINT and isinstance(value, int):
            found = value - (1 << 64) if value >= 1 << 63 else value
    return found


def text(data: memoryview, number: int) -> str:
    found = b""
    for value in messages(data, number):
        found = bytes(value[:4096])
    return found.decode("utf-8", "replace")


def entries(data: memoryview, number: int) -> Iterator[tuple[str, memoryview]]:
    """A map from text to messages."""
    for entry in messages(data, number):
        yield text(entry, 1), next(messages(entry, 2), memoryview(b""))


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        if at + index >= len(data):
            raise Malformed("a number without end")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at + index + 1
    raise Malformed("a number without end")
