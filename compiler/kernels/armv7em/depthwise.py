"""Depthwise convolutions of 8-bit integers: four channels at a time, two taps in one instruction.

Input rows are copied into a ring of padded rows, in which the four channels of a group lie side by side for column
after column: [row][group][column][4]. Then a window's taps are words at fixed distances whatever the image's size, all
layers with the same window share one function, and the output may be written over the input: a row is in the ring
before anything is written on it. Taps outside the image are the zero point, so the bias takes zero * (sum of weights)
once.

Two taps' words make four pairs of 16 bits (pkhbt, pkhtb, and sxtb16 of both), one for each channel: 1.75 instructions
per multiply-add with the loads. CMSIS-NN's depthwise kernel for 3x3 windows takes 3.5 before requantisation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from compiler.graph.graph import Node
from compiler.graph.types import Array, fill
from compiler.kernels.armv7em.depthwise_rescale import rescaled, sums
from compiler.kernels.armv7em.depthwise_row import Way, copying, filling, row_function, unroll_of
from compiler.kernels.armv7em.finish import channel_table, requantize_of
from compiler.kernels.armv7em.instructions import FEATURE
from compiler.kernels.base import Overlap, Schedule, Situation
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import I32, Call, Const, Expr, If, select
from compiler.ops.conv import Conv
from compiler.ops.requantize import Requantize

_LANES = 4
_MOST_TAPS = 49  # all written out
_SUFFIX = {1: "", 2: ", any factor", 3: ", a shift per channel"}  # by the numbers of each channel


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    op = node.op
    if FEATURE not in situation.features or not isinstance(op, Conv) or op.groups == 1 or op.spatial > 2:
        return []
    g = _Image.of(node)
    requantize = requantize_of(op.tail)
    w, b, m, s = (situation.constant(node, i) for i in (1, 2, 3, 4))
    if g is None or requantize is None or w is None or m is None or s is None or (node.inputs[2] and b is None):
        return []
    taps = w.reshape(g.channels, -1).astype(np.int64)
    bias = np.zeros(g.channels, np.int64) if b is None else np.asarray(b, np.int64)
    info = np.iinfo(node.value(0).type.dtype)
    ends = sums(taps, bias, int(info.min) - op.zero, int(info.max) - op.zero)
    if max(int(np.abs(e).max(initial=0)) for e in ends) >= 1 << 31:
        return []
    packed, way = _packed(node, situation, taps, bias, ends, requantize)
    return [_schedule(node, _Depthwise(g, op.zero, way), packed)]


def _packed(
    node: Node, situation: Situation, w: Array, bias: Array, ends: tuple[Array, Array], op: Requantize
) -> tuple[Array, Way]:
    """The weights as the kernel reads them, and the fastest way that is exact for them."""
    assert isinstance(node.op, Conv)
    constants = (situation.constant(node, i) for i in (3, 4))
    m, s = (np.broadcast_to(np.asarray(a, np.int64).reshape(-1), (len(w),)) for a in constants)
    fast = rescaled(w, bias, m, s, ends, op)
    if fast is not None:
        start = fast.bias - node.op.zero * fast.w.sum(axis=1)
        return pack(fast.w, start, [fast.multiplier]), Way(op, fast.shift)
    found = channel_table(node, situation)
    if found is not None:
        finish, table = found
        start, *columns = table.astype(np.int64).T
        return pack(w, start, columns), Way(op, finish=finish)
    return pack(w, bias - node.op.zero * w.sum(axis=1), [m, s]), Way(op)


def pack(w: Array, bias: Array, columns: list[Array]) -> Array:
    """For each group of channels: bias, the weights of the taps two by two, and what requantisation needs."""
    groups = -(-len(w) // _LANES)

    def grouped(a: Array) -> Array:
        wide = np.zeros((groups * _LANES, *a.shape[1:]), np.int64)
        wide[: len(a)] = a
        return wide.reshape(groups, _LANES, *a.shape[1:])

    taps = grouped(w)
    parts = [grouped(bias)]
    parts += [_halves(taps[:, :, i], taps[:, :, i + 1]) for i in range(0, w.shape[1] - 1, 2)]
    if w.shape[1] % 2:
        last = taps[:, :, -1]
        parts.append(_halves(last[:, :2], last[:, 2:]))  # channels 0 and 2, 1 and 3
    words = np.concatenate([*parts, *map(grouped, columns)], axis=1).reshape(-1)
    return (words & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def _halves(low: Array, high: Array) -> Array:
    """Words of two numbers of 16 bits."""
    return (low & 0xFFFF) | (high << 16)


@dataclass(frozen=True)
class _Image:
    """The geometry in numbers; one-dimensional images have height 1."""

    channels: int
    height: int
    width: int
    out_height: int
    out_width: int
    rows: int  # of the window
    columns: int
    stride_y: int
    stride_x: int
    dilation_y: int
    dilation_x: int
    top: int
    left: int

    @staticmethod
    def of(node: Node) -> _Image | None:
        """None for what this kernel does not do."""
        op, x, w, y = node.op, node.value(0).type, node.value(1).type, node.output.type
        assert isinstance(op, Conv)
        depthwise = op.groups == x.shape[1] == y.shape[1] and x.shape[0] == 1
        types = x.dtype in ("int8", "uint8") and w.dtype == "int8"
        if not depthwise or not types or _strides(x.shape) != x.strides or _strides(y.shape) != y.strides:
            return None
        one = op.spatial == 1
        g = _Image(
            x.shape[1],
            1 if one else x.shape[2],
            x.shape[-1],
            1 if one else y.shape[2],
            y.shape[-1],
            1 if one else w.shape[2],
            w.shape[-1],
            1 if one else op.strides[0],
            op.strides[-1],
            1 if one else op.dilations[0],
            op.dilations[-1],
            0 if one else op.pads[0],
            op.pads[0] if one else op.pads[1],
        )
        return g if g.rows * g.columns <= _MOST_TAPS and g.top < g.reach and y.elements else None

    @property
    def groups(self) -> int:
        return -(-self.channels // _LANES)

    @property
    def reach(self) -> int:
        """Input rows that one output row reads."""
        return (self.rows - 1) * self.dilation_y + 1

    @property
    def padded(self) -> int:
        """Columns of a row of the ring."""
        read = (self.out_width - 1) * self.stride_x + (self.columns - 1) * self.dilation_x + 1
        return max(read, self.left + self.used)

    @property
    def used(self) -> int:
        """Columns of the input that are read; what is beyond the last window is not."""
        read = (self.out_width - 1) * self.stride_x + (self.columns - 1) * self.dilation_x + 1
        return max(0, min(self.width, read - self.left))

    @property
    def ring_row(self) -> int:
        """Words of a row of the ring."""
        return self.groups * self.padded


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Channels last, in elements."""
    inner = shape[1]
    result = [0] * len(shape)
    result[1] = 1
    for axis in range(len(shape) - 1, 1, -1):
        result[axis] = inner
        inner *= shape[axis]
    result[0] = inner
    return tuple(result)


