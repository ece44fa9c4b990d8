"""Dense layers of 8-bit integers. Several rows are a 1x1 convolution; one row is multiplied without scratch memory: its
bytes are widened as they are read, and a few channels share them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import prod

import numpy as np

from compiler.graph.graph import Node
from compiler.graph.types import Array, fill
from compiler.kernels.armv7em import conv
from compiler.kernels.armv7em.finish import COLUMNS, Finish, channel_table, columns_of
from compiler.kernels.armv7em.gemm import passed
from compiler.kernels.armv7em.instructions import FEATURE, load_word, smlad, sxtb16, sxtb16_odd, uxtb16, uxtb16_odd
from compiler.kernels.base import Schedule, Situation
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import I32, U8, Buffer, Call, Cast, Const, Expr, Function, Type, Var
from compiler.loop.storage import compute_type
from compiler.ops.dense import Dense

_TOGETHER = (6, 4, 2)  # channels


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    x, y = node.present[0].type if node.present else None, node.output.type
    if FEATURE not in situation.features or not isinstance(node.op, Dense) or x is None or not x.elements:
        return []
    if not all(conv.lies(t.shape, t.strides, _row_major(t.shape)) for t in (x, y)):
        return []
    w, found = situation.constant(node, 1), channel_table(node, situation)
    if w is None or found is None:
        return []
    finish, table = found
    rows = prod(x.shape[:-1])
    if rows > 1:
        return [conv.schedule(node, _pixels(rows, *w.shape), w, finish, table, situation.objective)]
    return [_one_row(node, w, finish, table, channels, situation.objective) for channels in _TOGETHER]


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[a + 1 :]) for a in range(len(shape)))


def _pixels(rows: int, outputs: int, inputs: int) -> conv.Shape:
    return conv.Shape(
        batch=1, channels=inputs, height=1, width=rows, outputs=outputs, out_height=1, out_width=rows, rows=1,
        columns=1, stride_y=1, stride_x=1, top=0, left=0, bottom=0, right=0, dilation_y=1, dilation_x=1,
    )  # fmt: skip


def _one_row(node: Node, w: Array, finish: Finish, table: Array, channels: int, objective: str) -> Schedule:
    outputs, inputs = w.shape
    words = -(-inputs // 4)
    together = min(channels, outputs)
    whole = inputs // 4
    unroll = max(u for u in range(1, 3 if objective == "size" else 5) if whole % u == 0) if whole else 1
    kind = compute_type(node.value(0).type.dtype)
    uniform = bool((table[:, 1:] == table[0, 1:]).all())
    row = Row(together, unroll, finish, kind, compute_type(node.output.type.dtype), uniform)
    kernel = _RowKernel(row, outputs, inputs, tuple(int(n) for n in table[0, 1:]) if uniform else ())
    if uniform:
        table = _array(table[:, 0])
    nothing = {i: fill(0, "int32", v.shape) for i in (2, 4) if (v := node.inputs[i]) is not None}
    per_word = (3 + 5 * together + 3 / unroll) / together
    rest = outputs % together
    return Schedule(
        f"row x{together} by {unroll}",
        kernel.lower,
        packed={**nothing, 1: _packed(w, together), 3: table.reshape(-1)},
        cost=words * (per_word * (outputs - rest) + 12 * rest) + 10 * outputs,
        family=conv.FAMILY,
    )


def _packed(w: Array, together: int) -> Array:
    """Words of four weights of a channel, for each word of the input those of `together` channels; then the remaining
    channels, likewise. What is left of the input is filled up with zeros."""
    outputs, inputs = w.shape
    wide = np.zeros((outputs, -(-inputs // 4) * 4), np.int8)
    wide[:, :inputs] = w
    words = wide.view("<i4")
    whole = outputs - outputs % together
    parts = [
        words[:whole].reshape(-1, together, words.shape[1]).transpose(0, 2, 1).reshape(-1),
        words[whole:].T.reshape(-1),
    ]
    return _array(np.concatenate(parts).astype(np.int32))


def _array(numbers: Array) -> Array:
    """A constant of one number would be no array."""
    return numbers if numbers.size > 1 else np.append(numbers, np.int32(0))


@dataclass(frozen=True)
class Row:
    """One row of inputs x a few channels; the reduction unrolled `unroll` words at a time."""

    channels: int
    unroll: int
    finish: Finish
    given: Type
    kind: Type
    uniform: bool = False  # one factor for all channels: the table holds biases alone

    @property
    def name(self) -> str:
        one = "_one_factor" if self.uniform else ""
        return f"row_{self.given}_x{self.channels}_by{self.unroll}_{self.finish.name}{one}"

    @property
    def columns(self) -> int:
        return 1 if self.uniform else COLUMNS


@cache
def row_function(row: Row, rest: int) -> Function:
    """`words` whole words of x, and `rest` bytes behind them, by `blocks` blocks of channels."""
    x, w = Buffer("x", row.given, None), Buffer("w", I32, None, True)
    table, y = Buffer("table", I32, None, True), Buffer("y", row.kind, None)
    words, blocks = Var("words", I32), Var("blocks", I32)
    factor = (Var("multiplier", I32), Var("addend", I32), Var("shift", I32)) if row.uniform else ()
    k = Kernel()
    k.reserve("x", "w", "table", "y", "words", "blocks", *(v.name for v in factor))
    xs, ws, ts, ys = (View(b.type, (1,), (1,), b) for b in (x, w, table, y))
    n = row.channels
    with k.loop(blocks, "o") as o:
        weights = k.window("wo", ws, o * ((words + (1 if rest else 0)) * n))
        rows = k.window("row", ts, o * (n * row.columns))
        acc = [k.cell("acc", k.let("bias", rows.at(c * row.columns))) for c in range(n)]
        with k.loop(words, "i", step=row.unroll) as i:
            for u in range(row.unroll):
                _word(k, row, acc, load_word(xs, (i + u) * 4), weights, (i + u) * n)
        if rest:
            last: Expr = Const(0, I32)
            for r in range(rest):
                last = last | (Cast(Cast(xs.at(words * 4 + r), U8), I32) << (8 * r))
            _word(k, row, acc, last, weights, words * n)
        for c in range(n):
            multiplier, addend, shift = factor or columns_of(k, rows, Const(c), [1, 2, 3])
            value = row.finish.value(k, acc[c].value, multiplier, addend, shift, row.kind)
            k.store_at(ys, o * n + c, value)
    doc = (f"one row of inputs, {n} channels at a time",)
    return Function(
        f"{row.name}_rest{rest}" if rest else row.name, (x, w, table, y), (words, blocks, *factor), k.body(), doc=doc
    )


def _word(k: Kernel, row: Row, acc: list[Cell], given: Expr, w: View, at: Expr) -> None:
    """Four inputs by a weight word of each channel."""
    even, odd = (uxtb16, uxtb16_odd) if row.given.kind == "u" else (sxtb16, sxtb16_odd)
    four = k.let("four", given)
    x0, x1 = k.let("x0", even(four)), k.let("x1", odd(four))
    for c, cell in enumerate(acc):
        word = k.let("w", w.at(at + c))
        cell.set(smlad(sxtb16(word), x0, cell.value))
        cell.set(smlad(sxtb16_odd(word), x1, cell.value))


@dataclass(frozen=True)
class _RowKernel:
    row: Row
    outputs: int
    inputs: int
    factor: tuple[int, ...] = ()  # multiplier, addend, shift, when they are the same for all channels

    def lower(self, k: Kernel, x: View, w: View, b: View | None, table: View, shift: View, y: View) -> None:
        words, rest = divmod(self.inputs, 4)
        together = self.row.channels
        whole = self.outputs - self.outputs % together
        for first, count, channels in ((0, whole // together, together), (whole, 1, self.outputs - whole)):
            if count and channels:
                function = row_function(replace(self.row, channels=channels), rest)
                starts = ((x, 0), (w, first * -(-self.inputs // 4)), (table, first * self.row.columns), (y, first))
                buffers = tuple(passed(v.flat(), offset) for v, offset in starts)
                k.emit(Call(function, buffers, tuple(map(Const, (words, count, *self.factor)))))
