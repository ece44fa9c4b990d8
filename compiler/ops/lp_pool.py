"""Lp pooling: the p-norm of each window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, Array
from compiler.loop import math
from compiler.loop.nodes import Expr, Unary, const
from compiler.ops.base import Reader, expect
from compiler.ops.conv import store_tail
from compiler.ops.numbers import require, rounded, wide
from compiler.ops.pool_window import Pool, geometry
from compiler.ops.window import inside

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class LpPool(Pool):
    """(sum of |x|**p over the window)**(1/p); padding counts as zeros."""

    p: float = 2.0
    onnx = ("LpPool", "GlobalLpPool")
    dtypes = FLOATS

    def reference(self, x: Array, *more: Array) -> Array:
        windows = np.abs(self.windows(wide(x), 0).astype(np.float64))
        y = (windows**self.p).sum(axis=0) ** (1.0 / self.p)
        return self.finish(rounded(y.astype(wide(x).dtype), str(x.dtype)), more)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p, k.loop(y.shape[1], "c") as c:
            acc = k.sum(const(0.0, x.type))
            with k.grid(self.kernel, "rst") as q:
                at = self.positions(p, q)
                with inside(k, at, x.shape[2:], self.borders(x, y)):
                    acc += lp_term(k, x[(i, c, *at)], self.p)
            store_tail(k, self.tail, y, (i, c, *p), lp_root(k, acc.value, self.p), more)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        p = float(r.attr("p", 2.0))
        expect(p > 0, "E0311", f"{r.op_type} of order {p:g}")
        return r.add(cls(**geometry(r), p=p), r.value())


def lp_term(k: Kernel, x: Expr, p: float) -> Expr:
    """|x|**p"""
    a = k.let("a", Unary("abs", x))
    if p == 1:
        return a
    return a * a if p == 2 else math.power(a, const(p, x.type))


def lp_root(k: Kernel, total: Expr, p: float) -> Expr:
    """total**(1/p)"""
    if p == 1:
        return total
    return Unary("sqrt", total) if p == 2 else math.power(total, const(1.0 / p, total.type))
