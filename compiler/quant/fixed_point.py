"""Rounding of integer arithmetic, defined once: in numpy, and the same in the loop language.

A real factor is a 31-bit multiplier and a shift: factor = multiplier * 2**(shift - 31), 2**30 <= multiplier < 2**31.
Two modes say how a sum times that factor becomes a whole number:

`single`: one rounding, half up: floor(sum * multiplier / 2**(31 - shift) + 1/2). CMSIS-NN with
CMSIS_NN_USE_SINGLE_ROUNDING, TensorFlow Lite with TFLITE_SINGLE_ROUNDING.

`double`: gemmlowp's two roundings: the high half of the doubled product, rounded half up, and then a division by a
power of two, rounded half away from zero. TensorFlow Lite Micro, CMSIS-NN as it comes, TensorFlow Lite's reference
kernels.

64-bit sums (16-bit activations) use a multiplier reduced to 16 bits and one rounding in both modes, as those do.
Sources: gemmlowp `fixedpoint/fixedpoint.h` and `doc/quantization.md`; Jacob et al., 2018 (arXiv:1712.05877), section
2.2; TensorFlow Lite `kernels/internal/common.h` and `quantization_util.cc`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, frexp
from typing import TYPE_CHECKING, Literal

import numpy as np

from compiler.loop.nodes import I32, I64, Cast, Const, Expr, const, maximum, minimum, select

if TYPE_CHECKING:
    from compiler.graph.types import Array
    from compiler.loop.builder import Kernel

Rounding = Literal["single", "double"]

_LOW, _HIGH = -(2**31), 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A factor >= 0 as (multiplier, shift). Below 2**-32 it is (0, 0); from 2**30 on the largest there is."""
    if real < 0 or not np.isfinite(real):
        raise ValueError(f"the factor {real} is no scale")
    if real == 0:
        return 0, 0
    fraction, shift = frexp(real)
    multiplier = floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    if shift < -31:
        return 0, 0
    return (multiplier, shift) if shift <= 30 else (_HIGH, 30)


def quantize_multipliers(real: Sequence[float] | Array) -> tuple[Array, Array]:
    """The same for an array: multipliers and shifts as int32, in its shape."""
    factors = np.asarray(real, np.float64)
    pairs = [quantize_multiplier(float(f)) for f in factors.reshape(-1)]
    return tuple(np.array([p[i] for p in pairs], np.int32).reshape(factors.shape) for i in (0, 1))  # type: ignore[return-value]


def requantize(sums: Array, multiplier: Array | int, shift: Array | int, rounding: Rounding) -> Array:
    """round(sums * multiplier * 2**(shift - 31)) for int32 or int64 sums; int32, operands broadcast."""
    m, s = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    if sums.dtype == np.int64:
        return _long(sums, m, s)
    x = sums.astype(np.int64)
    if rounding == "single":
        total = 31 - s
        return _wrapped((x * m + (np.int64(1) << (total - 1))) >> total)
    high = (_wrapped(x << np.maximum(s, 0)).astype(np.int64) * m + (1 << 30)) >> 31
    return divide_by_power(_wrapped(np.clip(high, _LOW, _HIGH)), np.maximum(-s, 0))


def divide_by_power(x: Array, exponent: Array | int) -> Array:
    """x / 2**exponent for int32, rounded half away from zero (gemmlowp's RoundingDivideByPOT)."""
    wide, e = x.astype(np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << e) - 1
    rest = wide & mask
    return _wrapped((wide >> e) + (rest > (mask >> 1) + (wide < 0)))


def _long(x: Array, m: Array, s: Array) -> Array:
    reduced = np.where(m < 0x7FFF0000, (m + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - s
    return _wrapped((x * reduced + (np.int64(1) << (total - 1))) >> total)


def _wrapped(x: Array) -> Array:
    return x.astype(np.int32)


def requantized(k: Kernel, sums: Expr, multiplier: Expr, shift: Expr, rounding: Rounding) -> Expr:
    """`requantize` in the loop language: an int32 expression of scalars."""
    one = const(1, I64)
    if sums.type == I64:
        m = Cast(multiplier, I64)
        reduced = k.let("m", select(m < 0x7FFF0000, (m + (1 << 15)) >> 16, 0x7FFF))
        total = k.let("s", Cast(15 - shift, I64))
        return Cast((sums * reduced + (one << (total - 1))) >> total, I32)
    if rounding == "single":
        total = k.let("s", Cast(31 - shift, I64))
        product = Cast(sums, I64) * Cast(multiplier, I64)
        return Cast((product + (one << (total - 1))) >> total, I32)
    left = _known_or(shift, lambda s: max(s, 0), maximum(shift, 0))
    right = _known_or(shift, lambda s: max(-s, 0), maximum(0 - shift, 0))
    high = k.let("h", doubling_high_product(sums << left, multiplier))
    return divided_by_power(k, high, right)


def doubling_high_product(a: Expr, b: Expr) -> Expr:
    """The high half of 2ab for int32, rounded half up and saturated (gemmlowp's SaturatingRoundingDoublingHighMul)."""
    high = (Cast(a, I64) * Cast(b, I64) + (1 << 30)) >> 31
    return Cast(minimum(high, _HIGH), I32)


def divided_by_power(k: Kernel, x: Expr, exponent: Expr) -> Expr:
    """`divide_by_power` in the loop language; `exponent` is an int32 from 0 to 31."""
    mask = k.let("mask", Cast((const(1, I64) << Cast(exponent, I64)) - 1, I32))
    threshold = (mask >> 1) + select(x < 0, 1, 0, like=I32)
    return (x >> exponent) + select((x & mask) > threshold, 1, 0, like=I32)


def _known_or(e: Expr, known: object, otherwise: Expr) -> Expr:
    return Const(known(int(e.value)), I32) if isinstance(e, Const) and callable(known) else otherwise
