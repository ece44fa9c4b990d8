"""The matrix product at the heart of convolutions and dense layers: P positions x two channels at once.

Inputs are pairs of 16 bits in scratch memory, [pair][position], so that all positions' pairs lie side by side. Weights
stay bytes in flash: one word is [c0 k0, c1 k0, c0 k1, c1 k1], which two sxtb16 turn into the pairs of both channels.
With four positions that is 1 + 2 + 4 loads and extensions for 16 products in 8 instructions.

A tile is a function of its own that takes its extents as parameters: layers of any shape share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from compiler.graph.types import Array
from compiler.kernels.armv7em.finish import COLUMNS, Finish, columns_of
from compiler.kernels.armv7em.instructions import smlad, sxtb16, sxtb16_odd
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import I32, Buffer, Call, Const, Expr, Function, Operand, Type, Var

POSITIONS = 4
Pair = tuple[int, int]  # two places in a row of weights, in the order in which the kernel meets them; -1 is none


@dataclass(frozen=True)
class Tile:
    """`positions` x two channels (or one, the last), the reduction unrolled `unroll` pairs at a time."""

    positions: int
    unroll: int
    finish: Finish
    kind: Type  # of results
    channels: int = 2

    @property
    def name(self) -> str:
        return f"tile_{self.positions}x{self.channels}_by{self.unroll}_{self.finish.name}"


@dataclass(frozen=True)
class Operands:
    """Pairs of inputs, words of weights, the channels' table, and results."""

    x: View
    w: View
    table: View
    y: View


def pack_weights(w: Array, pairs: Sequence[Pair]) -> Array:
    """(channels, reduction) of int8 -> words, channels two by two; an odd last channel is beside zeros."""
    channels = w.shape[0] + w.shape[0] % 2
    whole = np.zeros((channels, w.shape[1] + 1), np.int8)  # the last column is what -1 means
    whole[: w.shape[0], :-1] = w
    places = np.asarray(pairs, np.int64).reshape(-1)
    chosen = whole[:, places].reshape(channels // 2, 2, len(pairs), 2)
    return chosen.transpose(0, 2, 3, 1).reshape(-1).view("<i4").astype(np.int32)


def unroll_of(pairs: int, objective: str) -> int:
    """How many pairs at a time: a divisor, since what is left over would need code of its own."""
    most = 4 if objective == "size" else 8
    return max(u for u in range(1, most + 1) if pairs % u == 0)


def padded(pairs: Sequence[Pair], step: int = 2) -> list[Pair]:
    """As many pairs of nothing behind them as make a multiple of `step`."""
    return [*pairs, *[(-1, -1)] * (-len(pairs) % step)]


@cache
def tile_function(tile: Tile) -> Function:
    """y[p * step + c] for all `channels`, a multiple of the tile's."""
    x, w, table = (Buffer(n, I32, None, n != "x") for n in ("x", "w", "table"))
    y = Buffer("y", tile.kind, None)
    pairs, channels, step = (Var(n, I32) for n in ("pairs", "channels", "step"))
    k = Kernel()
    k.reserve("x", "w", "table", "y", "pairs", "channels", "step")
    views = Operands(*(View(b.type, (1,), (1,), b) for b in (x, w, table, y)))
    with k.loop(channels, "c", step=2) as c:
        _channels(k, tile, views, c, pairs, step)
    doc = (f"{tile.positions} positions x {tile.channels} channels at a time: products of pairs, requantised",)
    return Function(tile.name, (x, w, table, y), (pairs, channels, step), k.body(), doc=doc)


def _channels(k: Kernel, tile: Tile, v: Operands, c: Expr, pairs: Expr, step: Expr) -> None:
    weights = k.window("wc", v.w, (c >> 1) * pairs)
    rows = k.window("row", v.table, c * COLUMNS)
    out = k.window("out", v.y, c)
    acc: list[list[Cell]] = []
    for n in range(tile.channels):
        (bias,) = columns_of(k, rows, Const(n), [0])
        acc.append([k.cell("acc", bias) for _ in range(tile.positions)])
    with k.loop(pairs, "i", step=tile.unroll) as i:
        for u in range(tile.unroll):
            word = k.let("w", weights.at(i + u))
            wide = [k.let("w", f(word)) for f in (sxtb16, sxtb16_odd)[: tile.channels]]
            for p in range(tile.positions):
                pair = k.let("x", v.x.at((i + u) * tile.positions + p))
                for sums, weight in zip(acc, wide, strict=True):
                    sums[p].set(smlad(weight, pair, sums[p].value))
    for n in range(tile.channels):
        multiplier, addend, shift = columns_of(k, rows, Const(n), [1, 2, 3])
        for p in range(tile.positions):
            value = tile.finish.value(k, acc[n][p].value, multiplier, addend, shift, tile.kind)
            k.store_at(out, step * p + n, value)


def multiply(k: Kernel, tile: Tile, v: Operands, at: Expr, pairs: int, channels: int, step: int) -> None:
    """All channels of the positions in `v.x`; the first result lies at y[at], positions lie `step` apart."""
    even = channels - channels % 2
    for one, first, count in ((tile, 0, even), (replace(tile, channels=1), even, channels % 2)):
        if count:
            places = ((v.x, 0), (v.w, first // 2 * pairs), (v.table, first * COLUMNS), (v.y, at + first))
            buffers = tuple(passed(*place) for place in places)
            k.emit(Call(tile_function(one), buffers, (Const(pairs), Const(count), Const(step))))


def passed(v: View, offset: Operand) -> tuple[Buffer, Expr]:
    """The memory from element `offset` on, as an argument of a call."""
    assert v.buffer is not None
    return v.buffer, v.base + offset
