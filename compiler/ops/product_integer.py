"""The product of two matrices of stored numbers that are both computed at run time, as in attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I32, I64, const
from compiler.ops.base import Op, broadcast, expect
from compiler.ops.conv import store_tail
from compiler.ops.dense import MatMul, batch_index
from compiler.ops.elementwise import Map
from compiler.ops.numbers import converted
from compiler.ops.pool import STORED

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View
    from compiler.loop.nodes import Expr


@dataclass(frozen=True)
class ProductInteger(Op):
    """sum over l of (a[i, l] - a_zero) * (b[l, j] - b_zero), then the tail; batches as numpy's matmul.

    Sums are int32, and int64 where an operand has 16 bits.
    """

    a_zero: int = 0
    b_zero: int = 0
    tail: Map | None = None
    dtypes = STORED
    layout_rule = "same"

    def infer(self, a: TensorType, b: TensorType, *more: TensorType) -> TensorType:
        fits = a.rank >= 2 and b.rank >= 2 and a.shape[-1] == b.shape[-2]
        expect(fits and {a.dtype, b.dtype} <= STORED, "E0301", f"ProductInteger of {a} and {b}")
        shape = (*broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
        y = TensorType.of(_sums(a.dtype, b.dtype), shape)
        return y if self.tail is None else self.tail.infer(y, *more)

    def reference(self, a: Array, b: Array, *more: Array) -> Array:
        left, right = a.astype(np.int64) - self.a_zero, b.astype(np.int64) - self.b_zero
        y: Array = np.matmul(left, right).astype(_sums(str(a.dtype), str(b.dtype)))
        return y if self.tail is None else self.tail.reference(y, *more)

    def lower(self, k: Kernel, a: View, b: View, *rest: View) -> None:
        *more, y = rest
        kind = I64 if 16 in (a.type.bits, b.type.bits) else I32

        def apart(v: View, at: tuple[Expr | int, ...], zero: int) -> Expr:
            wide = converted(v[at], kind)
            return wide - zero if zero else wide

        with k.grid(y.shape[:-2], "nmpqr") as at, k.grid(y.shape[-2:], "ij") as (i, j):
            acc = k.sum(const(0, kind))
            with k.loop(a.shape[-1], "l") as step:
                left = apart(a, (*batch_index(a, at), i, step), self.a_zero)
                acc += left * apart(b, (*batch_index(b, at), step, j), self.b_zero)
            store_tail(k, self.tail, y, (*at, i, j), acc.value, more)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        return MatMul().macs(inputs, outputs)


def _sums(*dtypes: str) -> str:
    return "int64" if "int16" in dtypes else "int32"
