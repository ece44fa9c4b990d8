"""Determinants, by elimination with pivots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop.nodes import Const, Expr, Type, Unary, const, select
from compiler.loop.storage import compute_type
from compiler.ops.base import Op, Reader, expect
from compiler.ops.numbers import require, rounded, wide

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Cell, Kernel, View


@dataclass(frozen=True)
class Det(Op):
    """The determinant of each matrix of x (.., n, n)."""

    onnx = ("Det",)

    def infer(self, x: TensorType) -> TensorType:
        expect(x.rank >= 2 and x.shape[-1] == x.shape[-2], "E0301", f"the determinant of {x}")
        return x.with_shape(x.shape[:-2])

    def reference(self, x: Array) -> Array:
        return rounded(np.asarray(np.linalg.det(wide(x))), str(x.dtype))

    def scratch(self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]) -> tuple[Type, int]:
        x = inputs[0]
        assert x is not None
        return compute_type(x.dtype), x.shape[-1] ** 2

    def lower(self, k: Kernel, x: View, y: View, *matrix: View) -> None:
        """The matrix becomes triangular, row after row; the largest element of a column is its pivot."""
        n = x.shape[-1]
        with k.grid(y.shape) as at:
            result = k.cell("d", const(1, x.type))
            if n:
                self._eliminate(k, x, at, matrix[0], result, n)
            k.store(y, at, result.value)

    def _eliminate(self, k: Kernel, x: View, at: tuple[Expr, ...], m: View, result: Cell, n: int) -> None:
        with k.grid((n, n)) as (i, j):
            k.store_at(m, i * n + j, x[(*at, i, j)])
        with k.loop(n, "c") as c:
            best, row = k.cell("best", Unary("abs", m.at(c * (n + 1)))), k.cell("row", c + Const(0))
            with k.loop(n, "i", start=c + 1) as i:
                size = k.let("v", Unary("abs", m.at(i * n + c)))
                with k.when(size > best.value):
                    best.set(size)
                    row.set(i)
            with k.when(row.value.ne(c)):
                with k.loop(n, "j") as j:
                    held = k.let("h", m.at(c * n + j))
                    k.store_at(m, c * n + j, m.at(row.value * n + j))
                    k.store_at(m, row.value * n + j, held)
                result.set(-result.value)
            pivot = k.let("p", m.at(c * (n + 1)))
            result.set(result.value * pivot)
            with k.loop(n, "i", start=c + 1) as i:
                ratio = m.at(i * n + c) / pivot
                part = k.let("f", select(pivot.eq(const(0, x.type)), const(0, x.type), ratio))
                with k.loop(n, "j", start=c + 1) as j:
                    k.store_at(m, i * n + j, m.at(i * n + j) - part * m.at(c * n + j))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, FLOATS)
        return r.add(cls(), *r.inputs)