def _schedule(node: Node, kernel: _Depthwise, packed: Array) -> Schedule:
    g, way = kernel.g, kernel.way
    nothing = fill(0, "int32", (1,))
    macs = g.out_height * g.out_width * g.groups * _LANES * g.rows * g.columns
    outputs = g.out_height * g.out_width * g.groups * _LANES
    return Schedule(
        f"ring {g.rows}x{g.columns}{_SUFFIX[way.columns]}",
        kernel.lower,
        backward=replace(kernel, down=True).lower,
        packed={1: packed, **{i: nothing for i in (2, 3, 4) if node.inputs[i] is not None}},
        scratch=((I32, g.reach * g.ring_row),),
        overlap={0: _overlap(g)},
        cost=2.3 * macs + (25 if way.columns == 2 else 5 + way.columns) * outputs,
        family="armv7em",
    )


def _overlap(g: _Image) -> Overlap:
    """Upwards: what is written with row r must end before the first input row that is not in the ring yet. Downwards:
    row r must start behind the last one."""
    rows = np.arange(g.out_height, dtype=np.int64)
    row, out_row = g.width * g.channels, g.out_width * g.channels
    next_up = rows * g.stride_y - g.top + g.reach
    next_down = rows * g.stride_y - g.top
    ahead, behind = next_up < g.height, next_down > 0
    forward = ((rows + 1) * out_row - np.maximum(next_up, 0) * row)[ahead]
    backward = (np.minimum(next_down, g.height) * row - rows * out_row)[behind]
    none = -(g.height * row + g.out_height * out_row)  # all rows are in the ring before the first one is written
    return Overlap(bool((forward <= 0).all()), int(forward.max(initial=none)), int(backward.max(initial=none)))


