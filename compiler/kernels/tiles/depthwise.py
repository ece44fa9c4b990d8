"""Depthwise convolutions, channels last: a group of neighbouring columns of one channel stays in registers.

Which columns of a window stick out is known for each group when the code is written, so the border costs no test.
Rows that stick out shorten the row loop; all other rows take a fully unrolled body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from compiler.graph.graph import Node
from compiler.graph.types import Array, is_fill
from compiler.kernels.base import Overlap, Schedule, Situation, in_place
from compiler.kernels.tiles.conv import Geometry, row_overlap
from compiler.kernels.tiles.registers import Registers, pieces, register_files, runs
from compiler.kernels.tiles.tail import as_floats, operand, simple_tail, usable
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import F32, Const, Expr, If, const, maximum, minimum
from compiler.ops.conv import Conv

_WIDEST = 8  # columns of one group: accumulators, a row of weights, an input and a product stay in registers
_UNROLLED = 120  # multiply-adds of one group that are written out


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    op = node.op
    if not isinstance(op, Conv) or op.groups == 1:
        return []
    x, w = node.value(0).type, situation.constant(node, 1)
    g = Geometry.of(node, grouped=True)
    if w is None or g is None or op.groups != x.shape[1] or g.outputs != g.channels or not g.channels_last:
        return []
    if not simple_tail(node, fixed=3) or g.rows * g.columns > 64 or g.batch != 1 or g.channels == 1:
        return []
    return [_schedule(node, g, w, file, situation) for file in usable(register_files(situation.features), w)]


def _schedule(node: Node, g: Geometry, w: Array, file: Registers, situation: Situation) -> Schedule:
    assert isinstance(node.op, Conv)
    width = _group_width(g, _WIDEST if file.count >= 32 else 4)
    overlap = in_place(node, Overlap(exact=True))
    overlap[0] = row_overlap(g)
    unrolled = situation.objective != "size" and g.rows * g.columns * width <= _UNROLLED
    kernel = _Depthwise(node.op, g, width, unrolled, file.lanes)
    macs = g.out_height * g.out_width * g.outputs * g.rows * g.columns
    by_tap = w.reshape(g.outputs, -1)
    return Schedule(
        f"columns x{width}" + (f" by {file.lanes}" if file.lanes > 1 else ""),
        kernel.lower,
        backward=replace(kernel, down=True).lower,
        packed={1: by_tap.T.reshape(-1) if file.lanes > 1 and not is_fill(w) else w},
        overlap=overlap,
        cost=3.7 * macs * len(pieces(g.channels, file.lanes)) / g.channels,
        family=file.family,
    )


def _group_width(g: Geometry, widest: int) -> int:
    """All columns of a narrow image at once; else a width that divides the inner columns well."""
    if g.out_width <= widest:
        return g.out_width
    first, last = g.inner_columns()
    return min(range(min(4, widest), min(6, widest) + 1), key=lambda p: ((last - first) % p, -p))


@dataclass(frozen=True)
class _Depthwise:
    op: Conv
    g: Geometry
    width: int
    unrolled: bool
    lanes: int = 1  # channels at a time
    down: bool = False  # from the last row to the first

    def lower(self, k: Kernel, x: View, w: View, b: View | None, *rest: View) -> None:
        *more, y = rest
        w = as_floats(w)
        g = self.g
        sticks_out = g.top or (g.out_height - 1) * g.stride_y - g.top + (g.rows - 1) * g.dilation_y >= g.height
        with k.loop(g.out_height, "oy", down=self.down) as oy:
            top = k.let("top", oy * g.stride_y - g.top) if sticks_out else oy * g.stride_y
            line = k.window("line", y, oy * (g.out_width * g.outputs))
            lines = [k.window("rest", v, oy * (g.out_width * g.outputs)) if v.size == y.size else v for v in more]

            def columns(low: Expr | None, high: Expr | None) -> None:
                self._columns(k, x, w, b, line, lines, top, low, high)

            if not sticks_out:
                columns(None, None)
            else:
                self._clipped(k, top, columns)

    def _clipped(self, k: Kernel, top: Expr, columns: Callable[[Expr | None, Expr | None], None]) -> None:
        """Rows whose window may stick out above or below."""
        g = self.g
        low = k.let("row_low", _up(maximum(0 - top, 0), g.dilation_y))
        high = k.let("row_high", minimum(_up(g.height - top, g.dilation_y), g.rows))
        if not self.unrolled:
            columns(low, high)
            return
        with k.block() as inner:
            columns(None, None)
        with k.block() as border:
            columns(low, high)
        k.emit(If((high - low).eq(g.rows), tuple(inner), tuple(border)))

    def _columns(
        self, k: Kernel, x: View, w: View, b: View | None, y: View, more: list[View], top: Expr,
        low: Expr | None, high: Expr | None,
    ) -> None:  # fmt: skip
        """One output row: the left border, groups of inner columns, the rest with the right border."""
        g = self.g
        first, last = g.inner_columns()
        if g.out_width <= self.width:
            self._group(k, x, w, b, y, more, top, Const(0), list(range(g.out_width)), low, high)
            return
        if first:
            self._group(k, x, w, b, y, more, top, Const(0), list(range(first)), low, high)
        tiled = first + (last - first) // self.width * self.width
        with k.loop(tiled, "ox", start=first, step=self.width) as ox:
            self._group(k, x, w, b, y, more, top, ox, [first + p for p in range(self.width)], low, high, moved=first)
        for start in range(tiled, g.out_width, self.width):
            columns = list(range(start, min(start + self.width, g.out_width)))
            self._group(k, x, w, b, y, more, top, Const(0), columns, low, high)

    def _group(
        self, k: Kernel, x: View, w: View, b: View | None, y: View, more: list[View], top: Expr, ox: Expr,
        columns: list[int], low: Expr | None, high: Expr | None, moved: int = 0,
    ) -> None:  # fmt: skip
        """Some columns, all channels. `columns` are written as seen from `ox` = `moved`."""
        g = self.g
        column_step = g.channels
        start = (ox - moved) * (g.stride_x * column_step) if moved or not isinstance(ox, Const) else Const(0)
        for first, last, lanes in runs(g.channels, self.lanes):
            with k.loop(last, "c", start=first, step=lanes) as c:
                bias = k.let("b", b.vector(b.index(c), lanes)) if b is not None else const(0.0, F32.of_lanes(lanes))
                acc = [k.cell("acc", bias) for _ in columns]
                with _rows(k, g.rows, low, high) as rows:
                    for ky in rows:
                        base = (top + ky * g.dilation_y) * g.row_step + start + c
                        used = sorted({kx for pairs in self._users(columns).values() for _, kx in pairs})
                        weights = {kx: k.let("w", self._weight(w, c, ky * g.columns + kx, lanes)) for kx in used}
                        self._row(k, x, base, weights, columns, acc)
                for p, cell in enumerate(acc):
                    at = (ox - moved + columns[p]) * g.outputs + c
                    value = cell.value
                    if self.op.tail is not None:
                        value = self.op.tail.scalar(k, value, *(operand(v, y, at, c, lanes) for v in more))
                    k.store_at(y, at, value)

    def _weight(self, w: View, c: Expr, tap: Expr, lanes: int) -> Expr:
        """Weights lie [channel][tap], or [tap][channel] when vectors hold channels."""
        taps = self.g.rows * self.g.columns
        return w.at(c * taps + tap) if self.lanes == 1 else w.vector(w.base + (tap * self.g.channels + c), lanes)

    def _users(self, columns: list[int]) -> dict[int, list[tuple[int, int]]]:
        """Input column -> the (place in the group, column of the window) pairs that read it; none in the padding."""
        g = self.g
        users: dict[int, list[tuple[int, int]]] = {}
        for p, column in enumerate(columns):
            for kx in range(g.columns):
                at = column * g.stride_x - g.left + kx * g.dilation_x
                if 0 <= at < g.width:
                    users.setdefault(at, []).append((p, kx))
        return users

    def _row(
        self, k: Kernel, x: View, base: Expr, weights: dict[int, Expr], columns: list[int], acc: list[Cell]
    ) -> None:
        """One row of the window: every input element is loaded once and used for all columns it belongs to."""
        for at, pairs in sorted(self._users(columns).items()):
            lanes = acc[0].value.type.lanes
            value = k.let("x", x.vector(x.base + (base + at * self.g.channels), lanes))
            for p, kx in pairs:
                acc[p] += value * weights[kx]


@contextmanager
def _rows(k: Kernel, rows: int, low: Expr | None, high: Expr | None) -> Iterator[list[Expr]]:
    """All rows of the window written out, or a loop over those inside the image."""
    if low is None or high is None:
        yield [Const(i) for i in range(rows)]
        return
    with k.loop(high, "ky", start=low) as ky:
        yield [ky]


def _up(distance: Expr, dilation: int) -> Expr:
    return distance if dilation == 1 else (distance + (dilation - 1)) // dilation
