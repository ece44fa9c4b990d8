"""Requantisation of depthwise sums in two instructions: a multiply that keeps the upper word, and a saturating shift.

round(sum * m / 2**s) + zero, clamped, is  (upper word of sum * m  +  2**(n-1)  +  zero * 2**n) >> n  with n = s - 32:
the rounding constant touches no lower word. The shift is an immediate, so all channels of a layer have to agree about
it. They do, as depthwise weights are kept in 16 bits: where weights and bias are multiplied by 2**d, the sum is, too,
and s grows by d. Nothing is rounded on the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.graph.types import Array
from compiler.ops.requantize import Requantize

# The first of these that suits a layer is taken: equal shifts let layers share their code.
_PREFERRED = (8, 10, 6, 12, 4, 14)
_MOST = 20  # so that rounding constant and zero point fit beside the product's upper word


@dataclass(frozen=True)
class Rescaled:
    """Weights (channels, taps), bias and multipliers for one `shift` of the upper word, the same in all channels."""

    shift: int
    w: Array
    bias: Array
    multiplier: Array


def sums(w: Array, bias: Array, first: int, last: int) -> tuple[Array, Array]:
    """The smallest and largest sum of each channel for inputs from `first` to `last`, 0 among them."""
    ends = np.stack([w * first, w * last])
    return bias + ends.min(axis=0).sum(axis=1), bias + ends.max(axis=0).sum(axis=1)


def rescaled(
    w: Array, bias: Array, multiplier: Array, shift: Array, ends: tuple[Array, Array], op: Requantize
) -> Rescaled | None:
    """None where no shift suits all channels, or the mode rounds twice. `ends` are those of the sums, in int32."""
    if op.rounding != "single":
        return None
    least = -1 - shift.astype(np.int64)
    room = 31 - _bits(np.maximum(np.abs(ends[0]), np.abs(ends[1])))
    most = least + np.minimum(15 - _bits(np.abs(w).max(axis=1, initial=0)), room)
    first, last = (op.reference(e.astype(np.int32), multiplier, shift).astype(np.int64) for e in ends)
    # Dead channels may have factors of any size: their result is a number.
    varies = ((first != last) | (least < 1)) & (multiplier != 0)
    low, high = max(1, least[varies].min(initial=1)), min(_MOST, most[varies].min(initial=_MOST))
    for n in (*_PREFERRED, *range(low, high + 1)):
        m = _multipliers(n, multiplier, least, varies, ends, op) if low <= n <= high else None
        if m is not None:
            by = np.where(varies, np.int64(1) << np.maximum(n - least, 0), 0)
            fixed = (first - op.zero) << (n + 2)
            return Rescaled(n, w * by[:, None], np.where(varies, bias * by, fixed), np.where(varies, m, 1 << 30))
    return None


def _multipliers(
    n: int, multiplier: Array, least: Array, varies: Array, ends: tuple[Array, Array], op: Requantize
) -> Array | None:
    """As they are, but for the few channels whose factors ask for a longer shift than n."""
    result = multiplier.astype(np.int64)
    for c in np.flatnonzero(varies & (least > n)):
        s = int(least[c]) + 32
        shorter = _shorter(int(multiplier[c]), s, n + 32, (int(ends[0][c]), int(ends[1][c])), op)
        if shorter is None:
            return None
        result[c] = shorter
    return result


def _shorter(m: int, s: int, other: int, ends: tuple[int, int], op: Requantize) -> int | None:
    """A multiplier that gives, with a shift of `other` < s bits, what m with s gives for every sum between `ends`.

    Both are steps that go up: they are the same if each result begins at the same sum, which bounds the multiplier.
    """
    lowest, highest = op.low - op.zero, op.high - op.zero
    first, last = ((e * m + (1 << (s - 1))) >> s for e in ends)
    bounds = [0, 1 << 31]  # both excluded
    for v in range(max(first, lowest + 1), min(last + 1, highest) + 1):
        begin = -(((1 << (s - 1)) - (v << s)) // m)  # the first sum that gives v
        needed = (v << other) - (1 << (other - 1))  # what it makes at least, and the sum before it does not
        for total, above in ((max(begin, ends[0]), True), (min(begin - 1, ends[1]), False)):
            if ends[0] <= total <= ends[1]:
                _bound(bounds, total, needed if above else needed - 1, above)
    about = m >> (s - other)
    return min(max(about, bounds[0] + 1), bounds[1] - 1) if bounds[1] - bounds[0] > 1 else None


def _bound(bounds: list[int], factor: int, number: int, above: bool) -> None:
    """Narrow what x can be if factor * x >= number, or <= number."""
    if factor < 0:
        factor, number, above = -factor, -number, not above
    if factor == 0:
        bounds[1] = bounds[1] if (number <= 0 if above else number >= 0) else 0
    elif above:
        bounds[0] = max(bounds[0], -(-number // factor) - 1)
    else:
        bounds[1] = min(bounds[1], number // factor + 1)


def _bits(numbers: Array) -> Array:
    return np.array([int(v).bit_length() for v in numbers], np.int64)
