"""Pools whose windows lie inside the input, channels last: small windows are written out, large ones run unrolled.

Results are those of the generic loops, bit for bit: the same elements in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from compiler.graph.graph import Node
from compiler.kernels.base import Schedule, Situation
from compiler.kernels.tiles.registers import pieces, register_files, runs
from compiler.kernels.tiles.tail import all_float32, neighbours, store_row
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import F32, Expr, const, select
from compiler.ops.pool import AveragePool, MaxPool

_WRITTEN_OUT = 16  # elements of a window
_UNROLL = 4


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    op = node.op
    if not isinstance(op, (AveragePool, MaxPool)) or len(op.kernel) > 2:
        return []
    x, y = node.value(0).type, node.output.type
    reach = [
        (out - 1) * s + (k - 1) * d
        for out, s, k, d in zip(y.shape[2:], op.strides, op.kernel, op.dilations, strict=True)
    ]
    inside = not any(op.pads) and all(r < n for r, n in zip(reach, x.shape[2:], strict=True))
    if not inside or not all_float32(node, op.tail) or situation.objective == "size":
        return []
    elements = y.elements * prod(op.kernel)
    side_by_side = neighbours(node, fixed=1, axis=1) and (x.strides[1] == 1 or x.shape[1] == 1)
    result = []
    for file in register_files(situation.features):
        if file.lanes == 1 or side_by_side:
            share = len(pieces(y.shape[1], file.lanes)) / max(1, y.shape[1])
            name = "windows" + (f" by {file.lanes}" if file.lanes > 1 else "")
            kernel = _PoolKernel(op, file.lanes)
            result.append(Schedule(name, kernel.lower, cost=6.0 * elements * share, family=file.family))
    return result


@dataclass(frozen=True)
class _PoolKernel:
    op: AveragePool | MaxPool
    lanes: int = 1  # channels at a time

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        with k.loop(y.shape[0], "n") as n, k.grid(y.shape[2:], "yx") as at:
            for first, last, lanes in runs(y.shape[1], self.lanes):
                with k.loop(last, "c", start=first, step=lanes) as c:
                    self._one(k, x, more, y, n, c, at, lanes)

    def _one(
        self, k: Kernel, x: View, more: list[View], y: View, n: Expr, c: Expr, at: tuple[Expr, ...], lanes: int
    ) -> None:
        """One window of `lanes` channels."""
        op = self.op
        first = [p * s for p, s in zip(at, op.strides, strict=True)]
        window = k.window("window", x, x.index(n, c, *first))
        steps = [s * d for s, d in zip(x.strides[2:], op.dilations, strict=True)]
        result = self._reduced(k, window, steps, lanes)
        if isinstance(op, AveragePool):
            result = result * const(1.0 / prod(op.kernel), result.type)
        store_row(k, op.tail, y, (n, c, *at), result, more, axis=1)

    def _reduced(self, k: Kernel, window: View, steps: list[int], lanes: int) -> Expr:
        size = self.op.kernel
        if len(size) == 2 and steps[0] == steps[1] * size[1]:  # rows follow each other without a gap
            size, steps = (prod(size),), steps[1:]

        def element(view: View, offset: Expr | int) -> Expr:
            return view.vector(view.base + offset, lanes)

        start = const(0.0, F32.of_lanes(lanes)) if isinstance(self.op, AveragePool) else element(window, 0)
        acc = k.cell("acc", start)
        step = self._add if isinstance(self.op, AveragePool) else self._max
        if prod(size) <= _WRITTEN_OUT:
            offsets = [0]
            for n, s in zip(size, steps, strict=True):
                offsets = [o + i * s for o in offsets for i in range(n)]
            for offset in offsets if isinstance(self.op, AveragePool) else offsets[1:]:
                step(k, acc, element(window, offset))
            return acc.value
        rows, row_step = (1, 0) if len(size) == 1 else (size[0], steps[0])
        with k.loop(rows, "r") as r:
            line = k.window("line", window, r * row_step)
            _run(k, size[-1], lambda i: step(k, acc, element(line, i * steps[-1])))
        return acc.value

    def _add(self, k: Kernel, acc: Cell, value: Expr) -> None:
        acc += value

    def _max(self, k: Kernel, acc: Cell, value: Expr) -> None:
        v = k.let("v", value)
        acc.set(select(v < acc.value, acc.value, v))


def _run(k: Kernel, count: int, step: Callable[[Expr], None]) -> None:
    """`step(i)` for i < count, unrolled."""
    whole = count - count % _UNROLL
    with k.loop(whole, "i", step=_UNROLL) as i:
        for u in range(_UNROLL):
            step(i + u)
    if whole < count:
        with k.loop(count, "i", start=whole) as i:
            step(i)
