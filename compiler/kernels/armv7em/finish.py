"""What happens to finished sums: they are requantised in as few instructions as the multiplier allows.

`single` rounds once: (sum * m + 2^(t-1)) >> t, where t = 31 - shift. From t = 33 on the constant lies in the upper word
of the product, and so does the zero point, shifted by as much: three instructions, smmla, asr, ssat.

`double` rounds twice. While 2 * sum fits a word, smmulr is gemmlowp's doubling high product; its division rounds half
away from zero, which is half up once negative numbers are one less.

Both are exact for every sum that can occur: the range follows from weights, bias and the range of the input. Channels
that training has switched off have tiny factors and huge biases, beyond these words; their results are one number or
two neighbours, so a comparison with a threshold, spelled with the same instructions, serves them. Where neither does,
nothing is offered, and the layer keeps its operator's own loops.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.graph.graph import Node
from compiler.graph.types import Array
from compiler.kernels.armv7em.instructions import asr, smmla, smmulr, ssat8, usat8
from compiler.kernels.base import Situation
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import Cast, Expr, Type, maximum, minimum
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map, Step
from compiler.ops.requantize import Requantize
from compiler.quant.fixed_point import requantize

COLUMNS = 4  # bias, multiplier, addend, shift of each channel
_RANGE = {"int8": (-128, 127), "uint8": (0, 255)}  # of inputs


@dataclass(frozen=True)
class Finish:
    """The fast way for one layer. Everything that differs from channel to channel is in `table`."""

    op: Requantize

    @property
    def name(self) -> str:
        clamp = "" if (self.op.low, self.op.high) in _WHOLE else f"_{self.op.low}_{self.op.high}".replace("-", "m")
        return f"{self.op.rounding}_{self.op.to}{clamp}"

    def value(self, k: Kernel, total: Expr, multiplier: Expr, addend: Expr, shift: Expr, kind: Type) -> Expr:
        if self.op.rounding == "single":
            moved = asr(k.let("h", smmla(total, multiplier, addend)), shift)
        else:
            high = k.let("h", smmulr(total + total, multiplier))
            moved = asr(high + (high >> 31) + addend, shift)
        return Cast(self._clamped(k.let("q", moved)), kind)

    def _clamped(self, value: Expr) -> Expr:
        op = self.op
        if (op.low, op.high) in _WHOLE:
            return ssat8(value) if op.low < 0 else usat8(value)
        return minimum(maximum(value, op.low), op.high)


_WHOLE = ((-128, 127), (0, 255))


def requantize_of(tail: Map | None) -> Requantize | None:
    """The operator of a tail that does nothing else."""
    if tail is None or tail.operands != 3 or len(tail.steps) != 1:
        return None
    match tail.steps[0]:
        case Step(Requantize() as op, (0, 1, 2)) if op.to in ("int8", "uint8"):
            return op
    return None


def channel_table(node: Node, situation: Situation) -> tuple[Finish, Array] | None:
    """The fast way, and its table: (channels, COLUMNS) of int32. None where it would not be exact."""
    assert isinstance(node.op, Conv | Dense)
    op = requantize_of(node.op.tail)
    w, multiplier, shift = (situation.constant(node, i) for i in (1, 3, 4))
    x = node.value(0).type.dtype
    if op is None or w is None or multiplier is None or shift is None or x not in _RANGE or w.dtype != np.int8:
        return None
    channels = w.shape[0]
    bias = situation.constant(node, 2)
    if bias is None and len(node.inputs) > 2 and node.inputs[2] is not None:
        return None
    if {multiplier.size, shift.size} - {1, channels}:
        return None
    flat = w.reshape(channels, -1).astype(np.int64)
    zero = node.op.zero if isinstance(node.op, Conv) else 0
    start = np.zeros(channels, np.int64) if bias is None else bias.astype(np.int64).reshape(-1)
    start = start - zero * flat.sum(axis=1)
    reach = sums(flat, x)
    m = np.broadcast_to(multiplier.reshape(-1).astype(np.int64), channels)
    s = np.where(m == 0, -2, np.broadcast_to(shift.reshape(-1).astype(np.int64), channels))
    if not (_fits(start + reach[0]) & _fits(start + reach[1])).all():
        return None
    addend, right, exact = (_single if op.rounding == "single" else _double)(op, start, reach, m, s)
    table = np.stack([start, m, addend, right], axis=1)
    for channel in np.flatnonzero(~exact):
        row = _settled(op, table[channel], (int(reach[0][channel]), int(reach[1][channel])), int(s[channel]))
        if row is None:
            return None
        table[channel] = row
    return Finish(op), table.astype(np.int32)


def sums(w: Array, x: str) -> tuple[Array, Array]:
    """The smallest and the largest sum of products of each row of weights with any input."""
    low, high = _RANGE[x]
    above, below = np.maximum(w, 0).sum(axis=1), np.minimum(w, 0).sum(axis=1)
    return above * low + below * high, above * high + below * low


def _single(op: Requantize, start: Array, reach: tuple[Array, Array], m: Array, s: Array) -> tuple[Array, Array, Array]:
    """Addends, shifts to the right, and for which channels they are exact."""
    right = np.clip(-1 - s, 1, 30)
    addend = (np.int64(1) << (right - 1)) + (np.int64(op.zero) << right)
    exact = (right == -1 - s) & _fits(addend)
    for end in reach:
        exact &= _fits(((start + end) * m >> 32) + addend)
    return addend, right, exact


def _double(op: Requantize, start: Array, reach: tuple[Array, Array], m: Array, s: Array) -> tuple[Array, Array, Array]:
    right = np.clip(-s, 1, 30)
    addend = (np.int64(1) << (right - 1)) + (np.int64(op.zero) << right)
    exact = (right == -s) & _fits(addend)
    for end in reach:
        total = start + end
        high = (2 * total * m + (1 << 31)) >> 32
        exact &= _fits(2 * total) & _fits(high + (high >> 31) + addend)
    return addend, right, exact


def _settled(op: Requantize, row: Array, reach: tuple[int, int], shift: int) -> list[int] | None:
    """The table's row for a channel whose results are q or q + 1: sums are compared with the first that gives q + 1."""
    start, multiplier = int(row[0]), int(row[1])

    def result(total: int) -> int:
        return int(requantize(np.array([total], np.int32), multiplier, shift, op.rounding)[0])

    low, high = start + reach[0], start + reach[1]
    first = result(low)
    if result(high) > first + 1:
        return None
    threshold = bisect_left(range(low, high + 1), first + 1, key=result) + low
    right = max(1, (high - low).bit_length())
    addend = (first + 1 + op.zero) << right
    if right > 30 or not _fits(np.array([addend - (1 << right), addend + (1 << right)])).all():
        return None
    return [start - threshold - (1 if op.rounding == "double" else 0), 1 << 30, addend, right]


def _fits(values: Array) -> Array:
    return (values >= -(2**31)) & (values < 2**31)


def columns_of(k: Kernel, table: View, channel: Expr, which: Sequence[int]) -> list[Expr]:
    """Named entries of a channel's row."""
    names = ("bias", "multiplier", "addend", "shift")
    return [k.let(names[i], table.at(channel * COLUMNS + i)) for i in which]
