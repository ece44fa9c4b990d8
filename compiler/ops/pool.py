"""Max and average pooling over any number of spatial axes, global pools included."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array
from compiler.loop.nodes import Cast, Const, Expr, const, maximum, minimum, select
from compiler.loop.storage import compute_type
from compiler.ops.arithmetic import truncated_division
from compiler.ops.base import Reader
from compiler.ops.conv import store_tail, sum_of
from compiler.ops.max_pool_indices import MaxPoolIndices
from compiler.ops.numbers import converted, lowest, require, rounded, wide
from compiler.ops.pool_window import Pool, geometry
from compiler.ops.window import inside

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

STORED = frozenset({"int8", "uint8", "int16"})


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest element of each window; padding does not count."""

    onnx = ("MaxPool", "GlobalMaxPool")
    dtypes = FLOATS | INTEGERS

    def reference(self, x: Array, *more: Array) -> Array:
        y: Array = self.windows(wide(x), lowest(compute_type(str(x.dtype)))).max(axis=0)
        return self.finish(y.astype(x.dtype), more)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p, k.loop(y.shape[1], "c") as c:
            best = k.cell("best", const(lowest(x.type), x.type))
            with k.grid(self.kernel, "rst") as q:
                at = self.positions(p, q)
                with inside(k, at, x.shape[2:], self.borders(x, y)):
                    value = k.let("v", x[(i, c, *at)])
                    best.set(select(value < best.value, best.value, value))
            store_tail(k, self.tail, y, (i, c, *p), best.value, more)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        if any(r.wanted[1:]):
            column_major = bool(r.attr("storage_order", 0))
            return r.add_many(MaxPoolIndices(**geometry(r), column_major=column_major), r.value())
        return r.add(cls(**geometry(r)), r.value())


@dataclass(frozen=True)
class AveragePool(Pool):
    """The mean of each window; `include_pad` counts padding as zeros.

    Of integers: the whole number nearest to the mean, halves away from zero, as TensorFlow Lite and CMSIS-NN have it.
    """

    include_pad: bool = False
    onnx = ("AveragePool", "GlobalAveragePool")
    dtypes = FLOATS | STORED

    def counts(self, shape: tuple[int, ...]) -> list[Array]:
        """For each axis, how many places of each window count."""
        counts = []
        for a, size in enumerate(self.sizes(shape)):
            low, high = self._counted(a, shape[2 + a])
            first = np.arange(size)[:, None] * self.strides[a] - self.pads[a]
            at = first + np.arange(self.kernel[a]) * self.dilations[a]
            counts.append(((at >= low) & (at < high)).sum(axis=1))
        return counts

    def _counted(self, axis: int, size: int) -> tuple[int, int]:
        """The range of places along an axis that count for the mean."""
        if not self.include_pad:
            return 0, size
        return -self.pads[axis], size + self.pads[len(self.kernel) + axis]

    def reference(self, x: Array, *more: Array) -> Array:
        if str(x.dtype) in STORED:
            return self.finish(self._nearest(x), more)
        total = self.windows(wide(x), 0).sum(axis=0)
        for a, count in enumerate(self.counts(x.shape)):
            total = total / count.reshape([-1 if i == a + 2 else 1 for i in range(x.ndim)]).astype(total.dtype)
        return self.finish(rounded(total, str(x.dtype)), more)

    def _nearest(self, x: Array) -> Array:
        total = self.windows(x.astype(np.int64), 0).sum(axis=0)
        count = np.ones((), np.int64)
        for a, each in enumerate(self.counts(x.shape)):
            count = count * each.reshape([-1 if i == a + 2 else 1 for i in range(x.ndim)])
        half = np.where(total > 0, count // 2, -(count // 2))
        return truncated_division(total + half, np.broadcast_to(count, total.shape)).astype(x.dtype)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        counts, kind = self.counts(x.shape), sum_of(x)
        uniform = all((c == c[0]).all() for c in counts)
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p:
            count: Expr = const(prod(int(c[0]) for c in counts), kind)
            if not uniform:
                size: Expr = Const(1)
                for a in range(len(self.kernel)):
                    size = size * self._axis_count(p[a], a, *self._counted(a, x.shape[2 + a]))
                count = converted(k.let("count", size), kind)
            scale = self._scale(k, count) if kind.is_float else None
            with k.loop(y.shape[1], "c") as c:
                acc = k.sum(const(0, kind))
                with k.grid(self.kernel, "rst") as q:
                    at = self.positions(p, q)
                    with inside(k, at, x.shape[2:], self.borders(x, y)):
                        acc += converted(x[(i, c, *at)], kind)
                if scale is not None:
                    mean = acc.value * scale
                else:
                    half = k.let("half", count // 2)
                    mean = k.let("mean", Cast((acc.value + select(acc.value > 0, half, 0 - half)) // count, x.type))
                store_tail(k, self.tail, y, (i, c, *p), mean, more)

    def _scale(self, k: Kernel, count: Expr) -> Expr:
        """What a sum is multiplied with; of nothing but padding it is infinity: 0 * inf is 0 / 0."""
        if isinstance(count, Const):
            return const(1.0 / count.value if count.value else inf, count.type)
        return k.let("scale", const(1.0, count.type) / count)

    def _axis_count(self, p: Expr, a: int, low: int, high: int) -> Expr:
        """How many of the window's places along axis `a` lie in [low, high)."""
        start = p * self.strides[a] - self.pads[a]
        if self.dilations[a] == 1:
            return minimum(start + self.kernel[a], high) - maximum(start, low)
        total: Expr = Const(0)
        for q in range(self.kernel[a]):
            at = start + q * self.dilations[a]
            total = total + select((at >= low) & (at < high), 1, 0, like=at.type)
        return total

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, FLOATS)
        return r.add(cls(**geometry(r), include_pad=bool(r.attr("count_include_pad", 0))), r.value())
