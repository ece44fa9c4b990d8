"""The register tile: P positions x O outputs, accumulated over a run of consecutive elements.

Outputs lie side by side in memory and in the packed weights, so that a vector register holds several of them; every
output is summed in the same order whatever the width, and the results are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.graph.types import Array, fill, is_fill
from compiler.kernels.tiles.registers import FPU32, Registers, pieces
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import F32, Const, Expr, Splat, const


@dataclass(frozen=True)
class TileShape:
    """`positions` x `outputs` accumulators; the reduction is unrolled `unroll` times."""

    positions: int
    outputs: int
    unroll: int = 4
    registers: Registers = FPU32

    def __str__(self) -> str:
        lanes = self.registers.lanes
        return f"{self.positions}x{self.outputs}" + (f" by {lanes}" if lanes > 1 else "")

    @property
    def widths(self) -> list[int]:
        """Lanes of the registers that hold one position's outputs."""
        return pieces(self.outputs, self.registers.lanes)

    def instructions_per_mac(self) -> float:
        """Loads, multiplies and adds of the inner block, loop overhead included."""
        p, v, u = self.positions, len(self.widths), self.unroll
        return (p * self.registers.splat + v + 2 * p * v + 4 / u) / (p * self.outputs)

    def fits(self) -> bool:
        """Accumulators, one weight for each output, an input and a product."""
        vectors = len(self.widths)
        return self.positions * vectors + min(vectors, self.positions) + 3 <= self.registers.count


def unroll_of(run: int, most: int) -> int:
    """A divisor of the run's length if a good one exists, else `most` with a remainder."""
    for u in range(most, most // 2, -1):
        if run % u == 0:
            return u
    return min(run, most)


def initial(k: Kernel, b: View | None, first: Expr, shape: TileShape) -> list[list[Cell]]:
    """Accumulators that start with the bias; [position][register]."""
    start: list[Expr] = []
    at = 0
    for width in shape.widths:
        zero = const(0.0, F32.of_lanes(width))
        start.append(zero if b is None else k.let("b", b.vector(b.index(first + at), width)))
        at += width
    return [[k.cell("acc", value) for value in start] for _ in range(shape.positions)]


def accumulate(
    k: Kernel, acc: list[list[Cell]], x: View, offsets: Sequence[int], w: View, run: Expr | int, unroll: int
) -> None:
    """acc[p][o] += sum over i < run of x[offsets[p] + i] * w[i, o], both read in memory order.

    A run that is not known at compile time must be a multiple of `unroll`.
    """
    whole = run - run % unroll if isinstance(run, int) else run
    with k.loop(whole, "i", step=unroll) as i:
        for u in range(unroll):
            _step(k, acc, x, offsets, w, i + u)
    if isinstance(run, int):
        for rest in range(run - run % unroll, run):
            _step(k, acc, x, offsets, w, Const(rest))


def _step(k: Kernel, acc: list[list[Cell]], x: View, offsets: Sequence[int], w: View, i: Expr) -> None:
    widths = [cell.value.type.lanes for cell in acc[0]]
    if len(acc) < len(widths):
        _few_positions(k, acc, x, offsets, w, i, widths)
        return
    outputs, at, weights = sum(widths), 0, []
    for width in widths:
        weights.append(k.let("w", w.vector(w.base + (i * outputs + at), width)))
        at += width
    for row, offset in zip(acc, offsets, strict=True):
        value = k.let("x", x.at(i + offset))
        wide = {1: value}
        for cell, weight in zip(row, weights, strict=True):
            lanes = weight.type.lanes
            if lanes not in wide:
                wide[lanes] = k.let("xs", Splat(value, weight.type))
            cell += wide[lanes] * weight


def _few_positions(
    k: Kernel, acc: list[list[Cell]], x: View, offsets: Sequence[int], w: View, i: Expr, widths: Sequence[int]
) -> None:
    """The inputs stay in registers and weights pass by; the other way round needs more registers than there are."""
    values = [k.let("x", x.at(i + offset)) for offset in offsets]
    wide: dict[tuple[int, int], Expr] = {(p, 1): value for p, value in enumerate(values)}
    outputs, at = sum(widths), 0
    for column, width in enumerate(widths):
        weight = k.let("w", w.vector(w.base + (i * outputs + at), width))
        at += width
        for p, row in enumerate(acc):
            if (p, width) not in wide:
                wide[p, width] = k.let("xs", Splat(values[p], weight.type))
            row[column] += wide[p, width] * weight


def pack_outputs(w: Array, block: int) -> Array:
    """(outputs, reduction) -> blocks of `block` outputs, each (reduction, block); the last one may be narrower.

    The result is flat: block after block.
    """
    if is_fill(w):
        return fill(w.reshape(-1)[0], str(w.dtype), (w.size,))
    whole = w.shape[0] - w.shape[0] % block
    parts = [w[:whole].reshape(-1, block, w.shape[1]).transpose(0, 2, 1).reshape(-1)]
    if whole < w.shape[0]:
        parts.append(w[whole:].T.reshape(-1))
    return np.concatenate(parts)
