"""Resize with coordinates relative to a region that is known at run time (tf_crop_and_resize)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import F32, F64, I1, Expr, const, select
from compiler.ops.base import Op, Reader, expect
from compiler.ops.numbers import converted, rounded, wide
from compiler.ops.sampling import Mode, Nearest, inside, inside_code, sample_code, sampled, tap_code, taps
from compiler.ops.transpose import Transpose

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class CropResize(Op):
    """The region [start, end] (fractions of n - 1) of x's last axes, sampled at `sizes` places along each.

    Operands: x and the region: the starts of all those axes, then the ends. Coordinates outside x give `outside`.
    """

    sizes: tuple[int, ...] = ()
    mode: Mode = "linear"
    nearest: Nearest = "round_prefer_floor"
    cubic: float = -0.75
    exclude: bool = False
    outside: float = 0.0

    def infer(self, x: TensorType, region: TensorType) -> TensorType:
        n = len(self.sizes)
        fits = n <= x.rank and region.elements == 2 * n and min(x.shape[x.rank - n :], default=1) > 0
        expect(fits, "E0301", f"the region {region} of the last {n} axes of {x}")
        return x.with_shape((*x.shape[: x.rank - n], *self.sizes))

    def reference(self, x: Array, region: Array) -> Array:
        n, kind = len(self.sizes), np.float64 if x.dtype == np.float64 else np.float32
        box = region.astype(kind).reshape(2, n)
        axes, missing = [], np.zeros((), bool)
        for a, (length, count) in enumerate(zip(x.shape[x.ndim - n :], self.sizes, strict=True)):
            start, end, last = box[0, a], box[1, a], kind(length - 1)
            at = np.full(count, kind(0.5) * (start + end) * last)
            if count > 1:
                at = start * last + np.arange(count).astype(kind) * ((end - start) * last / kind(count - 1))
            places, weights = taps(at.astype(kind), self.mode, self.nearest, self.cubic)
            if self.exclude and self.mode != "nearest":
                weights = np.where((places >= 0) & (places < length), weights, 0)
                weights = weights / weights.sum(axis=-1, keepdims=True)
            shape = [-1 if b == a else 1 for b in range(n)]
            places, counts = inside(places, length, "edge")
            axes.append(tuple(t.reshape(*shape, t.shape[-1]) for t in (places, weights, counts)))
            missing = missing | ~((at >= 0) & (at <= last)).reshape(shape)
        base = wide(x) if self.mode == "nearest" else x.astype(kind)
        y = rounded(sampled(base, axes) if axes else base, str(x.dtype))  # type: ignore[arg-type]
        return np.where(missing, rounded(np.asarray(self.outside), str(x.dtype)), y)

    def lower(self, k: Kernel, x: View, region: View, y: View) -> None:
        n, kind = len(self.sizes), F64 if x.type == F64 else F32
        first = len(x.shape) - n
        with k.grid(self.sizes, "ijklmn") as at:
            axes, missing = [], None
            for a, i in enumerate(at):
                length = x.shape[first + a]
                start, end = (k.let("b", converted(region.at(a + side), kind)) for side in (0, n))
                place = self._coordinate(start, end, length - 1, self.sizes[a], i)
                place = k.let("x", place)
                axes.append(self._taps(k, place, length))
                seen = (place >= 0.0) & (place <= float(length - 1))
                missing = seen if missing is None else missing & seen
            with k.grid(x.shape[:first], "abcdef") as lead:
                value = converted(sample_code(k, x, lead, axes) if axes else x[lead], y.type)
                if missing is not None:
                    value = select(missing, value, const(bool(self.outside) if y.type == I1 else self.outside, y.type))
                k.store(y, (*lead, *at), value)

    def _coordinate(self, start: Expr, end: Expr, last: int, count: int, i: Expr) -> Expr:
        if count == 1:
            return (start + end) * 0.5 * float(last)
        return start * float(last) + converted(i, start.type) * ((end - start) * float(last) / float(count - 1))

    def _taps(self, k: Kernel, place: Expr, length: int) -> list[tuple[Expr, Expr | None, Expr | None]]:
        given = tap_code(k, place, self.mode, self.nearest, self.cubic)
        if self.exclude and self.mode != "nearest":
            zero = const(0.0, place.type)
            weights = [k.let("w", select((p >= 0) & (p < length), w or zero, zero)) for p, w in given]
            total = weights[0]
            for w in weights[1:]:
                total = total + w
            total = k.let("all", total)
            given = [(p, k.let("w", w / total)) for (p, _), w in zip(given, weights, strict=True)]
        return [(inside_code(k, p, length, "edge")[0], w, None) for p, w in given]

    @classmethod
    def read(cls, r: Reader, axes: list[int], sizes: list[int], mode: Mode, nearest: Nearest) -> Value:
        """From a Resize: the resized axes become the last ones and go back afterwards."""
        x = r.type()
        order = (*(a for a in range(x.rank) if a not in axes), *axes)
        op = cls(tuple(sizes), mode, nearest, float(r.attr("cubic_coeff_a", -0.75)),
                 bool(r.attr("exclude_outside", 0)), float(r.attr("extrapolation_value", 0.0)))  # fmt: skip
        y = r.add(op, r.add(Transpose(order), r.inputs[0]), r.value(1))
        return r.add(Transpose(tuple(order.index(a) for a in range(x.rank))), y)
