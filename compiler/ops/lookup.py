"""Any function of one 8-bit number is a table of 256 entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I32, Cast, Expr
from compiler.ops.base import Op, expect
from compiler.ops.elementwise import lower_elementwise
from compiler.ops.indexing import as_stored
from compiler.ops.numbers import lowest

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel, View

ENTRIES = 256


@dataclass(frozen=True)
class Lookup(Op):
    """table[x - lowest], with the lowest number of x's type. Operands: x, a table of 256 entries of any type."""

    layout_rule = "same"
    dtypes = frozenset({"int8", "uint8"})

    def infer(self, x: TensorType, table: TensorType) -> TensorType:
        expect(x.dtype in self.dtypes, "E0305", f"Lookup of {x}: 8-bit integers have a table")
        expect(table.shape == (ENTRIES,), "E0301", f"Lookup in {table}: a table has {ENTRIES} entries")
        return TensorType.of(table.dtype, x.shape)

    def reference(self, x: Array, table: Array) -> Array:
        return table[x.astype(np.int32) - np.iinfo(x.dtype).min]

    def lower(self, k: Kernel, x: View, table: View, y: View) -> None:
        table, y = as_stored(table, y)
        first = lowest(x.type)

        def entry(k: Kernel, value: Expr) -> Expr:
            return table[Cast(value, I32) - int(first)]

        lower_elementwise(k, entry, (x,), y)

    def in_place(self) -> tuple[int, ...]:
        return (0,)
