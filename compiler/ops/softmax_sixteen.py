"""Softmax of 16-bit numbers by tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I16, I32, I64, Cast, Const, Expr, const, maximum, minimum
from compiler.ops.base import Op, expect
from compiler.ops.integer_arithmetic import UNIT, Factor
from compiler.ops.interpolate import ENTRIES, between, between_code
from compiler.ops.softmax_integer import leading_zeros
from compiler.quant.fixed_point import Rounding

if TYPE_CHECKING:
    from collections.abc import Callable

    from compiler.loop.builder import Kernel, View

LONGEST = 1 << 15  # elements whose exponentials fit into 32 bits
REACH = 10.0  # exp(-10) is less than two steps of 15 bits


@dataclass(frozen=True)
class SoftmaxSixteen(Op):
    """exp(x - max) / sum of exp(x - max) along an axis, in units of 2**-15; all int16.

    TensorFlow Lite's reference kernel (`kernels/internal/reference/softmax.h`, SoftmaxInt16): `scale` stretches x - max
    so that -65535 is -10; exp and then 1 / (1 + t) are read from tables of 513 entries, which are the other operands.
    """

    axis: int = -1
    scale: Factor = UNIT
    rounding: Rounding = "single"
    dtypes = frozenset({"int16"})
    layout_rule = "same"
    in_order = False

    def infer(self, x: TensorType, exponentials: TensorType, reciprocals: TensorType) -> TensorType:
        expect({x.dtype, exponentials.dtype, reciprocals.dtype} == {"int16"}, "E0305", f"SoftmaxSixteen of {x}")
        fits = {exponentials.shape, reciprocals.shape} == {(ENTRIES,)}
        expect(fits, "E0301", f"tables {exponentials} and {reciprocals} for SoftmaxSixteen")
        expect(0 <= self.axis < x.rank, "E0303", f"softmax along axis {self.axis} of {x}")
        expect(x.shape[self.axis] <= LONGEST, "E0303", f"16-bit softmax over more than {LONGEST} elements: {x}")
        return x.with_shape(x.shape)

    def reference(self, x: Array, exponentials: Array, reciprocals: Array) -> Array:
        wide = x.astype(np.int32)
        apart = wide - wide.max(axis=self.axis, keepdims=True, initial=-32768)
        scaled = self.scale.times(apart, self.rounding).astype(np.int64) + 32767
        powers = between(np.clip(scaled, -32768, 32767), exponentials).astype(np.int64)
        total = np.maximum(powers.sum(axis=self.axis, keepdims=True), 1)
        room = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
        fraction = (((total << (room - 1)) + (1 << 13)) >> 14) - ((1 << 15) + (1 << 16))
        share = between(np.clip(fraction, -32768, 32767), reciprocals).astype(np.int64)
        right = 31 - room
        y = (powers * share + (np.int64(1) << (right - 1))) >> right
        return np.asarray(np.clip(y, 0, 32767), np.int16)

    def lower(self, k: Kernel, x: View, exponentials: View, reciprocals: View, y: View) -> None:
        if y.size == 0:
            return
        outer = [n for a, n in enumerate(x.shape) if a != self.axis]
        with k.grid(outer) as rest:

            def at(i: Any) -> tuple[Any, ...]:
                return (*rest[: self.axis], i, *rest[self.axis :])

            top = k.cell("top", Cast(x[at(0)], I32))
            with k.loop(x.shape[self.axis], "i", start=1) as i:
                top.set(maximum(k.let("v", Cast(x[at(i)], I32)), top.value))

            def power(i: Expr) -> Expr:
                apart = k.let("d", Cast(x[at(i)], I32) - top.value)
                scaled = k.let("s", self.scale.code(k, apart, self.rounding) + 32767)
                return k.let("power", between_code(k, minimum(maximum(scaled, -32768), 32767), exponentials))

            total = k.cell("total", Const(0))
            with k.loop(x.shape[self.axis], "i") as i:
                total += power(i)
            share, right = self._share(k, k.let("sum", maximum(total.value, 1)), reciprocals)
            with k.loop(x.shape[self.axis], "i") as i:
                product = Cast(power(i), I64) * share + (const(1, I64) << (right - 1))
                k.store(y, at(i), Cast(minimum(maximum(k.let("y", product >> right), 0), 32767), I16))

    def _share(self, k: Kernel, total: Expr, reciprocals: View) -> tuple[Expr, Expr]:
        """1 / sum as a number of 64 bits, and by how many bits products with it are shifted."""
        room = k.let("room", leading_zeros(k, total))
        fraction = Cast(((Cast(total, I64) << Cast(room - 1, I64)) + (1 << 13)) >> 14, I32) - ((1 << 15) + (1 << 16))
        limited = minimum(maximum(k.let("fraction", fraction), -32768), 32767)
        share = k.let("share", Cast(between_code(k, limited, reciprocals), I64))
        return share, k.let("right", Cast(31 - room, I64))

    def in_place(self) -> tuple[int, ...]:
        return (0,)


def exponentials() -> Array:
    """exp from -10 to 0, in units of 2**-15."""
    return _lines(-REACH, 0.0, np.exp)


def reciprocals() -> Array:
    """1 / (1 + t) for t from 0 to 1, in units of 2**-15."""
    return _lines(0.0, 1.0, lambda t: 1 / (1 + t))


def _lines(low: float, high: float, function: Callable[[Array], Array]) -> Array:
    """TensorFlow Lite's LUTPopulate: entries are moved by half the error in the middle of each line."""
    ends = np.linspace(low, high, ENTRIES)
    middle = (ends[:-1] + ends[1:]) / 2
    exact, inside = function(ends) * 32768.0, np.rint(function(middle) * 32768.0)
    error = np.rint((exact[1:] + np.rint(exact[:-1])) / 2) - inside
    entries = np.rint(exact)
    entries[:-1] -= np.rint(error / 2)
    return np.clip(entries, -32768, 32767).astype(np.int16)
