"""Convolutions of 8-bit integers, of any window: patches of four positions at a time, multiplied by all channels.

Where windows stick out, the rows that one output row needs are first copied to a band, with the zero point of the input
around them: it stands for 0, so that one gather serves all positions and the zero point is part of the bias everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from compiler.graph.graph import Node
from compiler.graph.types import Array, fill
from compiler.kernels.armv7em.finish import Finish, channel_table
from compiler.kernels.armv7em.gemm import POSITIONS, Operands, Tile, multiply, pack_weights, unroll_of
from compiler.kernels.armv7em.instructions import FEATURE, load_word, store_word
from compiler.kernels.armv7em.patches import Patch
from compiler.kernels.base import Overlap, Schedule, Situation
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import I32, Const, Expr
from compiler.loop.storage import compute_type
from compiler.ops.conv import Conv

FAMILY = "armv7em"


@dataclass(frozen=True)
class Shape:
    """A two-dimensional convolution over channels-last images; one-dimensional ones have height 1."""

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
    bottom: int  # rows and columns of padding that windows really reach
    right: int
    dilation_y: int
    dilation_x: int

    @staticmethod
    def of(node: Node) -> Shape | None:
        """None for what this kernel does not do."""
        op, x, w, y = node.op, node.value(0).type, node.value(1).type, node.output.type
        if not isinstance(op, Conv) or op.spatial not in (1, 2) or op.groups != 1 or not x.elements:
            return None
        for t in (x, y):
            if not lies(t.shape, t.strides, _channels_last(t.shape)):
                return None
        one = op.spatial == 1
        strides, dilations = ((1, *op.strides), (1, *op.dilations)) if one else (op.strides, op.dilations)
        top, left = (0, op.pads[0]) if one else op.pads[:2]
        size, out, window = ((1, *s) if one else s for s in (x.shape[2:], y.shape[2:], w.shape[2:]))
        ends = [
            (out[a] - 1) * strides[a] + (window[a] - 1) * dilations[a] + 1 - begin - size[a]
            for a, begin in enumerate((top, left))
        ]
        return Shape(
            batch=x.shape[0],
            channels=x.shape[1],
            height=size[0],
            width=size[1],
            outputs=y.shape[1],
            out_height=out[0],
            out_width=out[1],
            rows=window[0],
            columns=window[1],
            stride_y=strides[0],
            stride_x=strides[1],
            top=top,
            left=left,
            bottom=max(0, ends[0]),
            right=max(0, ends[1]),
            dilation_y=dilations[0],
            dilation_x=dilations[1],
        )

    @property
    def padded(self) -> bool:
        return max(self.top, self.left, self.bottom, self.right) > 0

    @property
    def pointwise(self) -> bool:
        """A matrix product over all pixels, which are one long row."""
        same = (self.out_height, self.out_width) == (self.height, self.width)
        return self.rows == self.columns == self.stride_x == self.stride_y == 1 and same and not self.padded

    def as_line(self) -> Shape:
        """A pointwise convolution as one row of pixels."""
        pixels = self.batch * self.height * self.width
        return replace(self, batch=1, height=1, width=pixels, out_height=1, out_width=pixels)

    @property
    def row(self) -> int:
        """Bytes of an input row."""
        return self.width * self.channels

    @property
    def line(self) -> int:
        """Bytes of a row of the band."""
        return (self.left + self.width + self.right) * self.channels

    @property
    def out_row(self) -> int:
        return self.out_width * self.outputs

    def patch(self) -> Patch:
        line = self.line if self.padded else self.dilation_y * self.row
        return Patch.of(self.rows, self.columns, self.channels, self.dilation_x, line, self.stride_x * self.channels)

    def overlap(self) -> Overlap:
        """A block of positions, or where there is a band a row, is read before anything of it is written."""
        if self.batch > 1:
            return Overlap()
        if self.out_height == 1 and self.rows == 1 and not self.padded:
            starts = np.arange(0, self.out_width, POSITIONS, dtype=np.int64)
            first = starts * self.stride_x * self.channels
            last = np.minimum(self.row, first + self._reach())
            writes, ends = starts * self.outputs, np.minimum(starts + POSITIONS, self.out_width) * self.outputs
        else:
            rows = np.arange(self.out_height, dtype=np.int64)
            first = np.maximum(0, rows * self.stride_y - self.top) * self.row
            reach = (self.rows - 1) * self.dilation_y + 1
            last = np.minimum(self.height, rows * self.stride_y - self.top + reach) * self.row
            writes, ends = rows * self.out_row, (rows + 1) * self.out_row
        if not self.padded and self.out_height > 1:  # blocks of one row read it again
            return Overlap(forward=int((ends - first).max()), backward=int((last - writes).max()))
        away = self.batch * self.height * self.row + self.out_height * self.out_row
        forward = (ends[:-1] - first[1:]).max(initial=-away)
        backward = (last[:-1] - writes[1:]).max(initial=-away)
        return Overlap(forward=int(forward), backward=int(backward))

    def _reach(self) -> int:
        """Bytes that a block of positions reads."""
        span = (POSITIONS - 1) * self.stride_x + (self.columns - 1) * self.dilation_x + 1
        return span * self.channels


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    _, channels, *sizes = shape
    strides = [channels] * len(sizes)
    for axis in range(len(sizes) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * sizes[axis + 1]
    return (int(np.prod(sizes)) * channels, 1, *strides)


def lies(shape: tuple[int, ...], strides: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Axes of length one may have any stride."""
    return all(a == b for n, a, b in zip(shape, strides, wanted, strict=True) if n != 1)


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    if FEATURE not in situation.features or not isinstance(node.op, Conv):
        return []
    shape, w = Shape.of(node), situation.constant(node, 1)
    found = channel_table(node, situation) if shape is not None else None
    if shape is None or found is None or w is None:
        return []
    finish, table = found
    rows = np.transpose(w.reshape(shape.outputs, shape.channels, shape.rows, shape.columns), (0, 2, 3, 1))
    return [schedule(node, shape, rows.reshape(shape.outputs, -1), finish, table, situation.objective)]


