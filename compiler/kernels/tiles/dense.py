"""Dense layers: blocks of outputs share each input element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod

from compiler.graph.graph import Node
from compiler.kernels.base import Overlap, Schedule, Situation, in_place
from compiler.kernels.tiles.registers import register_files
from compiler.kernels.tiles.tail import all_float32, as_floats, neighbours, store_row, usable
from compiler.kernels.tiles.tile import TileShape, accumulate, initial, pack_outputs, unroll_of
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import Const, Expr
from compiler.ops.dense import Dense


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    if not isinstance(node.op, Dense) or not all_float32(node, node.op.tail):
        return []
    w = situation.constant(node, 1)
    if w is None:
        return []
    rows, outputs = prod(node.output.shape[:-1]), w.shape[0]
    result = []
    for file, block in product(usable(register_files(situation.features), w), (8, 4, 2)):
        if file.lanes > 1 and not neighbours(node, fixed=3, axis=-1):
            continue
        positions = 1 if rows == 1 else 3 if block == 8 else 4
        unroll = unroll_of(w.shape[1], file.unroll(situation.objective))
        shape = TileShape(min(positions, rows), min(block * file.lanes, outputs), unroll, file)
        if not shape.fits():
            continue
        cost = shape.instructions_per_mac() * rows * outputs * w.shape[1]
        kernel = _DenseKernel(node.op, shape, w.shape)
        result.append(
            Schedule(
                f"rows {shape}",
                kernel.lower,
                packed={1: pack_outputs(w, shape.outputs)},
                overlap=in_place(node, Overlap(exact=True)),
                cost=cost,
                family=file.family,
            )
        )
    return result


class _DenseKernel:
    def __init__(self, op: Dense, shape: TileShape, w: Sequence[int]) -> None:
        self.op, self.shape = op, shape
        self.outputs, self.inputs = w

    def lower(self, k: Kernel, x: View, w: View, b: View | None, *rest: View) -> None:
        *more, y = rest
        w = as_floats(w)
        rows = y.size // self.outputs
        step = self.shape.positions
        with k.loop(rows - rows % step, "n", step=step) as n:
            self._row_block(k, x, w, b, y, more, n, step)
        if rows % step:
            with k.loop(rows, "n", start=rows - rows % step) as n:
                self._row_block(k, x, w, b, y, more, n, 1)

    def _row_block(
        self, k: Kernel, x: View, w: View, b: View | None, y: View, more: list[View], n: Expr, positions: int
    ) -> None:
        block = self.shape.outputs
        whole = self.outputs - self.outputs % block
        xr = k.window("xr", x.flat(), n * self.inputs)
        with k.loop(whole, "o", step=block) as o:
            self._tile(k, xr, w, b, y, more, n, o, replace(self.shape, positions=positions))
        if whole < self.outputs:
            narrow = replace(self.shape, positions=positions, outputs=self.outputs - whole)
            self._tile(k, xr, w, b, y, more, n, Const(whole), narrow)

    def _tile(
        self, k: Kernel, x: View, w: View, b: View | None, y: View, more: list[View], n: Expr, o: Expr, shape: TileShape
    ) -> None:
        wo = k.window("wo", w, o * self.inputs)
        acc = initial(k, b, o, shape)
        accumulate(k, acc, x, [p * self.inputs for p in range(shape.positions)], wo, self.inputs, shape.unroll)
        for p, row in enumerate(acc):
            i = 0
            for cell in row:
                store_row(k, self.op.tail, y, (*_unravel(n + p, y.shape[:-1]), o + i), cell.value, more, axis=-1)
                i += cell.value.type.lanes


def _unravel(row: Expr, shape: Sequence[int]) -> list[Expr]:
    """Indices of the leading axes for a running row number."""
    result: list[Expr] = []
    for a in range(len(shape)):
        inner = prod(shape[a + 1 :])
        result.append(row if a == 0 and inner == 1 else (row // inner) % shape[a] if a else row // inner)
    return result
