"""Rounding: against exact arithmetic with fractions, and against the definitions that are published."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.quant.fixed_point import divide_by_power, quantize_multiplier, requantize

sums = st.integers(-(2**31), 2**31 - 1) | st.integers(-(2**16), 2**16)
factors = st.floats(2.0**-31, 16.0)


@given(st.floats(1e-12, 2.0**29))
def test_a_multiplier_is_the_factor_to_31_bits(real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    if multiplier == 0:
        assert real < 2.0**-31
        return
    assert 2**30 <= multiplier < 2**31
    assert abs(multiplier * 2.0 ** (shift - 31) / real - 1) <= 2.0**-30


@pytest.mark.parametrize("real", [-1.0, float("nan"), float("inf")])
def test_what_is_no_factor_is_refused(real: float) -> None:
    with pytest.raises(ValueError, match="no scale"):
        quantize_multiplier(real)


@given(sums, factors)
def test_single_rounds_once_half_up(x: int, real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    exact = Fraction(x) * multiplier * Fraction(2) ** (shift - 31)
    wanted = floor(exact + Fraction(1, 2))
    got = int(requantize(np.array([x], np.int32), multiplier, shift, "single")[0])
    if -(2**31) <= wanted < 2**31:
        assert got == wanted


def half_away(value: Fraction) -> int:
    whole = floor(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


@given(sums, factors)
def test_double_rounds_half_up_and_then_half_away_from_zero(x: int, real: float) -> None:
    """gemmlowp: the high half of 2ab, nudged by half a unit towards the sign and truncated; then a rounded shift."""
    multiplier, shift = quantize_multiplier(real)
    if not -(2**31) <= x * 2 ** max(shift, 0) < 2**31:
        return
    product = x * 2 ** max(shift, 0) * multiplier
    nudge = 2**30 if product >= 0 else 1 - 2**30
    high = int(Fraction(product + nudge, 2**31).__trunc__())
    wanted = half_away(Fraction(high, 2 ** max(-shift, 0)))
    got = int(requantize(np.array([x], np.int32), multiplier, shift, "double")[0])
    assert got == wanted


@given(sums, st.integers(0, 31))
def test_dividing_by_a_power_rounds_half_away_from_zero(x: int, exponent: int) -> None:
    assert int(divide_by_power(np.array([x], np.int32), exponent)[0]) == half_away(Fraction(x, 2**exponent))


def test_the_modes_differ_and_by_one_at_most() -> None:
    x = np.arange(-200_000, 200_000, 7, dtype=np.int32)
    multiplier, shift = quantize_multiplier(0.0123)
    difference = requantize(x, multiplier, shift, "single") - requantize(x, multiplier, shift, "double")
    assert set(np.unique(difference)) <= {-1, 0, 1}
    ties = np.arange(-64, 64, dtype=np.int32)  # halves: up, and away from zero
    one, two = (requantize(ties, 1 << 30, -1, mode) for mode in ("single", "double"))  # type: ignore[arg-type]
    assert (one != two).any()


@given(st.integers(-(2**38), 2**38), st.floats(2.0**-20, 1.0))
def test_long_sums_use_sixteen_bits_of_the_multiplier(x: int, real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    reduced = (multiplier + 2**15) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF
    wanted = floor(Fraction(x * reduced) * Fraction(2) ** (shift - 15) + Fraction(1, 2))
    got = int(requantize(np.array([x], np.int64), multiplier, shift, "double")[0])
    if -(2**31) <= wanted < 2**31:
        assert got == wanted
