"""Layer, RMS, instance and group normalisation of stored numbers, without floats."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I32, I64, Cast, Expr, const, maximum, minimum, select
from compiler.loop.storage import compute_type
from compiler.ops.base import Op, aligned, broadcast, expect

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel, View

FRACTION = 20  # bits of a standardised number's fraction
LONGEST = 1 << 16  # numbers that share a mean: all products fit into 64 bits
_TOP = 62  # V below is scaled to lie between a quarter of 2**62 and 2**62
_root = np.frompyfunc(isqrt, 1, 1)


@dataclass(frozen=True)
class StandardizeInteger(Op):
    """clamp(round(z * gain + offset, over 2**bits) + zero), where z = d / sqrt(V) with 20 bits of fraction.

    Of n numbers c = x - x_zero along `axes`: d = n c - sum of c, and V = n * sum of c**2 - (sum of c)**2 + eps; without
    `center` the sum of c counts as 0. Scale and n cancel, so that all of it is exact but for 1 / sqrt(V), which is
    floor(2**61 / floor(sqrt(V * 4**e))) * 2**(e - 61), e as large as V * 4**e < 2**62 allows.
    Operands: x, gain (int32), offset (int64), which broadcast to x.
    """

    axes: tuple[int, ...] = (-1,)
    center: bool = True
    x_zero: int = 0
    eps: int = 1
    bits: int = 40
    to: str = "int8"
    zero: int = 0
    low: int = -128
    high: int = 127
    dtypes = frozenset({"int8", "uint8"})
    layout_rule = "same"
    in_order = False

    def infer(self, x: TensorType, gain: TensorType, offset: TensorType) -> TensorType:
        expect(x.dtype in self.dtypes, "E0305", f"StandardizeInteger of {x}")
        expect(all(0 <= a < x.rank for a in self.axes), "E0303", f"normalisation along axes {self.axes} of {x}")
        expect(self._count(x.shape) <= LONGEST, "E0303", f"integer normalisation over more than {LONGEST} of {x}")
        expect(self.eps >= 1 and self.bits >= 1, "E0303", "integer normalisation needs epsilon and bits of at least 1")
        for p in (gain, offset):
            expect(broadcast(p.shape, x.shape) == x.shape, "E0302", f"normalisation of {x} scaled by {p}")
        expect((gain.dtype, offset.dtype) == ("int32", "int64"), "E0305", f"normalisation scaled by {gain}, {offset}")
        return TensorType.of(self.to, x.shape)

    def _count(self, shape: tuple[int, ...]) -> int:
        return prod(shape[a] for a in self.axes)

    def reference(self, x: Array, gain: Array, offset: Array) -> Array:
        n = self._count(x.shape)
        c = x.astype(np.int64) - self.x_zero
        total = c.sum(axis=self.axes, keepdims=True) if self.center else np.zeros((), np.int64)
        v = n * (c * c).sum(axis=self.axes, keepdims=True) - total * total + self.eps
        e = (_TOP - np.array([int(i).bit_length() for i in v.reshape(-1)], np.int64).reshape(v.shape)) // 2
        root = _root((v << (2 * e)).astype(object)).astype(np.int64)
        inverse = (np.int64(1) << (_TOP - 1)) // np.maximum(root, 1)
        away = _TOP - 1 - FRACTION - e
        z = ((n * c - total) * inverse + (np.int64(1) << (away - 1))) >> away
        y = (z * gain.astype(np.int64) + offset + (1 << (self.bits - 1))) >> self.bits
        return np.asarray(np.clip(y + self.zero, self.low, self.high), self.to)

    def lower(self, k: Kernel, x: View, gain: View, offset: View, y: View) -> None:
        n = self._count(x.shape)
        if y.size == 0:
            return
        order = sorted(self.axes, key=lambda a: -x.strides[a])
        with k.grid([1 if a in self.axes else m for a, m in enumerate(x.shape)]) as outer:

            def inner_grid() -> Any:
                return k.grid([x.shape[a] for a in order], "rstuvw")

            def at(inner: tuple[Expr, ...]) -> tuple[Expr, ...]:
                chosen = dict(zip(order, inner, strict=True))
                return tuple(chosen.get(a, i) for a, i in enumerate(outer))

            def centred(inner: tuple[Expr, ...]) -> Expr:
                wide = Cast(x[at(inner)], I32)
                return wide - self.x_zero if self.x_zero else wide

            total, squares = k.sum(const(0, I32), "total"), k.sum(const(0, I64), "squares")
            with inner_grid() as inner:
                c = k.let("c", centred(inner))
                if self.center:
                    total += c
                squares += Cast(c * c, I64)
            mean = k.let("sum", Cast(total.value, I64))
            v = k.let("v", squares.value * n - mean * mean + self.eps)
            inverse, away = self._inverse_root(k, v)
            half = k.let("half", const(1, I64) << (away - 1))
            with inner_grid() as inner:
                d = Cast(centred(inner), I64) * n - mean
                z = k.let("z", (d * inverse + half) >> away)
                place = at(inner)
                factor, added = (self._parameter(p, place, x.shape) for p in (gain, offset))
                scaled = (z * Cast(factor, I64) + added + (1 << (self.bits - 1))) >> self.bits
                value = k.let("y", minimum(maximum(scaled + self.zero, self.low), self.high))
                k.store(y, place, Cast(value, compute_type(self.to)))

    def _inverse_root(self, k: Kernel, v: Expr) -> tuple[Expr, Expr]:
        """2**61 / sqrt(V * 4**e), and by how many bits a product with it is shifted."""
        e: Expr = const(0, I64)
        for step in (32, 16, 8, 4, 2):
            small = k.let("small", v < (1 << (_TOP - step)))
            e = k.let("e", e + select(small, step // 2, 0, like=I64))
            v = k.let("v", select(small, v << step, v))
        rest, root = k.cell("rest", v), k.cell("root", const(0, I64))
        bit = k.cell("bit", const(1 << (_TOP - 2), I64))
        with k.loop(_TOP // 2, "i"):  # one bit of the root at a time
            trial = k.let("trial", root.value + bit.value)
            root.set(root.value >> 1)
            with k.when(rest.value >= trial):
                rest.set(rest.value - trial)
                root.set(root.value + bit.value)
            bit.set(bit.value >> 2)
        inverse = k.let("inverse", const(1 << (_TOP - 1), I64) // root.value)
        return inverse, k.let("away", (_TOP - 1 - FRACTION) - e)

    def _parameter(self, v: View, place: tuple[Expr, ...], shape: tuple[int, ...]) -> Expr:
        offset: Expr = const(0, I32)
        for i, stride in zip(place, aligned(v, shape), strict=True):
            if stride:
                offset = offset + i * stride
        return v.at(offset)

    def in_place(self) -> tuple[int, ...]:
        return (0,)
