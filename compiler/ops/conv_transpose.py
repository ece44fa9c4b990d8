"""Transposed convolution over any number of spatial axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop.nodes import Expr, const, maximum, minimum
from compiler.ops.base import Op, Reader, expect
from compiler.ops.conv import result_type, store_tail, sum_of, weighted, weights_fit
from compiler.ops.elementwise import Map
from compiler.ops.numbers import exact, require, rounded, wide
from compiler.ops.window import padding_mode

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View
    from compiler.ops.conv import Cut

    Index = tuple[Expr, ...]


@dataclass(frozen=True)
class ConvTranspose(Op):
    """y[n,o,p] = b[o] + sum over c, i, q with i*stride + q*dilation - pad = p of (x[n,c,i] - zero) * w[c,o,q].

    Operands: x (N, C, spatial...), w (C, O/groups, kernel...), bias (O) or None, then the tail's further operands.
    `pads` are the begins of all spatial axes; negative ones add zeros. `sizes` are the result's spatial sizes.
    Integers, `zero` and `tail` are as in Conv.
    """

    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0)
    dilations: tuple[int, ...] = (1, 1)
    sizes: tuple[int, ...] = (1, 1)
    groups: int = 1
    tail: Map | None = None
    zero: int = 0
    onnx = ("ConvTranspose",)
    dtypes = FLOATS
    layout_rule = "channels_last"

    def infer(self, x: TensorType, w: TensorType, b: TensorType | None = None, *more: TensorType) -> TensorType:
        n = len(self.strides)
        fits = x.rank == n + 2 == w.rank and weights_fit(x, w, b) and x.shape[1] == w.shape[0]
        expect(fits and x.shape[1] % self.groups == 0, "E0301", f"ConvTranspose of {x} with weights {w}")
        outputs = w.shape[1] * self.groups
        expect(b is None or b.shape == (outputs,), "E0301", f"bias {b} for {outputs} output channels")
        expect(all(s > 0 for s in self.sizes), "E0306", f"ConvTranspose of {x} has results of size {self.sizes}")
        y = TensorType.of(result_type(x), (x.shape[0], outputs, *self.sizes))
        return y if self.tail is None else self.tail.infer(y, *more)

    def reference(self, x: Array, w: Array, b: Array | None = None, *more: Array) -> Array:
        n, g = len(self.strides), self.groups
        dtype = result_type(TensorType.of(str(x.dtype), x.shape))
        x = exact(x) - self.zero if self.zero else exact(x)
        each, kernel = w.shape[1], w.shape[2:]
        values = x.reshape(x.shape[0], g, x.shape[1] // g, *x.shape[2:])
        weights = wide(w).astype(x.dtype).reshape(g, x.shape[1] // g, each, *kernel)
        full = [
            max((m - 1) * s + (q - 1) * d + 1, size + pad)
            for m, s, q, d, size, pad in zip(
                x.shape[2:], self.strides, kernel, self.dilations, self.sizes, self.pads, strict=True
            )
        ]
        before = [max(0, -pad) for pad in self.pads]
        y = np.zeros((x.shape[0], g, each, *(m + e for m, e in zip(full, before, strict=True))), values.dtype)
        for at in product(*(range(q) for q in kernel)):
            place: Cut = (
                ...,
                *(
                    slice(e + q * d, e + q * d + (m - 1) * s + 1, s)
                    for e, q, d, m, s in zip(before, at, self.dilations, x.shape[2:], self.strides, strict=True)
                ),
            )
            tap: Cut = (..., *at)
            if values.size:
                y[place] += np.einsum("ngc...,gco->ngo...", values, weights[tap])
        kept: Cut = (
            ...,
            *(slice(e + pad, e + pad + size) for e, pad, size in zip(before, self.pads, self.sizes, strict=True)),
        )
        result = y[kept].reshape(x.shape[0], g * each, *self.sizes)
        if b is not None:
            result = result + b.astype(result.dtype).reshape(-1, *[1] * n)
        result = rounded(result, dtype)
        return result if self.tail is None else self.tail.reference(result, *more)

    def lower(self, k: Kernel, x: View, w: View, b: View | None, *rest: View) -> None:
        """Each result once: along an axis, the inputs that reach a place are neighbours, from `low` to below `high`."""
        *more, y = rest
        each, per_group = w.shape[1], x.shape[1] // self.groups
        with k.loop(y.shape[0], "n") as n, k.grid(y.shape[2:], "yxz") as p:
            reach = [self._reach(k, place, a, x.shape[2 + a], w.shape[2 + a]) for a, place in enumerate(p)]
            with k.loop(y.shape[1], "o") as o:
                acc = k.sum(const(0, sum_of(x)) if b is None else b[o])
                group = k.let("g", o // each) if self.groups > 1 else const(0, o.type)
                with self._taps(k, reach) as (at, q), k.loop(per_group, "c") as c:
                    channel = group * per_group + c
                    acc += weighted(x[(n, channel, *at)], w[(channel, o - group * each, *q)], acc.value.type, self.zero)
                store_tail(k, self.tail, y, (n, o, *p), acc.value, more)

    def _reach(self, k: Kernel, place: Expr, axis: int, size: int, kernel: int) -> tuple[Expr, Expr, Expr]:
        """Where a result lies in the uncut one, and the inputs whose windows may cover it."""
        stride, pad, dilation = self.strides[axis], self.pads[axis], self.dilations[axis]
        t = k.let("t", place + pad)
        below = max(0, -(pad // stride))  # division truncates: it is done among positive numbers
        low = k.let("low", maximum((t + (stride - 1 - (kernel - 1) * dilation)) // stride, 0))
        high = k.let("high", minimum((t + below * stride) // stride + (1 - below), size))
        return t, low, high

    @contextmanager
    def _taps(self, k: Kernel, reach: Sequence[tuple[Expr, Expr, Expr]]) -> Iterator[tuple[Index, Index]]:
        """Loops over pairs of an input's place and the weight that leads from it to the result."""
        if not reach:
            yield (), ()
            return
        (t, low, high), rest = reach[0], reach[1:]
        axis = len(self.strides) - len(reach)
        dilation = self.dilations[axis]
        with k.loop(high, "i", start=low) as i:
            left = t - i * self.strides[axis]
            if dilation == 1:
                with self._taps(k, rest) as (at, q):
                    yield (i, *at), (left, *q)
                return
            left = k.let("left", left)
            with k.when((left % dilation).eq(0)), self._taps(k, rest) as (at, q):
                yield (i, *at), (left // dilation, *q)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        """As if every input's window lay inside the result."""
        x, w = inputs[0], inputs[1]
        assert x is not None
        assert w is not None
        return x.type.elements * prod(w.shape[1:])

    def in_place(self) -> tuple[int, ...]:
        return () if self.tail is None else tuple(range(3, 2 + self.tail.operands))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        x, w = r.type(0), r.type(1)
        n = x.rank - 2
        kernel = w.shape[2:]
        strides = tuple(r.attr("strides") or (1,) * n)
        dilations = tuple(r.attr("dilations") or (1,) * n)
        expect(len(kernel) == n == len(strides) == len(dilations), "E0301", f"ConvTranspose of {x} with weights {w}")
        mode = padding_mode(r, kernel, strides, dilations)
        extra = tuple(r.attr("output_padding") or (0,) * n)
        axes = zip(x.shape[2:], kernel, strides, dilations, strict=True)
        full = [s * (m - 1) + (q - 1) * d + 1 for m, q, s, d in axes]
        sizes = r.attr("output_shape")
        if sizes is None and mode.startswith("SAME"):
            sizes = [m * s for m, s in zip(x.shape[2:], strides, strict=True)]
        if sizes is not None:
            total = [f + e - m for f, e, m in zip(full, extra, list(sizes)[-n:], strict=True)]
            begins = [t // 2 if mode == "SAME_UPPER" else t - t // 2 for t in total]
            sizes = list(sizes)[-n:]
        else:
            pads = list(r.attr("pads") or (0,) * (2 * n)) if mode == "NOTSET" else [0] * (2 * n)
            begins = pads[:n]
            sizes = [f + e - a - b for f, e, a, b in zip(full, extra, begins, pads[n:], strict=True)]
        op = cls(strides, tuple(begins), dilations, tuple(map(int, sizes)), int(r.attr("group", 1)))
        return r.add(op, r.value(0), r.value(1), r.inputs[2] if r.has(2) else None)
