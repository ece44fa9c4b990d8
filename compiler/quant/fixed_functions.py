"""exp and 1/(1 + x) in 32-bit fixed point, bit for bit as gemmlowp defines them (`fixedpoint/fixedpoint.h`).

TensorFlow Lite Micro and CMSIS-NN compute their 8-bit softmax by these functions. A number with i integer bits is
raw * 2**(i - 31). Each function is written once, for numpy and for the loop language.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from compiler.loop.builder import Kernel
from compiler.loop.nodes import I32, I64, Cast, Const, Expr, Function, Invoke, Var, maximum, minimum, select
from compiler.quant.fixed_point import divide_by_power, divided_by_power, doubling_high_product

if TYPE_CHECKING:
    from compiler.graph.types import Array

_LOW, _HIGH = -(2**31), 2**31 - 1
ONE = _HIGH  # with no integer bits
# exp(-2**n) with no integer bits, for n = -2 .. 4
_POWERS = ((-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242))
_EXP_EIGHTH, _THIRD = 1895147668, 715827883  # exp(-1/8) and 1/3
_START, _SLOPE = 1515870810, -1010580540  # 48/17 and -32/17 with two integer bits


class _Arithmetic(Protocol):
    def product(self, x: Any, y: Any) -> Any:
        """x * y: doubled, the high half, rounded."""

    def divided(self, x: Any, exponent: int) -> Any:
        """x / 2**exponent, halves away from zero."""

    def shifted(self, x: Any, exponent: int) -> Any:
        """x * 2**exponent, saturated."""

    def half_sum(self, x: Any, y: int) -> Any:
        """(x + y) / 2, halves away from zero."""

    def minus_size(self, x: Any) -> Any:
        """-|x|"""

    def where(self, bits: Any, x: Any, y: Any) -> Any:
        """x where bits is not 0, else y."""


class _Arrays:
    """int64 arrays of int32 numbers."""

    def product(self, x: Any, y: Any) -> Any:
        return high_product(x, y)

    def divided(self, x: Any, exponent: int) -> Any:
        return divide_by_power(x, exponent).astype(np.int64)

    def shifted(self, x: Any, exponent: int) -> Any:
        return np.clip(x << exponent, _LOW, _HIGH)

    def half_sum(self, x: Any, y: int) -> Any:
        total = x + y
        return np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1))

    def minus_size(self, x: Any) -> Any:
        return -np.abs(x)

    def where(self, bits: Any, x: Any, y: Any) -> Any:
        return np.where(bits != 0, x, y)


class _Loops:
    def __init__(self, k: Kernel) -> None:
        self.k = k

    def product(self, x: Any, y: Any) -> Any:
        return self.k.let("p", doubling_high_product(x, _number(y)))

    def divided(self, x: Any, exponent: int) -> Any:
        return self.k.let("d", divided_by_power(self.k, x, _number(exponent)))

    def shifted(self, x: Any, exponent: int) -> Any:
        return self.k.let("s", Cast(minimum(maximum(Cast(x, I64) << exponent, _LOW), _HIGH), I32))

    def half_sum(self, x: Any, y: int) -> Any:
        total = self.k.let("w", Cast(x, I64) + y)
        return self.k.let("h", Cast((total + select(total >= 0, 1, -1, like=I64)) // 2, I32))

    def minus_size(self, x: Any) -> Any:
        return self.k.let("m", select(x < 0, x, 0 - x))

    def where(self, bits: Any, x: Any, y: Any) -> Any:
        return self.k.let("c", select(bits.ne(0), x, y))


def _number(value: Any) -> Expr:
    return value if isinstance(value, Expr) else Const(int(value), I32)


def _exp(a: _Arithmetic, x: Any) -> Any:
    """exp(x) with no integer bits, for x <= 0 with five: exp of the part below 1/4 by a polynomial around -1/8, times
    constants for the binary digits above."""
    quarter = 1 << 24
    below = (x & (quarter - 1)) - quarter
    t = a.shifted(below, 5) + (1 << 28)
    t2 = a.product(t, t)
    t3, t4 = a.product(t2, t), a.product(t2, t2)
    rest = a.divided(a.product(a.divided(t4, 2) + t3, _THIRD) + t2, 1)
    result = a.product(t + rest, _EXP_EIGHTH) + _EXP_EIGHTH
    digits = below - x
    for exponent, power in _POWERS:
        result = a.where(digits & (1 << (26 + exponent)), a.product(result, power), result)
    return a.where(x, result, ONE)


def _reciprocal(a: _Arithmetic, x: Any) -> Any:
    """1 / (1 + x) with no integer bits, for x from 0 to 1 with none: Newton's iteration, three times."""
    half = a.half_sum(x, ONE)  # (1 + x) / 2
    y = a.product(half, _SLOPE) + _START
    for _ in range(3):
        y = y + a.shifted(a.product(y, (1 << 29) - a.product(half, y)), 2)
    return a.shifted(y, 1)


def _logistic(a: _Arithmetic, x: Any) -> Any:
    """1 / (1 + exp(-x)) with no integer bits, for x with five."""
    share = _reciprocal(a, _exp(a, a.minus_size(x)))
    return a.where(x & -(2**31), ONE - share, share)


def high_product(x: Any, y: Any) -> Any:
    """gemmlowp's SaturatingRoundingDoublingHighMul for int64 arrays of int32 numbers."""
    return np.minimum((x * y + (1 << 30)) >> 31, _HIGH)


def exp_on_negative(x: Array) -> Array:
    """exp(x) for raw numbers x <= 0 with five integer bits; int64 arrays."""
    return np.asarray(_exp(_Arrays(), x.astype(np.int64)))


def one_over_one_plus(x: Array) -> Array:
    """1 / (1 + x) for raw numbers from 0 to 1 with no integer bits; int64 arrays."""
    return np.asarray(_reciprocal(_Arrays(), x.astype(np.int64)))


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)) with no integer bits for raw numbers with five; int64 arrays."""
    return np.asarray(_logistic(_Arrays(), x.astype(np.int64)))


_DEFINITIONS = {
    "fixed_exp": (_exp, "exp(x) for x <= 0"),
    "fixed_reciprocal": (_reciprocal, "1 / (1 + x)"),
    "fixed_logistic": (_logistic, "1 / (1 + exp(-x))"),
}


@cache
def _function(name: str) -> Function:
    k, x = Kernel(), Var("x", I32)
    k.reserve("x")
    definition, doc = _DEFINITIONS[name]
    result = definition(_Loops(k), x)
    return Function(name, (), (x,), k.body(), result, (f"{doc} in fixed point, as gemmlowp rounds it",))


def exp_on_negative_code(x: Expr) -> Expr:
    return Invoke(_function("fixed_exp"), (x,))


def one_over_one_plus_code(x: Expr) -> Expr:
    return Invoke(_function("fixed_reciprocal"), (x,))


def logistic_code(x: Expr) -> Expr:
    return Invoke(_function("fixed_logistic"), (x,))
