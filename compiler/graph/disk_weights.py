"""The constants of a graph file: raw bytes in one file, each content once; a repeated value stays one number."""

from __future__ import annotations

import hashlib
import math
from math import prod
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.graph.disk_fields import malformed
from compiler.graph.types import FLOATS, INTEGERS, Array, Shape, is_fill

ALIGN = 64  # bytes: a file mapped into memory is aligned for vector loads


class ConstantWriter:
    """Collects bytes; `add` says where they went."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._places: dict[bytes, int] = {}

    def add(self, array: Array) -> dict[str, Any]:
        """`{"fill": number}` for one value repeated, and for a single one; else `{"at": offset}`."""
        if array.size == 1 or is_fill(array):
            element = array[(0,) * array.ndim]
            return {"fill": _spelled(np.asarray(element))}
        data = _little_endian(array)
        digest = hashlib.sha256(data).digest()
        if digest not in self._places:
            padding = -self._size % ALIGN
            self._parts += [bytes(padding), data]
            self._places[digest] = self._size + padding
            self._size += padding + len(data)
        return {"at": self._places[digest]}

    def content(self) -> bytes:
        return b"".join(self._parts)


class ConstantReader:
    """Views of the weights file, each checked against its end."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def get(self, place: Any, dtype: str, shape: Shape, where: str) -> Array:
        if not isinstance(place, dict) or len(place) != 1 or place.keys() - {"at", "fill"}:
            malformed(where, "its place is one of 'at' and 'fill'")
        if "fill" in place:
            element = _element(place["fill"], dtype, where)
            return element.reshape(shape) if prod(shape) == 1 else np.broadcast_to(element, shape)
        kind = stored_type(dtype)
        at, length = place["at"], prod(shape) * kind.itemsize
        if type(at) is not int or at < 0 or at % kind.itemsize or at + length > len(self._content):
            raise ModelError(
                "E0182", "a constant lies outside of the weights file", where=where,
                facts={"offset": str(at)[:40], "bytes": str(length), "weights file": str(len(self._content))},
            )  # fmt: skip
        array = np.frombuffer(self._content, kind, prod(shape), at).reshape(shape)
        if dtype == "bool" and array.view(np.uint8).max(initial=0) > 1:
            malformed(where, "a boolean is neither 0 nor 1")
        return array.astype(np.dtype(dtype), copy=False)


def stored_type(dtype: str) -> np.dtype[Any]:
    """How elements lie in the file: little-endian, types below a byte in one byte each."""
    return np.dtype(dtype).newbyteorder("<")


def _little_endian(array: Array) -> bytes:
    return np.ascontiguousarray(array).astype(stored_type(str(array.dtype)), copy=False).tobytes()


def _spelled(element: Array) -> Any:
    """A number or a name for it where that gives back the same bits; else the bytes in hexadecimal."""
    value: Any = element.item()
    if not isinstance(value, (bool, int)):
        value = float(value)
        value = value if math.isfinite(value) else str(value)
    back = _from_number(value, str(element.dtype))
    if back is not None and back.tobytes() == element.tobytes():
        return value
    return "0x" + _little_endian(element).hex()


def _element(data: Any, dtype: str, where: str) -> Array:
    if isinstance(data, str) and data.startswith("0x"):
        kind = stored_type(dtype)
        try:
            raw = bytes.fromhex(data[2:])
        except ValueError:
            malformed(where, "its bytes are not hexadecimal")
        if len(raw) != kind.itemsize or (dtype == "bool" and raw not in (b"\0", b"\1")):
            malformed(where, f"an element of {dtype} has {kind.itemsize} bytes")
        return np.frombuffer(raw, kind).reshape(()).astype(np.dtype(dtype))
    if type(data) not in (bool, int, float) and data not in ("inf", "-inf", "nan"):
        malformed(where, "a fill is a number, inf, -inf, nan, or bytes as 0x...")
    element = _from_number(data, dtype)
    if element is None:
        malformed(where, f"{str(data)[:40]} is no value of {dtype}")
    return element


def _from_number(number: Any, dtype: str) -> Array | None:
    """The element; None when the type cannot hold the number."""
    if (dtype == "bool") != isinstance(number, bool) or (dtype in INTEGERS and type(number) is not int):
        return None
    try:
        with np.errstate(all="ignore"):
            element = np.asarray(float(number) if dtype in FLOATS else number).astype(np.dtype(dtype))
    except (OverflowError, ValueError, TypeError):
        return None
    return None if dtype in INTEGERS and int(element.item()) != number else element
