"""Pools whose windows lie inside the input, channels last: small windows are written out, large ones run unrolled.

Results are those of the generic loops, bit for bit: the same elements in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from compiler.graph.graph import Node
from compiler.kernels.base import Schedule, Situation
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import F32, Expr, const, select
from compiler.ops.conv import store_tail
from compiler.ops.pool import AveragePool, MaxPool

_WRITTEN_OUT = 16  # elements of a window
_UNROLL = 4


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    op = node.op
    if "fpu32" not in situation.features or not isinstance(op, (AveragePool, MaxPool)) or len(op.kernel) > 2:
        return []
    x, y = node.value(0).type, node.output.type
    reach = [
        (out - 1) * s + (k - 1) * d
        for out, s, k, d in zip(y.shape[2:], op.strides, op.kernel, op.dilations, strict=True)
    ]
    inside = not any(op.pads) and all(r < n for r, n in zip(reach, x.shape[2:], strict=True))
    if not inside or x.dtype != "float32" or situation.objective == "size":
        return []
    elements = y.elements * prod(op.kernel)
    kernel = _PoolKernel(op)
    return [Schedule("windows", kernel.lower, cost=6.0 * elements, family="fpu32")]


@dataclass(frozen=True)
class _PoolKernel:
    op: AveragePool | MaxPool

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        op = self.op
        with k.loop(y.shape[0], "n") as n, k.grid(y.shape[2:], "yx") as at, k.loop(y.shape[1], "c") as c:
            first = [p * s for p, s in zip(at, op.strides, strict=True)]
            window = k.window("window", x, x.index(n, c, *first))
            steps = [s * d for s, d in zip(x.strides[2:], op.dilations, strict=True)]
            result = self._reduced(k, window, steps)
            if isinstance(op, AveragePool):
                result = result * const(1.0 / prod(op.kernel), F32)
            store_tail(k, op.tail, y, (n, c, *at), result, more)

    def _reduced(self, k: Kernel, window: View, steps: list[int]) -> Expr:
        size = self.op.kernel
        if len(size) == 2 and steps[0] == steps[1] * size[1]:  # rows follow each other without a gap
            size, steps = (prod(size),), steps[1:]
        acc = k.cell("acc", const(0.0, F32) if isinstance(self.op, AveragePool) else window.at(0))
        step = self._add if isinstance(self.op, AveragePool) else self._max
        if prod(size) <= _WRITTEN_OUT:
            offsets = [0]
            for n, s in zip(size, steps, strict=True):
                offsets = [o + i * s for o in offsets for i in range(n)]
            for offset in offsets if isinstance(self.op, AveragePool) else offsets[1:]:
                step(k, acc, window.at(offset))
            return acc.value
        rows, row_step = (1, 0) if len(size) == 1 else (size[0], steps[0])
        with k.loop(rows, "r") as r:
            line = k.window("line", window, r * row_step)
            _run(k, size[-1], lambda i: step(k, acc, line.at(i * steps[-1])))
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