@dataclass(frozen=True)
class _Depthwise:
    g: _Image
    zero: int
    way: Way
    down: bool = False  # from the last row to the first

    def lower(self, k: Kernel, x: View, w: View, *rest: View | None) -> None:
        y, ring = rest[-2:]
        assert y is not None and y.buffer is not None and ring is not None and ring.buffer is not None
        assert x.buffer is not None and w.buffer is not None
        g, way = self.g, self.way
        zeros = Const(int(np.array([self.zero & 0xFF] * _LANES, np.uint8).view(np.int32)[0]))
        k.emit(Call(filling(), ((ring.buffer, Const(0)),), (Const(g.reach * g.ring_row), zeros)))
        row = row_function(g.rows, g.columns, g.dilation_x, way, g.channels % _LANES != 0, x.buffer.type, y.buffer.type)
        numbers = [g.groups, g.out_width, g.padded, g.stride_x, g.channels]
        if way.shift:
            numbers.append((1 << (way.shift - 1)) + (way.op.zero << way.shift))  # added to upper words
        with k.loop(g.out_height, "oy", down=self.down) as oy:
            self._fetch(k, x, ring, oy, zeros)
            places = [self._place(oy * g.stride_y + ky * g.dilation_y) for ky in range(g.rows)]
            ring_rows = [(ring.buffer, place * g.ring_row) for place in places]
            line = oy * (g.out_width * g.channels)
            k.emit(Call(row, (*ring_rows, (w.buffer, Const(0)), (y.buffer, line)), tuple(map(Const, numbers))))

    def _place(self, row: Expr) -> Expr:
        """The ring's row for a row of the padded image."""
        return row % self.g.reach if self.g.reach > 1 else Const(0)

    def _fetch(self, k: Kernel, x: View, ring: View, oy: Expr, zeros: Expr) -> None:
        """The rows of the padded image that output row `oy` needs and the one before did not."""
        g = self.g
        start = oy * g.stride_y
        stop = start + g.reach
        again = max(0, g.reach - g.stride_y)  # rows that stay in the ring
        if self.down:
            stop = k.let("stop", select(oy.eq(g.out_height - 1), stop, stop - again))
        else:
            start = k.let("start", select(oy.eq(0), start, start + again))
        assert x.buffer is not None and ring.buffer is not None
        copy = copying(x.buffer.type, g.channels % _LANES, unroll_of(g.channels // _LANES))
        with k.loop(stop, "row", start=start) as row:
            inside = (row >= g.top) & (row < g.top + g.height)
            to = k.let("to", self._place(row) * g.ring_row + g.left)
            source = (x.buffer, (row - g.top) * (g.width * g.channels))
            numbers = (g.used, g.channels // _LANES, g.padded)
            loaded = Call(copy, (source, (ring.buffer, to)), tuple(map(Const, numbers)))
            # the row's margins are the zero point already, so that all of it may be filled
            cleared = Call(filling(), ((ring.buffer, to - g.left),), (Const(g.ring_row), zeros))
            k.emit(If(inside, (loaded,), (cleared,)))
