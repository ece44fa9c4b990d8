"""Running sums and products along an axis that may be known at run time only: CumSum, CumProd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import INTEGERS, Array, TensorType
from compiler.loop.nodes import Const, Expr, const
from compiler.ops.base import Op, Reader, expect
from compiler.ops.indexing import bounded
from compiler.ops.numbers import rounded, wide

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Running(Op):
    """y[i] = x[0] + .. + x[i], or the product; `exclusive` leaves x[i] out, `reverse` starts at the end.

    float16 and smaller types are added up in float32; integers wrap.
    """

    product: bool = False
    exclusive: bool = False
    reverse: bool = False
    onnx = ("CumSum", "CumProd")
    layout_rule = "same"
    in_order = False

    def infer(self, x: TensorType, axis: TensorType) -> TensorType:
        fits = x.rank > 0 and axis.elements == 1 and axis.dtype in INTEGERS
        expect(fits, "E0303", f"a running sum of {x} along an axis given by {axis}")
        return x.with_shape(x.shape)

    def reference(self, x: Array, axis: Array) -> Array:
        at = min(max(int(axis.reshape(())), -x.ndim), x.ndim - 1)
        rows = np.flip(wide(x), at) if self.reverse else wide(x)
        over = np.cumprod if self.product else np.cumsum
        y = over(rows, axis=at, dtype=rows.dtype)
        if self.exclusive:
            first = np.full_like(np.take(y, [0] if y.shape[at] else [], at), int(self.product))
            y = np.concatenate([first, np.take(y, range(y.shape[at] - 1), at)], at)
        return rounded(np.flip(y, at) if self.reverse else y, str(x.dtype))

    def lower(self, k: Kernel, x: View, axis: View, y: View) -> None:
        rank = len(x.shape)
        given = axis.at(0)
        if isinstance(given, Const):
            self._along(k, min(max(int(given.value), -rank), rank - 1) % rank, x, y)
            return
        chosen = k.let("axis", (bounded(given, -rank, rank - 1) + rank) % rank)
        for a in range(rank):
            with self._when(k, chosen, a, rank):
                self._along(k, a, x, y)

    @contextmanager
    def _when(self, k: Kernel, chosen: Expr, axis: int, rank: int) -> Iterator[None]:
        if rank == 1:
            yield
            return
        with k.when(chosen.eq(axis)):
            yield

    def _along(self, k: Kernel, axis: int, x: View, y: View) -> None:
        with k.grid([n for a, n in enumerate(x.shape) if a != axis]) as rest:
            acc = k.cell("acc", const(int(self.product), x.type))
            with k.loop(x.shape[axis], "t", down=self.reverse) as t:
                at = (*rest[:axis], t, *rest[axis:])
                value = k.let("v", x[at])
                if self.exclusive:
                    k.store(y, at, acc.value)
                acc.set(acc.value * value if self.product else acc.value + value)
                if not self.exclusive:
                    k.store(y, at, acc.value)

    def in_place(self) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        op = cls(r.op_type == "CumProd", bool(r.attr("exclusive", 0)), bool(r.attr("reverse", 0)))
        return r.add(op, *r.inputs)
