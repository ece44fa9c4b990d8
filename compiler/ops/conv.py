"""Convolution over any number of spatial axes, with an optional fused tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, Array, Shape, TensorType
from compiler.loop.nodes import I32, I64, Expr, Type, const
from compiler.ops.base import Op, Reader, aligned, expect
from compiler.ops.elementwise import Map
from compiler.ops.numbers import converted, exact, require, rounded, sum_type, wide
from compiler.ops.window import inside, output_sizes, resolve_padding

if TYPE_CHECKING:
    from types import EllipsisType

    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

    Cut = tuple[slice | int | EllipsisType, ...]  # what numpy is indexed with


@dataclass(frozen=True)
class Conv(Op):
    """y[n,o,p] = b[o] + sum over c, q of (x[n, c, p*stride + q*dilation - pad] - zero) * w[o,c,q].

    Operands: x (N, C, spatial...), w (O, C/groups, kernel...), bias (O) or None, then the tail's further operands.
    `pads` are the begins of all spatial axes, then the ends; what lies outside contributes nothing. `tail` is applied
    to each result element as operand 0. Integers are summed in int32 (16-bit ones in int64), the bias's type; `zero`
    is the zero point of x. Weights may be integers where x is float: their scale is then in the tail.
    """

    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    groups: int = 1
    tail: Map | None = None
    zero: int = 0
    onnx = ("Conv",)
    dtypes = FLOATS
    layout_rule = "channels_last"

    @property
    def spatial(self) -> int:
        return len(self.strides)

    def _sizes(self, size: Shape, kernel: Shape) -> Shape:
        """The spatial part of the result's shape."""
        return output_sizes(size, kernel, self.strides, self.dilations, self.pads)

    def infer(self, x: TensorType, w: TensorType, b: TensorType | None = None, *more: TensorType) -> TensorType:
        n = self.spatial
        fits = x.rank == n + 2 and w.rank == n + 2 and weights_fit(x, w, b)
        expect(fits, "E0301", f"Conv of {x} with weights {w}")
        expect(
            x.shape[1] == w.shape[1] * self.groups and w.shape[0] % self.groups == 0,
            "E0301",
            f"x has {x.shape[1]} channels; the weights expect {w.shape[1]} for each of {self.groups} groups",
        )
        expect(b is None or b.shape == (w.shape[0],), "E0301", f"bias {b} for {w.shape[0]} output channels")
        sizes = self._sizes(x.shape[2:], w.shape[2:])
        fits = all(s > 0 for s in sizes)
        expect(fits, "E0306", f"the kernel {w.shape[2:]} is larger than the padded input {x.shape[2:]}")
        y = TensorType.of(result_type(x), (x.shape[0], w.shape[0], *sizes))
        return y if self.tail is None else self.tail.infer(y, *more)

    def reference(self, x: Array, w: Array, b: Array | None = None, *more: Array) -> Array:
        n, g = self.spatial, self.groups
        padding = [(0, 0), (0, 0), *((self.pads[i], self.pads[n + i]) for i in range(n))]
        dtype = result_type(TensorType.of(str(x.dtype), x.shape))
        x = exact(x) - self.zero if self.zero else exact(x)
        w = wide(w).astype(x.dtype)
        padded = np.pad(x, padding)
        sizes = self._sizes(x.shape[2:], w.shape[2:])
        y = np.zeros((x.shape[0], g, w.shape[0] // g, *sizes), dtype=x.dtype)  # exact holds integers, too
        grouped = w.reshape(g, w.shape[0] // g, *w.shape[1:])
        for at in product(*(range(k) for k in w.shape[2:])):
            starts = [q * d for q, d in zip(at, self.dilations, strict=True)]
            steps = zip(starts, sizes, self.strides, strict=True)
            cut: Cut = (..., *(slice(a, a + (m - 1) * s + 1, s) for a, m, s in steps))
            tap: Cut = (..., *at)
            window = padded[cut].reshape(x.shape[0], g, x.shape[1] // g, *sizes)
            y += _products(window, grouped[tap])
        result = y.reshape(x.shape[0], w.shape[0], *sizes)
        if b is not None:
            result = result + b.astype(result.dtype).reshape(-1, *[1] * n)
        result = rounded(result, dtype)
        return result if self.tail is None else self.tail.reference(result, *more)

    def lower(self, k: Kernel, x: View, w: View, b: View | None, *rest: View) -> None:
        *more, y = rest
        n = self.spatial
        per_group, out_per_group = w.shape[1], w.shape[0] // self.groups
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p, k.loop(y.shape[1], "o") as o:
            acc = k.sum(const(0, sum_of(x)) if b is None else b[o])
            with k.grid(w.shape[2:], "rst") as q:
                at = [p[a] * self.strides[a] + q[a] * self.dilations[a] - self.pads[a] for a in range(n)]
                with inside(k, at, x.shape[2:], self.pads), k.loop(per_group, "c") as c:
                    channel = c if self.groups == 1 else (o // out_per_group) * per_group + c
                    acc += weighted(x[(i, channel, *at)], w[(o, c, *q)], acc.value.type, self.zero)
            store_tail(k, self.tail, y, (i, o, *p), acc.value, more)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        w = inputs[1]
        assert w is not None
        return outputs[0].type.elements * prod(w.shape[1:])

    def in_place(self) -> tuple[int, ...]:
        return () if self.tail is None else tuple(range(3, 2 + self.tail.operands))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        b = r.inputs[2] if r.has(2) else None
        return r.add(cls(*read_geometry(r, r.type(0), r.type(1))), r.value(0), r.value(1), b)


def read_geometry(
    r: Reader, x: TensorType, w: TensorType
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]:
    """Strides, pads, dilations and groups of an ONNX convolution."""
    n = x.rank - 2
    strides = tuple(r.attr("strides") or (1,) * n)
    dilations = tuple(r.attr("dilations") or (1,) * n)
    pads = resolve_padding(r, x.shape[2:], w.shape[2:], strides, dilations)
    return strides, pads, dilations, int(r.attr("group", 1))


INTEGER_INPUTS = frozenset({"int8", "uint8", "int16"})
INTEGER_WEIGHTS = frozenset({"int8", "uint8", "int4", "uint4", "int2", "uint2", "int16"})


def result_type(x: TensorType) -> str:
    """The type of sums of products with x."""
    return sum_type(x.dtype) if x.dtype in INTEGER_INPUTS else x.dtype


def weights_fit(x: TensorType, w: TensorType, b: TensorType | None) -> bool:
    """Do the types of a convolution's or dense layer's operands go together?"""
    integers = x.dtype in INTEGER_INPUTS
    same = w.dtype in INTEGER_WEIGHTS if integers else w.dtype == x.dtype or w.dtype in INTEGER_WEIGHTS
    return same and (b is None or b.dtype == result_type(x))


def sum_of(x: View) -> Type:
    """What a kernel adds up products with x in."""
    if x.type.numpy not in INTEGER_INPUTS:
        return x.type
    return I64 if x.type.bits > 8 else I32


def weighted(x: Expr, w: Expr, kind: Type, zero: int = 0) -> Expr:
    wide = converted(x, kind)
    return (wide - zero if zero else wide) * converted(w, kind)


def _products(window: Array, w: Array) -> Array:
    """(N, G, C, ...) times (G, O, C): (N, G, O, ...)."""
    if window.dtype == np.float64 and window.shape[1] == 1:  # exact integers: any order of summation will do
        flat = window.reshape(*window.shape[:3], -1)
        y: Array = np.matmul(w, flat).reshape(window.shape[0], 1, w.shape[1], *window.shape[3:])
        return y
    return np.asarray(np.einsum("ngc...,goc->ngo...", window, w))


def store_tail(
    k: Kernel, tail: Map | None, y: View, at: tuple[Expr, ...], value: Expr, more: list[View] | tuple[View, ...]
) -> None:
    """`y[at] = tail(value, more...)`."""
    if tail is not None:
        operands = []
        for v in more:
            offset: Expr = sum((a * s for a, s in zip(at, aligned(v, y.shape), strict=True) if s), start=y.base * 0)
            operands.append(v.at(offset))
        value = tail.scalar(k, value, *operands)
    k.store(y, at, value)