def schedule(node: Node, shape: Shape, w: Array, finish: Finish, table: Array, objective: str) -> Schedule:
    """`w`: (outputs, window rows x columns x channels)."""
    shape = shape.as_line() if shape.pointwise else shape
    patch = shape.patch()
    pairs = patch.pairs()
    unroll = unroll_of(len(pairs), objective)
    positions = min(POSITIONS, shape.out_width)
    zero = node.op.zero if isinstance(node.op, Conv) else 0
    kernel = _ConvKernel(shape, patch, Tile(positions, unroll, finish, compute_type(node.output.type.dtype)), zero)
    scratch = [(I32, len(pairs) * positions)]
    if shape.padded:
        kind = compute_type(node.value(0).type.dtype)
        scratch.append((kind, -(-shape.rows * shape.line // 4) * 4))
    nothing = {i: fill(0, "int32", v.shape) for i in (2, 4) if (v := node.inputs[i]) is not None}
    return Schedule(
        f"{'matrix' if shape.pointwise else 'patches'} {positions}x2 by {unroll}",
        kernel.lower,
        backward=replace(kernel, down=True).lower,
        packed={**nothing, 1: pack_weights(w, pairs), 3: table.reshape(-1)},
        scratch=tuple(scratch),
        overlap={0: shape.overlap()},
        cost=_cost(shape, patch, len(pairs), unroll),
        family=FAMILY,
    )


def _cost(s: Shape, patch: Patch, pairs: int, unroll: int) -> float:
    positions = s.batch * s.out_height * s.out_width
    whole = s.out_width - s.out_width % POSITIONS
    per_pair = (whole * 15 / 8 + (s.out_width - whole) * 3) / s.out_width + 1 / unroll
    band = s.batch * s.out_height * s.rows * s.line * 0.7 if s.padded else 0.0
    return positions * (s.outputs / 2 * (pairs * per_pair + 12) + patch.cost()) + band


@dataclass(frozen=True)
class _ConvKernel:
    shape: Shape
    patch: Patch
    tile: Tile
    zero: int
    down: bool = False

    def lower(
        self, k: Kernel, x: View, w: View, b: View | None, table: View, shift: View, y: View, *more: View
    ) -> None:
        s, patch = self.shape, more[0]
        with (
            k.loop(s.batch, "n", down=self.down) as n,
            k.loop(s.out_height, "oy", down=self.down) as oy,
        ):
            image = k.window("image", x.flat(), n * (s.height * s.row))
            if s.padded:
                line = more[1]
                self._band(k, image, line, oy)
            else:
                line = k.window("line", image, oy * (s.stride_y * s.row))
            out = k.window("to", y.flat(), (n * s.out_height + oy) * s.out_row)
            self._line(k, line, Operands(patch, w, table, out))

    def _line(self, k: Kernel, line: View, v: Operands) -> None:
        s, step = self.shape, self.tile.positions
        whole = s.out_width - s.out_width % step
        parts = [(0, whole, step), (whole, s.out_width, s.out_width - whole)]
        for first, last, count in reversed(parts) if self.down else parts:
            if not count:
                continue
            tile = replace(self.tile, positions=count)
            with k.loop(last, "ox", start=first, step=count, down=self.down) as ox:
                self.patch.gather(k, line, ox * self.patch.apart, count, v.x)
                multiply(k, tile, v, ox * s.outputs, len(self.patch.pairs()), s.outputs, s.outputs)

    def _band(self, k: Kernel, image: View, band: View, oy: Expr) -> None:
        """The rows of the window, with as many columns of zero points around them as windows reach."""
        s = self.shape
        with k.loop(s.rows, "r") as r:
            row = k.let("row", oy * s.stride_y + r * s.dilation_y - s.top)
            line = k.window("into", band, r * s.line)
            inside = (row >= 0) & (row < s.height) if s.top or s.bottom else None
            source = k.window("from", image, row * s.row)
            left, right = s.left * s.channels, s.right * s.channels
            self._fill(k, line, 0, left)
            if inside is None:
                _copy(k, source, line, left, s.row)
            else:
                with k.when(inside):
                    _copy(k, source, line, left, s.row)
                with k.when((row < 0) | (row >= s.height)):
                    self._fill(k, line, left, s.row)
            self._fill(k, line, left + s.row, right)

    def _fill(self, k: Kernel, line: View, first: int, count: int) -> None:
        word = Const(int(np.array([self.zero] * 4).astype(np.uint8).view("<i4")[0]), I32)
        with k.loop(count - count % 4, "i", step=4) as i:
            store_word(k, line, i + first, word)
        for rest in range(count - count % 4, count):
            k.store_at(line, first + rest, Const(self.zero, line.type))


def _copy(k: Kernel, source: View, line: View, first: int, count: int) -> None:
    unroll = next(u for u in (16, 8, 4) if count % u == 0 or u == 4)
    with k.loop(count - count % 4, "i", step=unroll) as i:
        for u in range(0, unroll, 4):
            store_word(k, line, i + (first + u), load_word(source, i + u))
    for rest in range(count - count % 4, count):
        k.store_at(line, first + rest, source.at(rest))
