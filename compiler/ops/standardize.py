"""Layer, RMS, instance and group normalisation: one kernel, mean 0 and variance 1 over some axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop.nodes import Expr, Unary, const
from compiler.ops.base import Op, Reader, Spelling, aligned, broadcast, expect, normal_axis
from compiler.ops.numbers import converted, require, rounded, wide
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Standardize(Op):
    """y = (x - mean) / sqrt(var + eps) * scale + bias, with mean and variance over `axes`.

    `center` False leaves the mean in: the root of the mean square divides. scale and bias (or None) broadcast to x.
    With `statistics`, further results are mean and 1 / sqrt(var + eps), with length one along the axes.
    """

    axes: tuple[int, ...] = (-1,)
    eps: float = 1e-5
    center: bool = True
    statistics: bool = False
    dtypes = FLOATS
    layout_rule = "same"
    in_order = False

    def infer(self, x: TensorType, *params: TensorType | None) -> TensorType | tuple[TensorType, ...]:
        expect(all(0 <= a < x.rank for a in self.axes), "E0303", f"normalisation along axes {self.axes} of {x}")
        for p in params:
            expect(p is None or broadcast(p.shape, x.shape) == x.shape, "E0302", f"normalisation of {x} scaled by {p}")
        y = x.with_shape(x.shape)
        if not self.statistics:
            return y
        kept = TensorType.of("float64" if x.dtype == "float64" else "float32", self._kept(x.shape))
        return y, kept, kept

    def _kept(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(1 if a in self.axes else n for a, n in enumerate(shape))

    def reference(self, x: Array, scale: Array | None = None, bias: Array | None = None) -> Array | tuple[Array, ...]:
        values = x.astype(np.float64)
        kept = self._kept(x.shape)
        count = max(1, prod(x.shape[a] for a in self.axes))
        mean = values.sum(axis=self.axes, keepdims=True) / count if self.center else np.zeros(kept)
        apart = values - mean
        inverse = 1.0 / np.sqrt((apart * apart).sum(axis=self.axes, keepdims=True) / count + self.eps)
        y = apart * inverse
        y = y if scale is None else y * scale.astype(np.float64)
        y = rounded(y if bias is None else y + bias.astype(np.float64), str(x.dtype))
        return (y, *(s.astype(wide(x).dtype) for s in (mean, inverse))) if self.statistics else y

    def lower(self, k: Kernel, x: View, scale: View | None, bias: View | None, y: View, *statistics: View) -> None:
        count = max(1, prod(x.shape[a] for a in self.axes))
        order = sorted(self.axes, key=lambda a: -x.strides[a])
        with k.grid(self._kept(x.shape)) as outer:

            def at(inner: tuple[Expr, ...]) -> tuple[Expr, ...]:
                chosen = dict(zip(order, inner, strict=True))
                return tuple(chosen.get(a, i) for a, i in enumerate(outer))

            def grid() -> tuple[list[int], str]:
                return [x.shape[a] for a in order], "rstuvw"

            mean: Expr = const(0.0, x.type)
            if self.center:
                total = k.sum(const(0.0, x.type), "total")
                with k.grid(*grid()) as inner:
                    total += x[at(inner)]
                mean = k.let("mean", total.value / float(count))
            squares = k.sum(const(0.0, x.type), "squares")
            with k.grid(*grid()) as inner:
                apart = k.let("d", x[at(inner)] - mean) if self.center else k.let("d", x[at(inner)])
                squares += apart * apart
            eps = np.dtype(x.type.numpy).type(self.eps).item()
            inverse = k.let("inverse", const(1.0, x.type) / Unary("sqrt", squares.value / float(count) + eps))
            with k.grid(*grid()) as inner:
                place = at(inner)
                value = (x[place] - mean if self.center else x[place]) * inverse
                if scale is not None:
                    value = value * _aligned(scale, place, x)
                if bias is not None:
                    value = value + _aligned(bias, place, x)
                k.store(y, place, value)
            for view, statistic in zip(statistics, (mean, inverse), strict=False):
                k.store(view, outer, statistic)

    def in_place(self) -> tuple[int, ...]:
        return (0,)


def _aligned(view: View, place: tuple[Expr, ...], x: View) -> Expr:
    """The element of a parameter that numpy's broadcasting puts at a place of x."""
    offset: Expr = const(0, view.base.type)
    for i, stride in zip(place, aligned(view, x.shape), strict=True):
        if stride:
            offset = offset + i * stride
    return converted(view.at(offset), x.type)


def _parameter(r: Reader, index: int, shape: tuple[int, ...]) -> Value | None:
    return r.add(Reshape(shape), r.value(index)) if r.has(index) else None


class LayerNormalization(Spelling):
    """Over all axes from `axis` on; RMSNormalization leaves the mean in."""

    onnx = ("LayerNormalization", "RMSNormalization")

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, FLOATS)
        x = r.type()
        axes = tuple(range(normal_axis(int(r.attr("axis", -1)), x.rank), x.rank))
        op = Standardize(axes, float(r.attr("epsilon", 1e-5)), r.op_type == "LayerNormalization", any(r.wanted[1:]))
        return r.add_many(op, r.value(0), r.value(1), r.inputs[2] if r.has(2) else None)


class InstanceNormalization(Spelling):
    """Over the spatial axes of each channel."""

    onnx = ("InstanceNormalization",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, FLOATS)
        x = r.type()
        expect(x.rank >= 3, "E0301", f"InstanceNormalization of {x}")
        shape = (x.shape[1], *(1,) * (x.rank - 2))
        op = Standardize(tuple(range(2, x.rank)), float(r.attr("epsilon", 1e-5)))
        return r.add(op, r.value(0), _parameter(r, 1, shape), _parameter(r, 2, shape))


class GroupNormalization(Spelling):
    """Over the channels of a group and their spatial axes; before opset 21 with one scale for each group."""

    onnx = ("GroupNormalization",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, FLOATS)
        x, groups = r.type(), int(r.attr("num_groups"))
        fits = x.rank >= 2 and groups > 0 and x.shape[1] % groups == 0
        expect(fits, "E0301", f"GroupNormalization of {x} in {groups} groups")
        each = x.shape[1] // groups
        split = (x.shape[0], groups, each, *x.shape[2:])
        shape = (groups, each if r.opset >= 21 else 1, *(1,) * (x.rank - 2))
        op = Standardize(tuple(range(2, len(split))), float(r.attr("epsilon", 1e-5)))
        grouped = r.add(Reshape(split), r.value(0))
        y = r.add(op, grouped, _parameter(r, 1, shape), _parameter(r, 2, shape))
        return r.add(Reshape(x.shape), y)
