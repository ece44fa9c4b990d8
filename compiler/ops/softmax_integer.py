"""Softmax of 8-bit numbers in fixed point."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I32, U32, Cast, Const, Expr, const, maximum, minimum, select
from compiler.loop.storage import compute_type
from compiler.ops.base import Op, expect
from compiler.ops.integer_arithmetic import UNIT, Factor
from compiler.quant.fixed_functions import (
    exp_on_negative,
    exp_on_negative_code,
    high_product,
    one_over_one_plus,
    one_over_one_plus_code,
)
from compiler.quant.fixed_point import Rounding, divide_by_power, divided_by_power, doubling_high_product

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel, View

_DIFFERENCE_BITS = 5  # integer bits of x - max
_SUM_BITS = 12  # integer bits of the sum of exponentials
LONGEST = (1 << _SUM_BITS) - 1  # elements whose exponentials fit into the sum


@dataclass(frozen=True)
class SoftmaxInteger(Op):
    """exp(x - max) / sum of exp(x - max) along an axis, in units of 2**-bits, plus `zero`, as int8, uint8 or int16.

    As TensorFlow Lite's reference kernel (`kernels/internal/reference/softmax.h`), TensorFlow Lite Micro and CMSIS-NN
    (`arm_softmax_s8`) have it, with 8 bits and zero -128. `scale` makes numbers with five integer bits of x's steps;
    what is further below the maximum than `reach` counts as 0. With `factor`, which other scales of the result need,
    the result is clamp(round(units * factor) + zero, low, high).
    """

    axis: int = -1
    scale: Factor = UNIT
    reach: int = 255
    bits: int = 8
    factor: Factor | None = None
    to: str = "int8"
    zero: int = -128
    low: int = -128
    high: int = 127
    rounding: Rounding = "single"  # of `factor`; everything else is rounded as gemmlowp does
    dtypes = frozenset({"int8", "uint8"})
    layout_rule = "same"
    in_order = False

    def infer(self, x: TensorType) -> TensorType:
        expect(x.dtype in self.dtypes, "E0305", f"SoftmaxInteger of {x}")
        expect(0 <= self.axis < x.rank, "E0303", f"softmax along axis {self.axis} of {x}")
        expect(x.shape[self.axis] <= LONGEST, "E0303", f"fixed-point softmax over more than {LONGEST} elements: {x}")
        return TensorType.of(self.to, x.shape)

    def reference(self, x: Array) -> Array:
        wide = x.astype(np.int64)
        apart = wide - wide.max(axis=self.axis, keepdims=True, initial=-128)
        counts = apart >= -self.reach
        scaled = high_product(np.where(counts, apart, 0) << self.scale.shift, self.scale.multiplier)
        powers = np.where(counts, exp_on_negative(scaled), 0)
        total = divide_by_power(powers, _SUM_BITS).astype(np.int64).sum(axis=self.axis, keepdims=True)
        room = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # leading zeros
        share = one_over_one_plus((total << room) & 0x7FFFFFFF)
        units = divide_by_power(high_product(share, powers), _SUM_BITS - room + 31 - self.bits)
        if self.factor is not None:
            units = self.factor.times(units, self.rounding)
        found = np.clip(units.astype(np.int64) + self.zero, self.low, self.high)
        return np.where(counts, found, max(self.zero, self.low)).astype(self.to)

    def lower(self, k: Kernel, x: View, y: View) -> None:
        if y.size == 0:
            return
        outer = [n for a, n in enumerate(x.shape) if a != self.axis]
        with k.grid(outer) as rest:

            def at(i: Any) -> tuple[Any, ...]:
                return (*rest[: self.axis], i, *rest[self.axis :])

            top = k.cell("top", Cast(x[at(0)], I32))
            with k.loop(x.shape[self.axis], "i", start=1) as i:
                top.set(maximum(k.let("v", Cast(x[at(i)], I32)), top.value))
            total = k.cell("total", Const(0))
            with k.loop(x.shape[self.axis], "i") as i:
                apart = k.let("d", Cast(x[at(i)], I32) - top.value)
                with k.when(apart >= -self.reach):
                    total += divided_by_power(k, self._power(k, apart), Const(_SUM_BITS))
            room = k.let("room", leading_zeros(k, total.value))
            share = k.let("share", one_over_one_plus_code((total.value << room) & 0x7FFFFFFF))
            exponent = k.let("e", _SUM_BITS + 31 - self.bits - room)
            divisor = k.let("e", minimum(exponent, 31))
            with k.loop(x.shape[self.axis], "i") as i:
                apart = k.let("d", Cast(x[at(i)], I32) - top.value)
                found = k.cell("y", Const(max(self.zero, self.low)))
                with k.when(apart >= -self.reach):
                    part = k.let("part", doubling_high_product(share, self._power(k, apart)))
                    units = k.let("u", select(exponent > 31, 0, divided_by_power(k, part, divisor)))
                    if self.factor is not None:
                        units = self.factor.code(k, units, self.rounding)
                    found.set(minimum(maximum(units + self.zero, self.low), self.high))
                k.store(y, at(i), Cast(found.value, compute_type(self.to)))

    def _power(self, k: Kernel, apart: Expr) -> Expr:
        """exp of a difference from the maximum."""
        scaled = doubling_high_product(apart << self.scale.shift, Const(self.scale.multiplier))
        return k.let("power", exp_on_negative_code(k.let("x", scaled)))

    def in_place(self) -> tuple[int, ...]:
        return (0,)


def difference_scale(scale: float) -> tuple[Factor, int]:
    """`scale` and `reach` for an operand of this scale (TensorFlow Lite's PreprocessSoftmaxScaling and
    CalculateInputRadius)."""
    factor = Factor.of(min(scale * 2.0 ** (31 - _DIFFERENCE_BITS), 2.0**31 - 1))
    farthest = ((1 << _DIFFERENCE_BITS) - 1) * 2.0 ** (31 - _DIFFERENCE_BITS) / 2.0**factor.shift
    return factor, floor(farthest)


def leading_zeros(k: Kernel, x: Expr) -> Expr:
    """Of a positive int32."""
    rest: Expr = Cast(x, U32)
    count: Expr = const(0, I32)
    for step in (16, 8, 4, 2, 1):
        small = rest < (1 << (32 - step))
        count, rest = (
            k.let("n", count + select(small, step, 0, like=I32)),
            k.let("m", select(small, rest << step, rest)),
        )
    return count
