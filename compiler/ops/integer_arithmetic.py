"""Sums, differences and products of quantised tensors with scales of their own, in fixed point.

The arithmetic is that of TensorFlow Lite's reference kernels (`kernels/internal/reference/integer_ops/add.h`, `mul.h`)
and of CMSIS-NN (`arm_elementwise_add_s8`, `arm_elementwise_mul_s8`); `rounding` chooses between one and two roundings
wherever a factor is applied (quant/fixed_point.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array
from compiler.loop.nodes import I32, Cast, Const, Expr, maximum, minimum
from compiler.loop.storage import compute_type
from compiler.ops.base import expect
from compiler.ops.elementwise import Elementwise
from compiler.quant.fixed_point import Rounding, quantize_multiplier, requantize, requantized

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel

STORED = frozenset({"int8", "uint8", "int16"})


@dataclass(frozen=True)
class Factor:
    """multiplier * 2**(shift - 31)"""

    multiplier: int = 1 << 30
    shift: int = 1

    @staticmethod
    def of(real: float) -> Factor:
        return Factor(*quantize_multiplier(real))

    def times(self, x: Array, rounding: Rounding) -> Array:
        return requantize(x, self.multiplier, self.shift, rounding)

    def code(self, k: Kernel, x: Expr, rounding: Rounding) -> Expr:
        return requantized(k, x, Const(self.multiplier, I32), Const(self.shift, I32), rounding)


UNIT = Factor()


@dataclass(frozen=True)
class IntegerArithmetic(Elementwise):
    """Two stored operands with zero points; the result is clamp(... + zero, low, high), stored as `to`."""

    x_zero: int = 0
    y_zero: int = 0
    factor: Factor = UNIT
    to: str = "int8"
    zero: int = 0
    low: int = -128
    high: int = 127
    rounding: Rounding = "single"
    arity = 2
    dtypes = STORED

    def result(self, *dtypes: str) -> str:
        expect(set(dtypes) <= STORED, "E0305", f"{type(self).__name__} of {', '.join(dtypes)}")
        return self.to

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        left, right = (_apart(e, zero) for e, zero in zip(x, (self.x_zero, self.y_zero), strict=True))
        total = k.let("t", self.combined_code(k, left, right))
        moved = k.let("q", self.factor.code(k, total, self.rounding) + self.zero)
        return Cast(minimum(maximum(moved, self.low), self.high), compute_type(self.to))

    def reference(self, x: Array, y: Array) -> Array:
        total = self.combined(x.astype(np.int32) - self.x_zero, y.astype(np.int32) - self.y_zero)
        moved = self.factor.times(total, self.rounding) + np.int32(self.zero)
        return np.clip(moved, self.low, self.high).astype(self.to)

    def combined(self, x: Array, y: Array) -> Array:
        """An int32 of the operands without their zero points."""
        raise NotImplementedError(type(self).__name__)

    def combined_code(self, k: Kernel, x: Expr, y: Expr) -> Expr:
        raise NotImplementedError(type(self).__name__)


@dataclass(frozen=True)
class AddInteger(IntegerArithmetic):
    """clamp(round((X + Y) * factor) + zero), where X = round(((x - x_zero) << left) * x_factor), Y alike; or X - Y.

    With t twice the larger of the operands' scales, the factors are scale / t for each operand, and t / (2**left *
    the result's scale) for the result. `left` is 20, and 15 where an operand has 16 bits. All sums are int32.
    """

    x_factor: Factor = UNIT
    y_factor: Factor = UNIT
    left: int = 20
    subtract: bool = False

    def combined(self, x: Array, y: Array) -> Array:
        first = self.x_factor.times(x << np.int32(self.left), self.rounding)
        second = self.y_factor.times(y << np.int32(self.left), self.rounding)
        return first - second if self.subtract else first + second

    def combined_code(self, k: Kernel, x: Expr, y: Expr) -> Expr:
        first = k.let("a", self.x_factor.code(k, k.let("l", x << self.left), self.rounding))
        second = k.let("b", self.y_factor.code(k, k.let("l", y << self.left), self.rounding))
        return first - second if self.subtract else first + second


@dataclass(frozen=True)
class MulInteger(IntegerArithmetic):
    """clamp(round((x - x_zero) * (y - y_zero) * factor) + zero); the factor is x's scale * y's scale / the result's."""

    def combined(self, x: Array, y: Array) -> Array:
        return x * y

    def combined_code(self, k: Kernel, x: Expr, y: Expr) -> Expr:
        return x * y


def _apart(e: Expr, zero: int) -> Expr:
    wide = Cast(e, I32)
    return wide - zero if zero else wide
