"""Interpolation of stored numbers by whole weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I32, Cast, Const, Expr, const, maximum, minimum, select
from compiler.loop.storage import compute_type
from compiler.ops.arithmetic import truncated_division
from compiler.ops.base import Op, expect
from compiler.ops.integer_arithmetic import Factor
from compiler.ops.numbers import converted
from compiler.quant.fixed_point import Rounding

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

BITS = 10  # of a weight's fraction; two axes fit into 32 bits with numbers of 8
_UNROLLED = 16  # taps that are written out


@dataclass(frozen=True)
class ResampleInteger(Op):
    """sum over taps of weights * (x[places] - x_zero), with weights in units of 2**-10 for each of at most two axes.

    Operands as those of Resample: x, then for each axis places and weights (int32, results by taps). Without `factor`
    the sum is divided by 2**(10 * axes), halves away from zero, as TensorFlow Lite's ResizeBilinear of integers
    (`kernels/internal/reference/resize_bilinear.h`) does; with it, it is clamp(round(sum * factor) + zero, low, high).
    """

    axes: tuple[int, ...] = ()
    x_zero: int = 0
    factor: Factor | None = None
    to: str = "int8"
    zero: int = 0
    low: int = -128
    high: int = 127
    rounding: Rounding = "single"
    dtypes = frozenset({"int8", "uint8"})
    layout_rule = "same"

    def infer(self, x: TensorType, *tables: TensorType) -> TensorType:
        fits = x.dtype in self.dtypes and len(self.axes) <= 2 and {t.dtype for t in tables} <= {"int32", "int64"}
        expect(fits and len(tables) == 2 * len(self.axes), "E0301", f"ResampleInteger of {x} along {self.axes}")
        shape = list(x.shape)
        for axis, table in zip(self.axes, tables[::2], strict=True):
            shape[axis] = table.shape[0]
        return TensorType.of(self.to, tuple(shape))

    @property
    def _unit(self) -> int:
        return 1 << (BITS * len(self.axes))

    def reference(self, x: Array, *tables: Array) -> Array:
        y = x.astype(np.int64) - self.x_zero
        for axis, places, weights in zip(self.axes, tables[::2], tables[1::2], strict=True):
            rows = np.moveaxis(y, axis, -1)
            y = np.moveaxis((rows[..., places] * weights.astype(np.int64)).sum(axis=-1), -1, axis)
        if self.factor is None:
            half = np.where(y > 0, self._unit // 2, -(self._unit // 2))
            y = truncated_division(y + half, np.full_like(y, self._unit))
        else:
            y = self.factor.times(y.astype(np.int32), self.rounding).astype(np.int64)
        return np.clip(y + self.zero, self.low, self.high).astype(self.to)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *tables, y = rest
        places = dict(zip(self.axes, tables[::2], strict=True))
        weights = dict(zip(self.axes, tables[1::2], strict=True))
        counts = [v.shape[1] for v in places.values()]
        with k.over(y) as at:
            acc = k.cell("acc", const(0, I32))

            def add(chosen: tuple[Expr, ...]) -> None:
                tap = dict(zip(self.axes, chosen, strict=True))
                weight: Expr | None = None
                for a in self.axes:
                    w = converted(weights[a][at[a], tap[a]], I32)
                    weight = w if weight is None else weight * w
                source = [places[a][i, tap[a]] if a in places else i for a, i in enumerate(at)]
                value = converted(x[tuple(source)], I32)
                value = value - self.x_zero if self.x_zero else value
                acc.set(acc.value + (value if weight is None else value * weight))

            if prod(counts) <= _UNROLLED:
                for chosen in product(*map(range, counts)):
                    add(tuple(map(Const, chosen)))
            else:
                with k.grid(counts, "rstuvw") as inner:
                    add(inner)
            k.store(y, at, self._stored(k, acc.value))

    def _stored(self, k: Kernel, total: Expr) -> Expr:
        if self.factor is None:
            half = self._unit // 2
            value = (total + select(total > 0, half, -half, like=I32)) // self._unit
        else:
            value = self.factor.code(k, total, self.rounding)
        moved = k.let("q", value + self.zero)
        return Cast(minimum(maximum(moved, self.low), self.high), compute_type(self.to))

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        taps = [v.shape[1] for v in inputs[1::2] if v is not None]
        return outputs[0].type.elements * prod(taps)


def whole_weights(weights: Array) -> Array:
    """Weights in units of 2**-10; those of a result keep their sum, so that what is constant stays so."""
    whole = np.rint(weights.astype(np.float64) * (1 << BITS)).astype(np.int64)
    rest = np.rint(weights.astype(np.float64).sum(axis=1) * (1 << BITS)).astype(np.int64) - whole.sum(axis=1)
    largest = np.abs(weights).argmax(axis=1)
    whole[np.arange(len(whole)), largest] += rest
    return whole.astype(np.int32)
