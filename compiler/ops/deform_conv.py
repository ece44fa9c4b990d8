"""Convolution whose kernel reads x at places that are computed at run time, between the elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop.nodes import I32, Cast, Expr, Select, Type, const, maximum, minimum
from compiler.loop.rounding import floor
from compiler.loop.storage import compute_type
from compiler.ops.base import Op, Reader, expect
from compiler.ops.conv import Conv, read_geometry
from compiler.ops.numbers import require, rounded, wide

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class DeformConv(Op):
    """Conv that reads x, linearly interpolated, at p*stride + q*dilation - pad + offset, times a mask.

    Operands (K elements of the kernel, n spatial axes, F offset groups): x (N, C, spatial...), w (O, C/groups,
    kernel...), offset (N, F*K*n, results...), bias (O) or None, mask (N, F*K, results...) or None. Around x are zeros.
    """

    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    groups: int = 1
    offset_groups: int = 1
    onnx = ("DeformConv",)
    dtypes = FLOATS

    def infer(self, x: TensorType, w: TensorType, offset: TensorType, *more: TensorType | None) -> TensorType:
        bias, mask = (*more, None, None)[:2]
        y = Conv(self.strides, self.pads, self.dilations, self.groups).infer(x, w, bias)
        taps = self.offset_groups * prod(w.shape[2:])
        fits = self.offset_groups > 0 and x.shape[1] % self.offset_groups == 0
        fits = fits and offset.shape == (x.shape[0], taps * (x.rank - 2), *y.shape[2:])
        fits = fits and (mask is None or mask.shape == (x.shape[0], taps, *y.shape[2:]))
        expect(fits, "E0301", f"DeformConv of {x} with weights {w}, offset {offset} and mask {mask}")
        return y

    def scratch(self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]) -> tuple[Type, int]:
        x, w = inputs[:2]
        assert x is not None
        assert w is not None
        return compute_type(x.dtype), x.shape[1] * prod(w.shape[2:])

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        w = inputs[1]
        assert w is not None
        return outputs[0].type.elements * prod(w.shape[1:])

    def reference(self, x: Array, w: Array, offset: Array, b: Array | None = None, mask: Array | None = None) -> Array:
        n, kernel, results = x.ndim - 2, w.shape[2:], offset.shape[2:]
        count = prod(kernel)
        values = wide(x).astype(np.float64)
        moved = offset.astype(np.float64).reshape(x.shape[0], self.offset_groups, count, n, *results)
        factor = (
            np.ones((x.shape[0], self.offset_groups * count, *results)) if mask is None else mask.astype(np.float64)
        )
        factor = factor.reshape(x.shape[0], self.offset_groups, count, *results)
        each = x.shape[1] // self.offset_groups
        sampled = np.zeros((x.shape[0], x.shape[1], count, *results))
        grid = np.indices(results)
        for i, c, (tap, q) in product(range(x.shape[0]), range(x.shape[1]), enumerate(np.ndindex(*kernel))):
            group = c // each
            at = [
                grid[a] * self.strides[a] - self.pads[a] + q[a] * self.dilations[a] + moved[i, group, tap, a]
                for a in range(n)
            ]
            sampled[i, c, tap] = _interpolated(values[i, c], at) * factor[i, group, tap]
        grouped = sampled.reshape(x.shape[0], self.groups, -1, *results)
        weights = w.astype(np.float64).reshape(self.groups, w.shape[0] // self.groups, -1)
        y = np.einsum("ngc...,goc->ngo...", grouped, weights).reshape(x.shape[0], w.shape[0], *results)
        return rounded(y if b is None else y + b.astype(np.float64).reshape(-1, *[1] * n), str(x.dtype))

    def lower(
        self, k: Kernel, x: View, w: View, offset: View, b: View | None, mask: View | None, y: View, scratch: View
    ) -> None:
        """For each place of the result, all that its kernel reads comes into the scratch memory first."""
        kernel = w.shape[2:]
        count, each, per_group = prod(kernel), x.shape[1] // self.offset_groups, w.shape[1]
        with k.loop(y.shape[0], "n") as n, k.grid(y.shape[2:], "yxz") as p:
            with k.loop(x.shape[1], "c") as c, k.grid(kernel, "rst") as q:
                tap = k.let("tap", _flat(q, kernel))
                row = k.let("row", (c // each) * count + tap)
                at = [
                    Cast(p[a] * self.strides[a] + q[a] * self.dilations[a] - self.pads[a], x.type)
                    + offset[(n, row * len(p) + a, *p)]
                    for a in range(len(p))
                ]
                value = self._sample(k, x, n, c, at)
                k.store(scratch, (c * count + tap,), value if mask is None else value * mask[(n, row, *p)])
            with k.loop(y.shape[1], "o") as o:
                acc = k.sum(const(0.0, x.type) if b is None else b[o])
                first = k.let("first", (o // (w.shape[0] // self.groups)) * per_group)
                with k.loop(per_group, "c") as c, k.grid(kernel, "rst") as q:
                    acc += scratch[(first + c) * count + _flat(q, kernel)] * w[(o, c, *q)]
                k.store(y, (n, o, *p), acc.value)

    def _sample(self, k: Kernel, x: View, n: Expr, c: Expr, at: list[Expr]) -> Expr:
        """x between its elements; what lies outside counts as 0 and is not read."""
        low = [k.let("low", floor(k.let("at", a))) for a in at]
        part = [k.let("part", a - b) for a, b in zip(at, low, strict=True)]
        index = [k.let("i", Cast(b, I32)) for b in low]
        total = k.sum(const(0.0, x.type), "sample")
        for corner in product((0, 1), repeat=len(at)):
            place, inside = [], None
            factor: Expr = const(1.0, x.type)
            for i, f, step, size in zip(index, part, corner, x.shape[2:], strict=True):
                own = (i + step >= 0) & (i + step < size)
                inside = own if inside is None else inside & own
                place.append(minimum(maximum(i + step, 0), size - 1))
                factor = factor * (f if step else const(1.0, x.type) - f)
            assert inside is not None
            total += Select(inside, x[(n, c, *place)] * factor, const(0.0, x.type))
        return k.let("v", total.value)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        op = cls(*read_geometry(r, r.type(0), r.type(1)), int(r.attr("offset_group", 1)))
        return r.add(op, *(r.value(i) for i in range(3)), *(r.inputs[i] if r.has(i) else None for i in (3, 4)))


def _flat(q: Sequence[Expr], kernel: Sequence[int]) -> Expr:
    """The number of a kernel's element, row by row."""
    total: Expr = const(0, I32)
    for i, size in zip(q, kernel, strict=True):
        total = total * size + i
    return total


def _interpolated(x: Array, at: Sequence[Array]) -> Array:
    low = [np.floor(a) for a in at]
    total = np.zeros(at[0].shape)
    for corner in product((0, 1), repeat=len(at)):
        place = [b + step for b, step in zip(low, corner, strict=True)]
        inside = np.all([(p >= 0) & (p < n) for p, n in zip(place, x.shape, strict=True)], axis=0)
        factor = np.prod([1 - np.abs(a - p) for a, p in zip(at, place, strict=True)], axis=0)
        index = tuple(np.clip(p, 0, n - 1).astype(np.int64) for p, n in zip(place, x.shape, strict=True))
        total += np.where(inside, x[index] * factor, 0.0)
    return total
