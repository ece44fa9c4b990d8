"""Pools of 8-bit integers, four channels at a time.

Sums: two halves of a word each take a byte (sxtab16), so four channels of a place cost a load and two instructions; 256
places fit into 16 bits. Maxima: of unsigned bytes, by a saturating difference and a sum, all four at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from compiler.graph.graph import Node
from compiler.kernels.armv7em.instructions import FEATURE, load_word, store_word
from compiler.kernels.armv7em.more_instructions import halves_plus_bytes, larger_bytes
from compiler.kernels.base import Overlap, Schedule, Situation
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import I16, I32, U16, Cast, Const, Expr, Operand, maximum, minimum, select
from compiler.ops.conv import store_tail
from compiler.ops.pool import AveragePool, MaxPool
from compiler.ops.sum_integer import SumPool

_FITTING = 256  # numbers of 8 bits in a sum of 16
_WRITTEN_OUT = 9
_UNROLL = 8
_FLIP = np.uint32(0x80808080).astype(np.int32).item()  # makes unsigned bytes of signed ones, in the same order
_BYTES = frozenset({"int8", "uint8"})


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    op = node.op
    if FEATURE not in situation.features or not isinstance(op, AveragePool | MaxPool | SumPool):
        return []
    x, y = node.value(0).type, node.output.type
    n = len(op.kernel)
    if x.dtype not in _BYTES or n > 2 or x.shape[1] % 4 or x.strides[1] != 1 or y.strides[1] != 1 or not y.elements:
        return []
    kernel = _PoolKernel(op, _clipped(node))
    largest = prod(op.kernel) if not any(kernel.clipped) else op.kernel[-1]
    plain = op.tail is None and y.dtype == x.dtype
    if isinstance(op, MaxPool) and not plain:
        return []
    if not isinstance(op, MaxPool) and min(largest, op.kernel[-1]) > _FITTING:
        return []
    if isinstance(op, AveragePool) and any(kernel.clipped) and op.include_pad:
        return []
    words = y.elements // 4
    cost = words * (prod(op.kernel) * 4 + (10 if isinstance(op, MaxPool) else 60))
    overlap = {0: _overlap(op, node)} if plain and x.shape[0] == 1 and _dense(node) else {}
    return [Schedule("four channels", kernel.lower, overlap=overlap, cost=cost, family="armv7em")]


def _clipped(node: Node) -> tuple[bool, ...]:
    """For each spatial axis: does some window stick out of the input?"""
    op, x, y = node.op, node.value(0).type, node.output.type
    assert isinstance(op, AveragePool | MaxPool | SumPool)
    found = []
    for a, kernel in enumerate(op.kernel):
        end = (y.shape[2 + a] - 1) * op.strides[a] + (kernel - 1) * op.dilations[a] - op.pads[a]
        found.append(op.pads[a] > 0 or end >= x.shape[2 + a])
    return tuple(found)


def _dense(node: Node) -> bool:
    """Do the pixels of input and output lie one after another, rows first?"""
    for t in (node.value(0).type, node.output.type):
        pixel = t.shape[1]
        for axis in range(t.rank - 1, 1, -1):
            if t.shape[axis] != 1 and t.strides[axis] != pixel:
                return False
            pixel *= t.shape[axis]
    return True


def _overlap(op: AveragePool | MaxPool | SumPool, node: Node) -> Overlap:
    """Pixels are finished one after another: one is written before anything of a later window is read, but for the
    channels in front of it."""
    x, y = node.value(0).type, node.output.type
    starts = np.zeros((), np.int64)
    for a in range(len(op.kernel)):
        first = np.arange(y.shape[2 + a], dtype=np.int64) * op.strides[a] - op.pads[a]
        first = np.where(first < 0, first % op.dilations[a], first)
        starts = np.add.outer(starts * x.shape[2 + a], first)
    own = starts.reshape(-1)
    later = np.append(np.minimum.accumulate(own[::-1])[::-1][1:], np.int64(prod(x.shape[2:])))
    written = np.arange(own.size, dtype=np.int64)
    forward = max(int((written - own).max()), int((written + 1 - later).max())) * x.shape[1]
    return Overlap(exact=forward <= 0, forward=forward)


@dataclass(frozen=True)
class _PoolKernel:
    op: AveragePool | MaxPool | SumPool
    clipped: tuple[bool, ...]

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        op = self.op
        with k.loop(y.shape[0], "n") as n, k.grid(y.shape[2:], "yx") as p:
            first = [i * s - pad for i, s, pad in zip(p, op.strides, op.pads, strict=False)]
            bounds = [self._bounds(k, a, at, x.shape[2 + a]) for a, at in enumerate(first)]
            places = k.let("places", _product([high - low for low, high in bounds]))
            with k.loop(y.shape[1], "c", step=4) as c:
                at = n * x.strides[0] + sum((i * s for i, s in zip(first, x.strides[2:], strict=True)), start=Const(0))
                window = k.window("window", x, at + c)
                steps = [s * d for s, d in zip(x.strides[2:], op.dilations, strict=True)]
                if isinstance(op, MaxPool):
                    store_word(k, y, y.index(n, c, *p), self._largest(k, window, bounds, steps))
                else:
                    for lane, total in enumerate(self._sums(k, window, bounds, steps)):
                        store_tail(k, op.tail, y, (n, c + lane, *p), self._result(k, total, places, x), more)

    def _bounds(self, k: Kernel, axis: int, first: Expr, size: int) -> tuple[Expr, Expr]:
        """The places of a window along an axis that lie inside the input."""
        kernel, d = self.op.kernel[axis], self.op.dilations[axis]
        if not self.clipped[axis]:
            return Const(0), Const(kernel)
        low = k.let("low", (maximum(0 - first, 0) + (d - 1)) // d)
        return low, k.let("high", minimum((size - first + (d - 1)) // d, kernel))

    def _largest(self, k: Kernel, window: View, bounds: list[tuple[Expr, Expr]], steps: list[int]) -> Expr:
        flip = _FLIP if window.type.kind == "i" else 0
        best = k.cell("best", Const(0))

        def take(view: View, offset: Operand) -> None:
            best.set(larger_bytes(best.value, k.let("word", load_word(view, offset) ^ flip)))

        _over(k, window, bounds, steps, take)
        return best.value ^ flip

    def _sums(self, k: Kernel, window: View, bounds: list[tuple[Expr, Expr]], steps: list[int]) -> list[Expr]:
        """Of four channels, in 32 bits."""
        signed = window.type.kind == "i"

        def halves(bounds: list[tuple[Expr, Expr]], steps: list[int], view: View) -> list[Cell]:
            pair = [k.cell(name, Const(0)) for name in ("even", "odd")]

            def take(view: View, offset: Operand) -> None:
                word = k.let("word", load_word(view, offset))
                for odd, cell in enumerate(pair):
                    cell.set(halves_plus_bytes(cell.value, word, signed=signed, odd=bool(odd)))

            _over(k, view, bounds, steps, take)
            return pair

        if prod(self.op.kernel) <= _FITTING:
            return _lanes(halves(bounds, steps, window), signed)
        total = [k.cell("total", Const(0)) for _ in range(4)]
        (low, high), *inner = bounds
        with k.loop(high, "row", start=low) as row:
            for cell, part in zip(
                total, _lanes(halves(inner, steps[1:], k.window("line", window, row * steps[0])), signed), strict=True
            ):
                cell += part
        return [cell.value for cell in total]

    def _result(self, k: Kernel, total: Expr, places: Expr, x: View) -> Expr:
        if isinstance(self.op, SumPool):
            return total - places * self.op.zero
        half = k.let("half", places // 2)
        rounded = k.let("total", total)
        return k.let("mean", Cast((rounded + select(rounded > 0, half, 0 - half)) // places, x.type))


def _product(factors: list[Expr]) -> Expr:
    result: Expr = Const(1)
    for factor in factors:
        result = result * factor
    return result


def _lanes(pair: list[Cell], signed: bool) -> list[Expr]:
    """The four sums in the halves of two words, in the order of the channels."""
    half = I16 if signed else U16
    return [Cast(Cast(cell.value >> shift, half), I32) for shift in (0, 16) for cell in pair]


def _over(
    k: Kernel,
    window: View,
    bounds: list[tuple[Expr, Expr]],
    steps: list[int],
    take: Callable[[View, Operand], None],
) -> None:
    """`take(view, offset)` for each place of the window."""
    sizes = [int(high.value) for low, high in bounds if low == Const(0) and isinstance(high, Const)]
    if len(sizes) < len(bounds):
        _loops(k, window, bounds, steps, take)
        return
    if len(sizes) == 2 and (steps[0] == steps[1] * sizes[1] or sizes[1] == 1):  # rows without gaps between them
        sizes, steps = [prod(sizes)], [steps[1] if sizes[1] > 1 else steps[0]]
    if prod(sizes) <= _WRITTEN_OUT:
        offsets = [0]
        for n, step in zip(sizes, steps, strict=True):
            offsets = [o + i * step for o in offsets for i in range(n)]
        for offset in offsets:
            take(window, offset)
        return
    rows, row_step = (sizes[0], steps[0]) if len(sizes) == 2 else (1, 0)
    count, step = sizes[-1], steps[-1]
    unroll = max(u for u in range(1, _UNROLL + 1) if count % u == 0)
    with k.loop(rows, "row") as row:
        line = k.window("line", window, row * row_step)
        with k.loop(count, "i", step=unroll) as i:
            for u in range(unroll):
                take(line, (i + u) * step)


def _loops(
    k: Kernel,
    window: View,
    bounds: list[tuple[Expr, Expr]],
    steps: list[int],
    take: Callable[[View, Operand], None],
) -> None:
    """One loop for each axis, as far as the window lies inside the input."""
    (low, high), *inner = bounds
    with k.loop(high, "i", start=low) as i:
        if inner:
            _loops(k, k.window("line", window, i * steps[0]), inner, steps[1:], take)
        else:
            take(window, i * steps[0])
