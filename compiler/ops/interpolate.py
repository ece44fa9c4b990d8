"""Functions of one 16-bit number: a table of every 128th value, and straight lines between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I16, I32, Cast, Expr, maximum, minimum
from compiler.ops.base import Op, expect
from compiler.ops.elementwise import lower_elementwise

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel, View

ENTRIES = 513
_BITS = 7  # of the distance between two entries


@dataclass(frozen=True)
class Interpolate(Op):
    """table[i] + round((table[i + 1] - table[i]) * (x mod 128) / 128) with i = 256 + floor(x / 128).

    TensorFlow Lite's lookup of 16-bit numbers (`kernels/internal/common.h`, LUTLookup). Operands: x and the table of
    513 entries, all int16.
    """

    layout_rule = "same"
    dtypes = frozenset({"int16"})

    def infer(self, x: TensorType, table: TensorType) -> TensorType:
        expect(x.dtype == table.dtype == "int16", "E0305", f"Interpolate of {x} in {table}: both are int16")
        expect(table.shape == (ENTRIES,), "E0301", f"Interpolate in {table}: a table has {ENTRIES} entries")
        return TensorType.of("int16", x.shape)

    def reference(self, x: Array, table: Array) -> Array:
        return np.asarray(np.clip(between(x, table), -32768, 32767), np.int16)

    def lower(self, k: Kernel, x: View, table: View, y: View) -> None:
        def one(k: Kernel, value: Expr) -> Expr:
            found = k.let("y", between_code(k, Cast(value, I32), table))
            return Cast(minimum(maximum(found, -32768), 32767), I16)

        lower_elementwise(k, one, (x,), y)

    def in_place(self) -> tuple[int, ...]:
        return (0,)


def between(x: Array, table: Array) -> Array:
    """The table's lines at 16-bit numbers x, as int32."""
    wide = x.astype(np.int32)
    place, rest = 256 + (wide >> _BITS), wide & ((1 << _BITS) - 1)
    first, second = (table[place + i].astype(np.int32) for i in (0, 1))
    return np.asarray(first + (((second - first) * rest + (1 << (_BITS - 1))) >> _BITS))


def between_code(k: Kernel, x: Expr, table: View) -> Expr:
    """The same in the loop language; x is an int32 from -32768 to 32767."""
    wide = k.let("x", x)
    place = k.let("place", (wide >> _BITS) + 256)
    first, second = (k.let("entry", Cast(table[place + i], I32)) for i in (0, 1))
    return first + (((second - first) * (wide & ((1 << _BITS) - 1)) + (1 << (_BITS - 1))) >> _BITS)


def table_of(values: Array) -> Array:
    """The table for a function whose results are known for all 65,536 numbers, in order.

    Entries are moved by half the error in the middle of each line, as TensorFlow Lite's LUTPopulate does.
    """
    exact = values.astype(np.float64)
    ends = np.append(exact[:: 1 << _BITS], 2 * exact[-1] - exact[-2])
    middle = exact[1 << (_BITS - 1) :: 1 << _BITS]
    error = np.rint((ends[:-1] + ends[1:]) / 2) - middle
    moved = ends.copy()
    moved[:-1] -= np.rint(error / 2)
    return np.asarray(np.clip(np.rint(moved), -32768, 32767), np.int16)
