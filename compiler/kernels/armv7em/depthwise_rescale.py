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
    varies = (first != last) | (least < 1)  # dead channels may have factors of any size: their result is a number
    low, high = max(1, least[varies].max(initial=1)), min(_MOST, most[varies].min(initial=_MOST))
    for n in (*_PREFERRED, *range(low, high + 1)):
        if low <= n <= high:
            by = np.where(varies, np.int64(1) << np.maximum(n - least, 0), 0)
            fixed = (first - op.zero) << (n + 2)
            return Rescaled(
                n, w * by[:, None], np.where(varies, bias * by, fixed), np.where(varies, multiplier, 1 << 30)
            )
    return None


def _bits(numbers: Array) -> Array:
    return np.array([int(v).bit_length() for v in numbers], np.int64)
