"""What happens to finished sums: they are requantised in as few instructions as the multiplier allows.

`single` rounds once: (sum * m + 2^(t-1)) >> t, where t = 31 - shift. From t = 33 on the constant lies in the upper word
of the product, and so does the zero point, shifted by as much: three instructions, smmla, asr, ssat.

`double` rounds twice. While 2 * sum fits a word, smmulr is gemmlowp's doubling high product; its division rounds half
away from zero, which is half up once negative numbers are one less.

Both are exact for every sum that can occur: the largest follows from weights, bias and the range of the input. Where
multipliers are too large or sums too long, nothing is offered, and the layer keeps its operator's own loops.
"""

from __future__ import annotations

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

COLUMNS = 4  # bias, multiplier, addend, shift of each channel
_EXTENT = {"int8": 128, "uint8": 255}  # of inputs


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
    if op is None or w is None or multiplier is None or shift is None or x not in _EXTENT or w.dtype != np.int8:
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
    most = np.abs(start) + _EXTENT[x] * np.abs(flat).sum(axis=1)
    m = np.broadcast_to(multiplier.reshape(-1).astype(np.int64), channels)
    s = np.where(m == 0, -2, np.broadcast_to(shift.reshape(-1).astype(np.int64), channels))
    columns = _single(op, most, m, s) if op.rounding == "single" else _double(op, most, m, s)
    if columns is None or not _fits(most):
        return None
    table = np.stack([start, m, *columns], axis=1).astype(np.int32)
    return Finish(op), np.ascontiguousarray(table)


def _single(op: Requantize, most: Array, m: Array, s: Array) -> tuple[Array, Array] | None:
    total = 31 - s
    if (total < 33).any():
        return None
    right = total - 32
    addend = (np.int64(1) << (right - 1)) + (np.int64(op.zero) << right)
    return (addend, right) if _fits((most * m >> 32) + 1 + np.abs(addend)) else None


def _double(op: Requantize, most: Array, m: Array, s: Array) -> tuple[Array, Array] | None:
    right = -s
    if (right < 1).any() or (right > 30).any() or not _fits(2 * most):
        return None
    addend = (np.int64(1) << (right - 1)) + (np.int64(op.zero) << right)
    return (addend, right) if _fits(most + 1 + np.abs(addend)) else None


def _fits(most: Array) -> bool:
    return bool((most < 2**31).all())


def columns_of(k: Kernel, table: View, channel: Expr, which: Sequence[int]) -> list[Expr]:
    """Named entries of a channel's row."""
    names = ("bias", "multiplier", "addend", "shift")
    return [k.let(names[i], table.at(channel * COLUMNS + i)) for i in which]
