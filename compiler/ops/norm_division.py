"""Normalisations that divide by a norm: LpNormalization along an axis, LRN over neighbouring channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop import math
from compiler.loop.nodes import const, maximum, minimum, select
from compiler.ops.base import Op, Reader, expect, normal_axis
from compiler.ops.lp_pool import lp_root, lp_term
from compiler.ops.numbers import require, rounded

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class LpNormalization(Op):
    """x / (sum of |x|**p along the axis)**(1/p); zeros where that is 0."""

    axis: int = -1
    p: int = 2
    onnx = ("LpNormalization",)
    dtypes = FLOATS
    layout_rule = "same"
    in_order = False

    def infer(self, x: TensorType) -> TensorType:
        expect(0 <= self.axis < x.rank, "E0303", f"LpNormalization along axis {self.axis} of {x}")
        return x.with_shape(x.shape)

    def reference(self, x: Array) -> Array:
        values = x.astype(np.float64)
        norm = (np.abs(values) ** self.p).sum(axis=self.axis, keepdims=True) ** (1.0 / self.p)
        return rounded(np.where(norm == 0, 0.0, values / np.where(norm == 0, 1.0, norm)), str(x.dtype))

    def lower(self, k: Kernel, x: View, y: View) -> None:
        with k.grid([n for a, n in enumerate(x.shape) if a != self.axis]) as rest:

            def at(i: Any) -> tuple[Any, ...]:
                return (*rest[: self.axis], i, *rest[self.axis :])

            total = k.sum(const(0.0, x.type), "total")
            with k.loop(x.shape[self.axis], "i") as i:
                total += lp_term(k, x[at(i)], self.p)
            norm = k.let("norm", lp_root(k, total.value, self.p))
            divisor = k.let("divisor", select(norm.eq(0.0), 1.0, norm))
            with k.loop(x.shape[self.axis], "i") as i:
                k.store(y, at(i), x[at(i)] / divisor)

    def in_place(self) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        p = int(r.attr("p", 2))
        expect(p in (1, 2), "E0311", f"LpNormalization of order {p}")
        return r.add(cls(normal_axis(int(r.attr("axis", -1)), r.type().rank), p), r.value())


@dataclass(frozen=True)
class LocalResponse(Op):
    """y = x / (bias + alpha/size * s)**beta, s the sum of x*x over `size` channels around: the odd one behind."""

    size: int = 1
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0
    onnx = ("LRN",)
    dtypes = FLOATS
    layout_rule = "same"

    def infer(self, x: TensorType) -> TensorType:
        expect(x.rank >= 2, "E0301", f"LRN of {x}")
        return x.with_shape(x.shape)

    def reference(self, x: Array) -> Array:
        values = x.astype(np.float64)
        squares = np.zeros_like(values)
        for c in range(x.shape[1]):
            first, last = max(0, c - (self.size - 1) // 2), min(x.shape[1] - 1, c + self.size // 2)
            squares[:, c] = (values[:, first : last + 1] ** 2).sum(axis=1)
        return rounded(values / (self.bias + self.alpha / self.size * squares) ** self.beta, str(x.dtype))

    def lower(self, k: Kernel, x: View, y: View) -> None:
        channels = x.shape[1]
        with k.over(y) as at:
            total = k.sum(const(0.0, x.type))
            first = k.let("first", maximum(at[1] - (self.size - 1) // 2, 0))
            last = k.let("last", minimum(at[1] + self.size // 2 + 1, channels))
            with k.loop(last, "c", start=first) as c:
                value = k.let("v", x[(at[0], c, *at[2:])])
                total += value * value
            base = total.value * (self.alpha / self.size) + self.bias
            k.store(y, at, x[at] / math.power(base, const(self.beta, x.type)))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        size = int(r.attr("size"))
        expect(size > 0, "E0311", f"LRN over {size} channels")
        alpha, beta, bias = (float(r.attr(n, d)) for n, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
        return r.add(cls(size, alpha, beta, bias), r.value())
