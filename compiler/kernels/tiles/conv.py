"""Convolutions by direct register tiles: P neighbouring columns x O output channels.

Rows of the window that stick out are skipped by the bounds of the row loop; columns whose window sticks out are
computed one at a time with shortened runs. Weights are packed [block][row][run][O], so both operands are read in
memory order. 1x1 convolutions without stride see the image as one long row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from compiler.graph.graph import Node
from compiler.graph.types import Array, fill, is_fill
from compiler.kernels.base import Overlap, Schedule, Situation, in_place
from compiler.kernels.tiles.registers import Registers, pieces, register_files
from compiler.kernels.tiles.tail import all_float32, as_floats, operand, simple_tail, usable
from compiler.kernels.tiles.tile import TileShape, accumulate, initial, pack_outputs, unroll_of
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import Const, Expr, maximum, minimum, select
from compiler.ops.conv import Conv


@dataclass(frozen=True)
class Geometry:
    """A two-dimensional convolution with numbers instead of tuples; one-dimensional ones have height 1."""

    batch: int
    channels: int
    height: int
    width: int
    outputs: int
    out_height: int
    out_width: int
    rows: int  # of the window
    columns: int
    stride_y: int
    stride_x: int
    top: int
    left: int
    dilation_y: int
    dilation_x: int
    row_step: int  # elements from an input row to the next
    column_step: int
    channel_step: int

    @staticmethod
    def of(node: Node, grouped: bool = False) -> Geometry | None:
        """None for what this kernel does not do."""
        op, x, w, y = node.op, node.value(0).type, node.value(1).type, node.output.type
        assert isinstance(op, Conv)
        if op.spatial not in (1, 2) or (op.groups != 1) != grouped or not all_float32(node, op.tail):
            return None
        one = op.spatial == 1
        pads = (0, op.pads[0], 0, op.pads[1]) if one else op.pads
        strides, dilations = ((1, *op.strides), (1, *op.dilations)) if one else (op.strides, op.dilations)
        shape = (*x.shape[:2], 1, x.shape[2]) if one else x.shape
        out = (*y.shape[:2], 1, y.shape[2]) if one else y.shape
        kernel = (1, w.shape[2]) if one else w.shape[2:]
        row = x.elements // max(1, x.shape[0])  # of the only row
        steps = (*x.strides[:2], row, x.strides[2]) if one else x.strides
        return Geometry(
            batch=shape[0],
            channels=shape[1],
            height=shape[2],
            width=shape[3],
            outputs=out[1],
            out_height=out[2],
            out_width=out[3],
            rows=kernel[0],
            columns=kernel[1],
            stride_y=strides[0],
            stride_x=strides[1],
            top=pads[0],
            left=pads[1],
            dilation_y=dilations[0],
            dilation_x=dilations[1],
            row_step=steps[2],
            column_step=steps[3],
            channel_step=steps[1],
        )

    @property
    def channels_last(self) -> bool:
        return self.channel_step == 1 or self.channels == 1

    @property
    def pointwise(self) -> bool:
        """A matrix product over all pixels."""
        return (
            self.rows == self.columns == self.stride_x == self.stride_y == 1
            and self.top == self.left == 0
            and self.channels_last
            and (self.out_height, self.out_width) == (self.height, self.width)
        )

    @property
    def merged(self) -> bool:
        """Are the columns of a window and their channels one run of consecutive elements?"""
        if self.channels_last:
            return self.dilation_x == 1 and self.column_step == self.channels
        return self.dilation_x == 1 and self.column_step == 1

    @property
    def run_unit(self) -> int:
        """Elements that one column adds to a run."""
        return self.channels if self.channels_last else 1

    def inner_columns(self) -> tuple[int, int]:
        """The first and the last-plus-one column whose window lies inside the input."""
        first = -(-self.left // self.stride_x)
        span = self.width - 1 + self.left - (self.columns - 1) * self.dilation_x
        last = min(self.out_width, span // self.stride_x + 1) if span >= 0 else 0
        first = min(first, self.out_width)
        return first, max(first, last)


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    if not isinstance(node.op, Conv):
        return []
    w = situation.constant(node, 1)
    geometry = Geometry.of(node)
    if (
        w is None
        or geometry is None
        or not simple_tail(node, fixed=3)
        or (node.output.type.strides[1] != 1 and node.output.shape[1] != 1)
    ):
        return []
    files = usable(register_files(situation.features), w)
    return [_schedule(node, geometry, w, shape) for file in files for shape in _shapes(geometry, situation, file)]


def _shapes(g: Geometry, situation: Situation, file: Registers) -> list[TileShape]:
    run = g.run_unit * (g.columns if g.merged else 1)
    unroll = unroll_of(run, file.unroll(situation.objective))
    width = g.batch * g.height * g.width if g.pointwise else g.inner_columns()[1] - g.inner_columns()[0]
    shapes = []
    for positions in (6, 5, 4, 3, 2, 1):
        for vectors in (8, 6, 5, 4, 3, 2, 1):
            outputs = vectors * file.lanes
            shape = TileShape(positions, outputs, unroll, file)
            if shape.fits() and positions <= max(1, width) and outputs <= g.outputs:
                shapes.append(shape)
    return shapes


def _schedule(node: Node, g: Geometry, w: Array, shape: TileShape) -> Schedule:
    assert isinstance(node.op, Conv)
    order = (0, 2, 3, 1) if g.channels_last else (0, 2, 1, 3)
    cube = w.reshape(g.outputs, g.channels, g.rows, g.columns)
    if is_fill(w):
        packed = fill(w.reshape(-1)[0], str(w.dtype), (w.size,))
    else:
        packed = pack_outputs(np.transpose(cube, order).reshape(g.outputs, -1), shape.outputs)
    overlap = in_place(node, Overlap(exact=True))
    overlap[0] = _overlap(g, shape)
    kernel = _ConvKernel(node.op, g, shape)
    return Schedule(
        f"{'matrix' if g.pointwise else 'direct'} {shape}",
        kernel.lower,
        backward=replace(kernel, down=True).lower,
        packed={1: packed},
        overlap=overlap,
        cost=_cost(g, shape),
        family=shape.registers.family,
    )


def _overlap(g: Geometry, shape: TileShape) -> Overlap:
    """Rows (pixel blocks, when pointwise) are finished one after another, upwards or downwards."""
    if g.batch > 1:
        return Overlap()
    if g.pointwise:
        pixels = g.height * g.width
        starts = np.arange(0, pixels, shape.positions, dtype=np.int64)
        ends = np.minimum(starts + shape.positions, pixels)
        forward = (ends * g.outputs - starts * g.channels).max()
        backward = (ends * g.channels - starts * g.outputs).max()
        return Overlap(forward=int(forward) * 4, backward=int(backward) * 4)
    return row_overlap(g)


def row_overlap(g: Geometry) -> Overlap:
    """For kernels that read the window's rows while they write one output row.

    Upwards: what is written when row r is done must end before the first input row that row r reads. Downwards: row r
    must start behind the last input row that it reads.
    """
    rows = np.arange(g.out_height, dtype=np.int64)
    out_row = g.out_width * g.outputs
    first = np.maximum(0, rows * g.stride_y - g.top) * g.row_step
    last = np.minimum(g.height, rows * g.stride_y - g.top + (g.rows - 1) * g.dilation_y + 1) * g.row_step
    planes = 0 if g.channels_last else (g.channels - 1) * g.channel_step
    forward = ((rows + 1) * out_row - first).max()
    backward = (last + planes - rows * out_row).max()
    return Overlap(forward=int(forward) * 4, backward=int(backward) * 4)


def _cost(g: Geometry, shape: TileShape) -> float:
    """Instructions, with the columns and channels that do not fill a tile."""
    macs = g.rows * g.columns * g.channels
    per_mac = shape.instructions_per_mac()
    single = replace(shape, positions=1).instructions_per_mac()
    if g.pointwise:
        pixels = g.batch * g.height * g.width
        tiled, rest = pixels - pixels % shape.positions, pixels % shape.positions
    else:
        first, last = g.inner_columns()
        tiled = (last - first) // shape.positions * shape.positions * g.out_height * g.batch
        rest = g.out_width * g.out_height * g.batch - tiled
    whole = g.outputs // shape.outputs * shape.outputs
    narrow = g.outputs - whole
    inner = (tiled * per_mac + rest * single) * whole * macs
    if narrow:
        low = replace(shape, outputs=narrow).instructions_per_mac()
        inner += (tiled * low + rest * (2 + (1 + narrow) / narrow)) * narrow * macs
    setup = (tiled / shape.positions + rest) * -(-g.outputs // shape.outputs) * (14 + 8 * g.rows)
    stores = len(pieces(shape.outputs, shape.registers.lanes)) / shape.outputs * g.outputs
    return float(inner + setup + (tiled + rest) * stores * 6)


@dataclass(frozen=True)
class _ConvKernel:
    op: Conv
    g: Geometry
    shape: TileShape
    down: bool = False  # from the last row to the first

    @property
    def window(self) -> int:
        """Elements of one output's weights."""
        return self.g.rows * self.g.columns * self.g.channels

    def lower(self, k: Kernel, x: View, w: View, b: View | None, *rest: View) -> None:
        *more, y = rest
        w = as_floats(w)
        if self.g.pointwise:
            self._pointwise(k, x, w, b, more, y)
        else:
            self._direct(k, x, w, b, more, y)

    def _pointwise(self, k: Kernel, x: View, w: View, b: View | None, more: list[View], y: View) -> None:
        g, step = self.g, self.shape.positions
        pixels = g.batch * g.height * g.width

        def block(m: Expr, positions: int) -> None:
            xm = k.window("xm", x, m * g.channels)

            def body(o: Expr, outputs: int) -> None:
                shape = replace(self.shape, positions=positions, outputs=outputs)
                k.comment(f"{positions} pixels x {outputs} channels")
                wo = k.window("wo", w, o * self.window)
                acc = initial(k, b, o, shape)
                offsets = [p * g.channels for p in range(positions)]
                accumulate(k, acc, xm, offsets, wo, g.channels, shape.unroll)
                for p, row in enumerate(acc):
                    self._store(k, y, more, (m + p) * g.outputs + o, o, row)

            self._blocks(k, body)

        def tiles() -> None:
            with k.loop(pixels - pixels % step, "m", step=step, down=self.down) as m:
                block(m, step)

        def rest() -> None:
            with k.loop(pixels, "m", start=pixels - pixels % step, down=self.down) as m:
                block(m, 1)

        for part in (rest, tiles) if self.down else (tiles, rest):
            if part is tiles or pixels % step:
                part()

    def _blocks(self, k: Kernel, body: Callable[[Expr, int], None]) -> None:
        """`body(o, outputs)` for every block of output channels."""
        block = self.shape.outputs
        whole = self.g.outputs - self.g.outputs % block
        with k.loop(whole, "o", step=block) as o:
            body(o, block)
        if whole < self.g.outputs:
            body(Const(whole), self.g.outputs - whole)

    def _store(self, k: Kernel, y: View, more: list[View], at: Expr, o: Expr, cells: list[Cell]) -> None:
        """Store neighbouring channels from element `at` on; the tail's operands lie like y, or are broadcast."""
        tail, i = self.op.tail, 0
        for cell in cells:
            value, lanes = cell.value, cell.value.type.lanes
            if tail is not None:
                value = tail.scalar(k, value, *(operand(v, y, at + i, o + i, lanes) for v in more))
            k.store_at(y, at + i, value)
            i += lanes

    def _direct(self, k: Kernel, x: View, w: View, b: View | None, more: list[View], y: View) -> None:
        g = self.g
        first, last = g.inner_columns()
        step = self.shape.positions
        tiled = first + (last - first) // step * step
        left_over = first + g.out_width - tiled
        with k.loop(g.batch, "n") as n, k.loop(g.out_height, "oy", down=self.down) as oy:
            image = k.window("image", x, n * (g.channels * g.height * g.width))
            low = high = None
            top: Expr = oy * g.stride_y - g.top
            if g.top or (g.out_height - 1) * g.stride_y - g.top + (g.rows - 1) * g.dilation_y >= g.height:
                low = k.let("row_low", _steps_up(maximum(0 - top, 0), g.dilation_y))
                high = k.let("row_high", minimum(_steps_up(g.height - top, g.dilation_y), g.rows))
            bounds = (low, high)
            line = (n * g.out_height + oy) * g.out_width
            if tiled > first:
                with k.loop(tiled, "ox", start=first, step=step) as ox:
                    self._inner(k, image, w, b, more, y, top, ox, bounds, line)
            if left_over:
                with k.loop(left_over, "j") as j:
                    ox = (
                        j + tiled - first
                        if first == 0
                        else j
                        if tiled == g.out_width
                        else (k.let("ox", select(j < first, j, j + (tiled - first))))
                    )
                    self._border(k, image, w, b, more, y, top, ox, bounds, line)

    def _inner(
        self, k: Kernel, x: View, w: View, b: View | None, more: list[View], y: View,
        top: Expr, ox: Expr, bounds: tuple[Expr | None, Expr | None], line: Expr,
    ) -> None:  # fmt: skip
        """Columns whose windows lie inside the input."""
        g = self.g
        left = (ox * g.stride_x - g.left) * g.column_step
        offsets = [p * g.stride_x * g.column_step for p in range(self.shape.positions)]

        def body(o: Expr, outputs: int) -> None:
            shape = replace(self.shape, outputs=outputs)
            k.comment(f"{shape.positions} columns x {outputs} channels")
            acc = initial(k, b, o, shape)
            self._window(k, acc, x, w, o, top, bounds, left, offsets, Const(0), g.columns, outputs)
            for p, row in enumerate(acc):
                self._store(k, y, more, (line + ox + p) * g.outputs + o, o, row)

        self._blocks(k, body)

    def _border(
        self, k: Kernel, x: View, w: View, b: View | None, more: list[View], y: View,
        top: Expr, ox: Expr, bounds: tuple[Expr | None, Expr | None], line: Expr,
    ) -> None:  # fmt: skip
        """One column, whose window may stick out on either side."""
        g = self.g
        at = k.let("left", ox * g.stride_x - g.left)
        low = k.let("col_low", _steps_up(maximum(0 - at, 0), g.dilation_x))
        high = k.let("col_high", minimum(_steps_up(g.width - at, g.dilation_x), g.columns))

        def body(o: Expr, outputs: int) -> None:
            k.comment(f"a column at the border, {outputs} channels")
            acc = initial(k, b, o, replace(self.shape, positions=1, outputs=outputs))
            self._window(k, acc, x, w, o, top, bounds, at * g.column_step, [0], low, high, outputs)
            self._store(k, y, more, (line + ox) * g.outputs + o, o, acc[0])

        self._blocks(k, body)

    def _window(
        self, k: Kernel, acc: list[list[Cell]], x: View, w: View, o: Expr, top: Expr,
        bounds: tuple[Expr | None, Expr | None], left: Expr, offsets: list[int], low: Expr, high: Expr | int,
        outputs: int,
    ) -> None:  # fmt: skip
        """The reduction over rows, and over columns low..high, of the window."""
        g = self.g
        row_low, row_high = bounds
        static = isinstance(high, int)
        unit = g.run_unit
        with k.loop(g.rows if row_high is None else row_high, "ky", start=row_low if row_low is not None else 0) as ky:
            row = (top + ky * g.dilation_y) * g.row_step + left
            weights = o * self.window + ky * (g.columns * g.channels * outputs)
            planes = 1 if g.channels_last else g.channels
            with k.loop(planes, "c") as c:
                xr = row + c * g.channel_step if planes > 1 else row
                wr = weights + c * (g.columns * outputs) if planes > 1 else weights
                if g.merged:
                    run = g.columns * unit if static else k.let("run", (high - low) * unit)
                    unroll = self.shape.unroll if static else gcd(unit, 4)
                    xs = k.window("xs", x, xr + low * unit)
                    ws = k.window("ws", w, wr + low * (unit * outputs))
                    accumulate(k, acc, xs, offsets, ws, run, unroll)
                else:
                    with k.loop(high, "kx", start=low) as kx:
                        xs = k.window("xs", x, xr + kx * (g.dilation_x * g.column_step))
                        ws = k.window("ws", w, wr + kx * (unit * outputs))
                        accumulate(k, acc, xs, offsets, ws, unit, unroll_of(unit, self.shape.unroll))


def _steps_up(distance: Expr, dilation: int) -> Expr:
    """How many steps of `dilation` cover a distance, rounded up."""
    return distance if dilation == 1 else (distance + (dilation - 1)) // dilation
