"""Operators of TensorFlow Lite that move elements about: shapes, slices, padding, gathering, resizing."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.importers.channels import Value, first_axis, to_first
from compiler.importers.tflite_math import element_type
from compiler.importers.tflite_node import Call, converts

_MOST = 1 << 20  # elements of an index that is written out


def _axis(c: Call, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ModelError("E0160", f"{c.op.kind} along an axis that is not there")
    return axis % rank


def _reshaped(c: Call, value: Value, shape: tuple[int, ...]) -> Value:
    return c.made(c.add("Reshape", value.source, c.const(shape)))


@converts("RESHAPE")
def reshape(c: Call) -> Value:
    wanted = c.known(1)
    if wanted is not None and wanted.ndim <= 1:
        shape = tuple(int(n) for n in np.atleast_1d(wanted))
    elif c.has(1):
        shape = c.out_shape
    else:
        found = c.op.options["new_shape"]
        assert isinstance(found, tuple)
        shape = found
    x = c.value()
    if len(shape) == x.rank == 2 and shape == x.shape:
        return c.made(c.add("Identity", x.source))
    if x.only_planar and all(n == 1 for n in x.shape[1:-1]):  # the same elements in either order
        return c.made(c.add("Reshape", x.planar, c.const(shape)))
    if 0 in shape:  # a zero is a length here, not "as before"
        return c.made(c.add("Reshape", x.source, c.const(shape), allowzero=1))
    return c.made(c.add("Reshape", x.source, c.const(shape)))


@converts("SQUEEZE", "EXPAND_DIMS")
def squeeze(c: Call) -> Value:
    x = c.value()
    if c.op.kind == "EXPAND_DIMS":
        return c.made(c.add("Unsqueeze", x.source, c.const([_axis(c, a, x.rank + 1) for a in c.ints(1)])))
    axes = c.op.options["squeeze_dims"]
    assert isinstance(axes, tuple)
    dropped = {_axis(c, a, x.rank) for a in axes} or {a for a, n in enumerate(x.shape) if n == 1}
    kept = [first_axis(a, x.rank) for a in range(x.rank) if a not in dropped]
    if x.only_planar and kept == sorted(kept):
        return c.made(c.add("Squeeze", x.planar, c.const(sorted(first_axis(a, x.rank) for a in dropped))))
    return c.made(c.add("Squeeze", x.source, c.const(sorted(dropped))))


@converts("TRANSPOSE")
def transpose(c: Call) -> Value:
    axes = [_axis(c, a, c.value().rank) for a in c.ints(1)]
    return c.made(c.add("Transpose", c.x(), perm=axes))


@converts("SHAPE")
def shape(c: Call) -> Value:
    return Value.constant(c.builder, np.asarray(c.shape(), np.dtype(c.out_tensor().dtype)))


@converts("RANK")
def rank(c: Call) -> Value:
    return Value.constant(c.builder, np.asarray(c.value().rank, np.int32))


@converts("CONCATENATION")
def concatenation(c: Call) -> Value:
    values = c.values()
    rank = values[0].rank
    axis = _axis(c, c.option("axis"), rank)
    if any(v.only_planar for v in values) and rank >= 3 and all(v.rank == rank for v in values):
        names = [v.planar for v in values]
        return c.made_planar(c.activated(c.add("Concat", *names, axis=first_axis(axis, rank))))
    return c.made(c.activated(c.add("Concat", *(v.source for v in values), axis=axis)))


@converts("SPLIT", "SPLIT_V")
def split(c: Call) -> list[Value]:
    if c.op.kind == "SPLIT":
        x, (axis,), count = c.value(1), c.ints(0), c.option("num_splits")
        _axis(c, axis, x.rank)
        if count < 1 or x.shape[axis] % count:
            raise ModelError("E0160", f"SPLIT of {x.shape[axis]} into {count} parts")
        sizes = [x.shape[axis] // count] * count
    else:
        x, sizes, (axis,) = c.value(0), c.ints(1), c.ints(2)
        _axis(c, axis, x.rank)
        if sizes.count(-1) == 1:
            rest = x.shape[axis] - sum(n for n in sizes if n >= 0)
            sizes = [rest if n == -1 else n for n in sizes]
    if len(sizes) != len(c.op.outputs):
        raise ModelError("E0160", f"{c.op.kind} into {len(sizes)} parts has {len(c.op.outputs)} outputs")
    if x.only_planar:
        axis = first_axis(axis, x.rank)
        names = c.builder.add_many("Split", (x.planar, c.const(sizes)), len(sizes), axis=axis)
        return [c.made_planar(name, i) for i, name in enumerate(names)]
    names = c.builder.add_many("Split", (x.source, c.const(sizes)), len(sizes), axis=axis)
    return [c.made(name, i) for i, name in enumerate(names)]


@converts("PACK")
def pack(c: Call) -> Value:
    axis = c.const([_axis(c, c.option("axis"), c.value().rank + 1)])
    parts = [c.add("Unsqueeze", v.source, axis) for v in c.values()]
    return c.made(c.add("Concat", *parts, axis=c.option("axis")))


@converts("UNPACK")
def unpack(c: Call) -> list[Value]:
    x = c.value()
    axis = _axis(c, c.option("axis"), x.rank)
    count = x.shape[axis]
    if count != len(c.op.outputs):
        raise ModelError("E0160", f"UNPACK of {count} parts has {len(c.op.outputs)} outputs")
    names = c.builder.add_many("Split", (x.source, c.const([1] * count)), count, axis=axis)
    return [c.made(c.add("Squeeze", name, c.const([axis])), i) for i, name in enumerate(names)]


@converts("SLICE")
def slice_(c: Call) -> Value:
    """Operands: x, begin, size; a size of -1 reaches to the end. A window that moves at run time keeps its size."""
    x, sizes = c.value(), c.ints(2)
    if c.known(1) is None:
        begins = c.add("Cast", c.x(1), to=element_type("int64"))
        if any(n < 0 for n in sizes):
            raise c.unsupported("SLICE to the end from a place known at run time has no fixed size")
        indices = [
            c.add("Add", c.const(np.arange(n)), c.add("Gather", begins, c.const(i))) for i, n in enumerate(sizes)
        ]
        name = x.source
        for axis, index in enumerate(indices):
            name = c.add("Gather", name, index, axis=axis)
        return c.made(name)
    begin = c.ints(1)
    if not len(begin) == len(sizes) == x.rank:
        raise ModelError("E0160", "SLICE with bounds for other dimensions than the tensor's")
    ends = [n if size == -1 else b + size for b, size, n in zip(begin, sizes, x.shape, strict=True)]
    return _cut(c, x, begin, ends, [1] * x.rank)


def _cut(c: Call, x: Value, begin: list[int], ends: list[int], steps: list[int]) -> Value:
    """A slice; only the axes that lose something are mentioned. An end below -length: beyond the first element."""
    axes = [a for a, n in enumerate(x.shape) if (begin[a], ends[a], steps[a]) != (0, n, 1)]
    if not axes:
        return x
    stops = [max(e, -1) for e in ends]
    shape = tuple(len(range(b, e, s)) for b, e, s in zip(begin, stops, steps, strict=True))
    rows = [c.const([row[a] for a in axes]) for row in (begin, ends)]
    by = c.const([steps[a] for a in axes])
    if x.only_planar:
        moved = c.const([first_axis(a, x.rank) for a in axes])
        return Value(c.builder, shape, x.dtype, first=c.add("Slice", x.planar, *rows, moved, by))
    return Value(c.builder, shape, x.dtype, last=c.add("Slice", x.source, *rows, c.const(axes), by))


@converts("STRIDED_SLICE")
def strided_slice(c: Call) -> Value:
    """Python's indexing: masks say where a bound is left out, a new axis comes, or one element is taken."""
    begin, ends, steps, dropped, new = index_expression(c)
    result = _cut(c, c.value(), begin, ends, steps)
    if dropped:
        result = c.made(c.add("Squeeze", result.source, c.const(dropped)))
    if new:
        result = c.made(c.add("Unsqueeze", result.source, c.const(new)))
    return result


