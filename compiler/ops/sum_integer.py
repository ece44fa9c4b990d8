"""Sums of quantised numbers, over windows or along axes; a Requantize in the tail makes means or sums of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import const
from compiler.ops.base import Op, expect
from compiler.ops.conv import result_type, store_tail, sum_of
from compiler.ops.elementwise import Map
from compiler.ops.numbers import converted
from compiler.ops.pool import STORED
from compiler.ops.pool_window import Pool
from compiler.ops.window import inside

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class SumPool(Pool):
    """The sum of (x - zero) over each window, in int32 (int64 for 16 bits); padding contributes nothing."""

    zero: int = 0
    dtypes = STORED

    def infer(self, x: TensorType, *more: TensorType) -> TensorType:
        expect(x.dtype in STORED, "E0305", f"SumPool of {x}")
        y = TensorType.of(result_type(x), self.pooled(x).shape)
        return y if self.tail is None else self.tail.infer(y, *more)

    def reference(self, x: Array, *more: Array) -> Array:
        total = self.windows(x.astype(np.int64) - self.zero, 0).sum(axis=0)
        return self.finish(total.astype(_sums(x)), more)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        kind = sum_of(x)
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p, k.loop(y.shape[1], "c") as c:
            acc = k.sum(const(0, kind))
            with k.grid(self.kernel, "rst") as q:
                at = self.positions(p, q)
                with inside(k, at, x.shape[2:], self.borders(x, y)):
                    value = converted(x[(i, c, *at)], kind)
                    acc += value - self.zero if self.zero else value
            store_tail(k, self.tail, y, (i, c, *p), acc.value, more)


@dataclass(frozen=True)
class SumInteger(Op):
    """The sum of (x - zero) along `axes`, which stay with length one; int32 (int64 for 16 bits)."""

    axes: tuple[int, ...] = ()
    zero: int = 0
    tail: Map | None = None
    dtypes = STORED
    layout_rule = "same"

    def infer(self, x: TensorType, *more: TensorType) -> TensorType:
        expect(x.dtype in STORED, "E0305", f"SumInteger of {x}")
        expect(all(0 <= a < x.rank for a in self.axes), "E0303", f"a sum along axes {self.axes} of {x}")
        y = TensorType.of(result_type(x), self._kept(x.shape))
        return y if self.tail is None else self.tail.infer(y, *more)

    def _kept(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(1 if a in self.axes else n for a, n in enumerate(shape))

    def reference(self, x: Array, *more: Array) -> Array:
        total = x.astype(np.int64).sum(axis=self.axes, keepdims=True) - self.zero * prod(x.shape[a] for a in self.axes)
        y: Array = total.astype(_sums(x))
        return y if self.tail is None else self.tail.reference(y, *more)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        kind = sum_of(x)
        order = sorted(self.axes, key=lambda a: -x.strides[a])
        count = prod(x.shape[a] for a in self.axes)
        with k.over(y) as outer:
            acc = k.sum(const(-self.zero * count, kind))
            with k.grid([x.shape[a] for a in order], "rstuvw") as inner:
                chosen = dict(zip(order, inner, strict=True))
                acc += converted(x[tuple(chosen.get(a, i) for a, i in enumerate(outer))], kind)
            store_tail(k, self.tail, y, outer, acc.value, more)


def _sums(x: Array) -> str:
    return result_type(TensorType.of(str(x.dtype), x.shape))
