"""The register tile: P positions x O outputs, accumulated over a run of consecutive elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler.graph.types import Array, fill, is_fill
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import F32, Const, Expr, const

REGISTERS = 32


@dataclass(frozen=True)
class TileShape:
    """`positions` x `outputs` accumulators; the reduction is unrolled `unroll` times."""

    positions: int
    outputs: int
    unroll: int = 4

    def __str__(self) -> str:
        return f"{self.positions}x{self.outputs}"

    def instructions_per_mac(self) -> float:
        """Loads, multiplies and adds of the inner block, loop overhead included."""
        p, o, u = self.positions, self.outputs, self.unroll
        return (p + o + 2 * p * o + 4 / u) / (p * o)

    def fits(self) -> bool:
        """Accumulators, one weight for each output, an input and a product."""
        return self.positions * self.outputs + min(self.outputs, self.positions) + 3 <= REGISTERS


def unroll_of(run: int, most: int) -> int:
    """A divisor of the run's length if a good one exists, else `most` with a remainder."""
    for u in range(most, most // 2, -1):
        if run % u == 0:
            return u
    return min(run, most)


def initial(k: Kernel, b: View | None, first: Expr, shape: TileShape) -> list[list[Cell]]:
    """Accumulators that start with the bias; [position][output]."""
    start: list[Expr] = [const(0.0, F32)] * shape.outputs
    if b is not None:
        start = [k.let("b", b[first + o]) for o in range(shape.outputs)]
    return [[k.cell("acc", start[o]) for o in range(shape.outputs)] for _ in range(shape.positions)]


def accumulate(
    k: Kernel, acc: list[list[Cell]], x: View, offsets: Sequence[int], w: View, run: Expr | int, unroll: int
) -> None:
    """acc[p][o] += sum over i < run of x[offsets[p] + i] * w[i, o], both read in memory order.

    A run that is not known at compile time must be a multiple of `unroll`.
    """
    outputs = len(acc[0])
    whole = run - run % unroll if isinstance(run, int) else run
    with k.loop(whole, "i", step=unroll) as i:
        for u in range(unroll):
            _step(k, acc, x, offsets, w, i + u, outputs)
    if isinstance(run, int):
        for rest in range(run - run % unroll, run):
            _step(k, acc, x, offsets, w, Const(rest), outputs)


def _step(k: Kernel, acc: list[list[Cell]], x: View, offsets: Sequence[int], w: View, i: Expr, outputs: int) -> None:
    weights = [k.let("w", w.at(i * outputs + o)) for o in range(outputs)]
    for row, offset in zip(acc, offsets, strict=True):
        value = k.let("x", x.at(i + offset))
        for o in range(outputs):
            row[o] += value * weights[o]


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