def index_expression(c: Call) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """(begin, end, step) of each axis of the operand, the axes that are dropped then, and new axes of the result."""
    begins, ends, steps, shape = c.ints(1), c.ints(2), c.ints(3), c.shape()
    count = len(begins)
    if not count == len(ends) == len(steps) or count > 16 or 0 in steps:
        raise ModelError("E0160", "STRIDED_SLICE with bounds that do not fit each other")
    masks = {name: c.option(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}

    def bit(mask: str, i: int) -> bool:
        return bool(masks[mask] >> i & 1)

    named = sum(1 for i in range(count) if not bit("ellipsis", i) and not bit("new_axis", i))
    spread = len(shape) - named
    if spread < 0:
        raise ModelError("E0160", "STRIDED_SLICE names more dimensions than there are")
    out: tuple[list[int], ...] = ([], [], [])
    dropped: list[int] = []
    new: list[int] = []
    place = 0  # among the result's axes

    def whole(axes: int) -> None:
        nonlocal place
        for _ in range(axes):
            for row, value in zip(out, (0, shape[len(out[0])], 1), strict=True):
                row.append(value)
            place += 1

    for i in range(count):
        axis = len(out[0])
        if bit("ellipsis", i):
            whole(spread)
            spread = 0
        elif bit("new_axis", i):
            new.append(place)
            place += 1
        elif bit("shrink_axis", i):
            start = begins[i] + (shape[axis] if begins[i] < 0 else 0)
            for row, value in zip(out, (start, start + 1, 1), strict=True):
                row.append(value)
            dropped.append(axis)
        else:
            end = begins[i] + ends[i] if c.option("offset") else ends[i]
            rows = slice(None if bit("begin", i) else begins[i], None if bit("end", i) else end, steps[i]).indices(
                shape[axis]
            )
            stop = rows[1] if rows[1] >= 0 else -shape[axis] - 1  # backwards to before the first
            for row, value in zip(out, (rows[0], stop, rows[2]), strict=True):
                row.append(value)
            place += 1
    whole(len(shape) - len(out[0]))
    return *out, dropped, new  # type: ignore[return-value]


@converts("PAD", "PADV2")
def pad(c: Call) -> Value:
    x, pads = c.value(), _pads(c)
    fill = _fill(c)
    if x.only_planar or (x.rank == 4 and not pads[[0, 3]].any()):  # a convolution behind it takes it in
        return c.made_planar(c.add("Pad", x.planar, c.const(pads[to_first(x.rank)].T.reshape(-1)), fill))
    return c.made(c.add("Pad", x.source, c.const(pads.T.reshape(-1)), fill))


def _fill(c: Call) -> str:
    """What is padded with: a scalar."""
    known = c.known(2)
    if known is not None:
        return c.const(known.reshape(()), known.dtype)
    return c.add("Squeeze", c.x(2)) if c.has(2) and c.shape(2) else c.optional(2)


def _pads(c: Call) -> Any:
    """(before, after) of each axis."""
    pads = c.need(1)
    if pads.shape != (c.value().rank, 2) or pads.min(initial=0) < 0:
        raise ModelError("E0160", f"{c.op.kind} with widths that do not fit the tensor")
    return pads.astype(np.int64)


@converts("MIRROR_PAD")
def mirror_pad(c: Call) -> Value:
    """Reflected without the border (mode 0), or with it (mode 1), which ONNX lacks: a Gather per axis."""
    x, pads, mode = c.value(), _pads(c), c.option("mode")
    if any(n - (mode == 0) < p for n, p in zip(x.shape, pads.max(axis=1), strict=True)):
        raise ModelError("E0160", "MIRROR_PAD by more than there is to mirror")
    if mode == 0:
        if x.only_planar:
            widths = c.const(pads[to_first(x.rank)].T.reshape(-1))
            return c.made_planar(c.add("Pad", x.planar, widths, mode="reflect"))
        return c.made(c.add("Pad", x.source, c.const(pads.T.reshape(-1)), mode="reflect"))
    name = x.source
    for axis, ((before, after), size) in enumerate(zip(pads, x.shape, strict=True)):
        if before or after:
            row = np.arange(size)
            index = np.concatenate([row[:before][::-1], row, row[size - after :][::-1]])
            name = c.add("Gather", name, c.const(index), axis=axis)
    return c.made(name)


@converts("TILE", "BROADCAST_TO")
def tile(c: Call) -> Value:
    counts = c.const(c.ints(1))
    return c.made(c.add("Tile" if c.op.kind == "TILE" else "Expand", c.x(), counts))


@converts("FILL")
def fill(c: Call) -> Value:
    return c.made(c.add("Expand", c.x(1), c.const(c.ints(0))))


@converts("RANGE")
def range_(c: Call) -> Value:
    start, limit, step = (c.need(i).reshape(()).item() for i in range(3))
    if step == 0 or not all(np.isfinite(n) for n in (start, limit, step)) or abs((limit - start) / step) > _MOST:
        raise ModelError("E0160", "RANGE without end")
    return Value.constant(c.builder, np.arange(start, limit, step, dtype=np.dtype(c.out_tensor().dtype)))


@converts("GATHER", "EMBEDDING_LOOKUP")
def gather(c: Call) -> Value:
    if c.op.kind == "EMBEDDING_LOOKUP":
        return c.made(c.add("Gather", c.x(1), c.x(0), axis=0))
    x, batch = c.value(), c.option("batch_dims")
    axis = _axis(c, c.option("axis"), x.rank)
    if batch == 0:
        return c.made(c.add("Gather", x.source, c.x(1), axis=axis))
    if batch != axis:
        raise c.unsupported(f"GATHER along axis {axis} with {batch} batch dimensions is not supported")
    rows = c.add("Unsqueeze", c.x(1), c.const([-1]))
    return c.made(c.add("GatherND", x.source, _as_int64(c, rows), batch_dims=batch))


def _as_int64(c: Call, name: str) -> str:
    return c.add("Cast", name, to=element_type("int64"))


@converts("GATHER_ND")
def gather_nd(c: Call) -> Value:
    return c.made(c.add("GatherND", c.x(), _as_int64(c, c.x(1))))


@converts("SCATTER_ND")
def scatter_nd(c: Call) -> Value:
    """Operands: indices, updates, shape. Updates of the same place add up."""
    sizes = c.ints(2)
    if any(n < 0 for n in sizes) or prod(sizes) > _MOST:
        raise ModelError("E0164", f"SCATTER_ND into {prod(sizes)} elements is too large")
    zeros = c.const(np.zeros(sizes), np.dtype(c.value(1).dtype))
    return c.made(c.add("ScatterND", zeros, _as_int64(c, c.x(0)), c.x(1), reduction="add"))


@converts("ONE_HOT")
def one_hot(c: Call) -> Value:
    """Operands: indices, depth, on value, off value."""
    values = c.add("Concat", *(c.add("Reshape", c.x(i), c.const([1])) for i in (3, 2)), axis=0)
    # ONNX counts negative indices from the end; here they are off, like those that are too large.
    depth = c.ints(1)[0]
    indices = _as_int64(c, c.x())
    inside = c.add("Where", c.add("Less", indices, c.const(0)), c.const(depth), indices)
    return c.made(c.add("OneHot", inside, c.const([depth]), values, axis=c.option("axis")))


@converts("REVERSE_V2")
def reverse(c: Call) -> Value:
    axes, count = c.ints(1), len(c.ints(1))
    ends = c.const([np.iinfo(np.int64).min + 1] * count)
    return c.made(c.add("Slice", c.x(), c.const([-1] * count), ends, c.const(axes), c.const([-1] * count)))


@converts("REVERSE_SEQUENCE")
def reverse_sequence(c: Call) -> Value:
    time, batch = c.option("seq_dim"), c.option("batch_dim")
    lengths = _as_int64(c, c.x(1))
    rank = c.value().rank
    if {time, batch} == {0, 1}:
        return c.made(c.add("ReverseSequence", c.x(), lengths, time_axis=time, batch_axis=batch))
    if time == batch or not (0 <= time < rank and 0 <= batch < rank):
        raise ModelError("E0160", "REVERSE_SEQUENCE along an axis that is not there")
    order = [batch, time, *(a for a in range(rank) if a not in (batch, time))]
    moved = c.add("ReverseSequence", c.add("Transpose", c.x(), perm=order), lengths, time_axis=1, batch_axis=0)
    return c.made(c.add("Transpose", moved, perm=[order.index(a) for a in range(rank)]))


@converts("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
def resize(c: Call) -> Value:
    """Where output pixel i lies in the image: i * n/m, with corners aligned i * (n-1)/(m-1), or half a pixel on."""
    x, size = c.value(), c.ints(1)
    if x.rank != 4 or len(size) != 2:
        raise ModelError("E0160", f"{c.op.kind} of a tensor with {x.rank} dimensions")
    corners, half = c.option("align_corners"), c.option("half_pixel_centers")
    where = "align_corners" if corners else "half_pixel" if half else "asymmetric"
    sizes = c.const([x.shape[0], x.shape[3], *size])
    options: dict[str, Any] = {"coordinate_transformation_mode": where}
    if c.op.kind == "RESIZE_BILINEAR":
        options["mode"] = "linear"
    else:
        # With half pixels, TensorFlow takes the pixel that the centre falls into.
        options |= {"mode": "nearest", "nearest_mode": "round_prefer_ceil" if corners else "floor"}
        if half and not corners:
            options["coordinate_transformation_mode"] = "half_pixel"
            options["nearest_mode"] = "round_prefer_ceil"
    return c.made_planar(c.add("Resize", x.planar, "", "", sizes, **options))


@converts("SPACE_TO_DEPTH", "DEPTH_TO_SPACE")
def space_to_depth(c: Call) -> Value:
    x, size = c.value(), c.option("block_size")
    if x.rank != 4 or size < 1:
        raise ModelError("E0160", f"{c.op.kind} of a tensor with {x.rank} dimensions in blocks of {size}")
    if c.op.kind == "SPACE_TO_DEPTH":
        return c.made_planar(c.add("SpaceToDepth", x.planar, blocksize=size))
    return c.made_planar(c.add("DepthToSpace", x.planar, blocksize=size, mode="DCR"))


@converts("SPACE_TO_BATCH_ND")
def space_to_batch(c: Call) -> Value:
    """Blocks of the padded image go into the batch: what a dilated convolution is made of."""
    x, blocks, widths = c.value(), c.ints(1), c.need(2)
    inner = len(blocks)
    if min(blocks, default=1) < 1 or widths.shape != (inner, 2) or widths.min(initial=0) < 0 or x.rank < inner + 1:
        raise ModelError("E0160", "SPACE_TO_BATCH_ND with blocks that do not fit the tensor")
    pads = np.zeros((x.rank, 2), np.int64)
    pads[1 : inner + 1] = widths
    name = c.add("Pad", x.source, c.const(pads.T.reshape(-1))) if pads.any() else x.source
    padded = [n + int(p.sum()) for n, p in zip(x.shape, pads, strict=True)]
    rest = padded[inner + 1 :]
    cut = [part for n, b in zip(padded[1 : inner + 1], blocks, strict=True) for part in (n // b, b)]
    name = c.add("Reshape", name, c.const([padded[0], *cut, *rest]))
    order = [*range(2, 2 * inner + 1, 2), 0, *range(1, 2 * inner, 2), *range(2 * inner + 1, 2 * inner + 1 + len(rest))]
    name = c.add("Transpose", name, perm=order)
    sizes = [padded[0] * prod(blocks), *(n // b for n, b in zip(padded[1 : inner + 1], blocks, strict=True)), *rest]
    return c.made(c.add("Reshape", name, c.const(sizes)))


@converts("BATCH_TO_SPACE_ND")
def batch_to_space(c: Call) -> Value:
    x, blocks, crops = c.value(), c.ints(1), c.need(2)
    inner, count = len(blocks), prod(blocks)
    if min(blocks, default=1) < 1 or crops.shape != (inner, 2) or x.rank < inner + 1 or x.shape[0] % count:
        raise ModelError("E0160", "BATCH_TO_SPACE_ND with blocks that do not fit the tensor")
    batch, rest = x.shape[0] // count, list(x.shape[inner + 1 :])
    name = c.add("Reshape", x.source, c.const([*blocks, batch, *x.shape[1:]]))
    pairs = [axis for i in range(inner) for axis in (inner + 1 + i, i)]
    order = [inner, *pairs, *range(2 * inner + 1, 2 * inner + 1 + len(rest))]
    name = c.add("Transpose", name, perm=order)
    sizes = [batch, *(n * b for n, b in zip(x.shape[1 : inner + 1], blocks, strict=True)), *rest]
    whole = Value(c.builder, tuple(sizes), x.dtype, last=c.add("Reshape", name, c.const(sizes)))
    begin = [0, *(int(a) for a, _ in crops), *[0] * len(rest)]
    ends = [n - cut for n, cut in zip(sizes, [0, *(int(b) for _, b in crops), *[0] * len(rest)], strict=True)]
    return _cut(c, whole, begin, ends, [1] * x.rank)


@converts("DYNAMIC_UPDATE_SLICE")
def dynamic_update_slice(c: Call) -> Value:
    """Operands: x, update, start. The update is written over x from there on, inside its borders."""
    x, update = c.value(), c.value(1)
    starts = c.ints(2)
    if not len(starts) == x.rank == update.rank:
        raise ModelError("E0160", "DYNAMIC_UPDATE_SLICE with a start for other dimensions than the tensor's")
    begin = [min(max(s, 0), n - u) for s, n, u in zip(starts, x.shape, update.shape, strict=True)]
    if any(b < 0 for b in begin) or update.rank * prod(update.shape) > _MOST:
        raise ModelError("E0160", "DYNAMIC_UPDATE_SLICE with an update that is larger than its tensor")
    grids = np.meshgrid(*(np.arange(b, b + u) for b, u in zip(begin, update.shape, strict=True)), indexing="ij")
    return c.made(c.add("ScatterND", x.source, c.const(np.stack(grids, axis=-1)), update.source))
