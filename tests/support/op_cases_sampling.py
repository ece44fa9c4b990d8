"""Cases of operators that sample, contract or count: resizing, Einsum, reductions of every type, trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
from hypothesis import strategies as st

from compiler.graph.types import FLOATS
from compiler.ops.base import Op
from compiler.ops.crop_resize import CropResize
from compiler.ops.det import Det
from compiler.ops.einsum import Contract
from compiler.ops.grid_sample import GridSample
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.mel import MelWeightMatrix
from compiler.ops.reduce import Kind, Reduce
from compiler.ops.resize import Resample
from compiler.ops.roi_align import RoiAlign
from compiler.ops.sampling import Mode
from compiler.ops.tfidf import TfIdf
from compiler.ops.trees import Binarizer, TreeEnsemble
from compiler.ops.unpool import Col2Im
from tests.support import op_cases
from tests.support.op_cases import Case, Draw, Shape, shapes, windows
from tests.support.typed_cases import COMPUTED, MOVED, Given, typed_case, values, whole

floats = st.sampled_from(["float32", "float32", "float64", "float16"])
sampled = st.sampled_from(["float32", "float32", "float64", "float16", "uint8", "int64"])
modes = st.sampled_from(get_args(Mode))


@st.composite
def resample(draw: Draw) -> Case:
    x = draw(shapes(1, 4, zero=False, most=60))
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(x) - 1), min_size=1, max_size=2))))
    weighted, dtype = draw(st.booleans()), draw(st.sampled_from(COMPUTED))
    tables = []
    for a in axes:
        shape = (draw(st.integers(0, 5)), draw(st.integers(1, 5)) if weighted else 1)
        tables.append(draw(whole(shape, 0, x[a] - 1, "int32")))
        if weighted:
            tables.append(draw(values(shape, "float64" if dtype == "float64" else "float32")))
    small = draw(values(x, dtype)) if dtype in FLOATS else draw(whole(x, 0, 9, dtype))
    return draw(typed_case(Resample(axes, weighted), [Given(small), *(Given(t, constant=True) for t in tables)]))


@st.composite
def between(draw: Draw, shape: Shape, low: float, high: float) -> np.ndarray:
    """Coordinates that lie off the places where a rounding error would choose another element."""
    steps = draw(whole(shape, int(low * 16), int(high * 16), "int64"))
    return (steps / 16 + 1 / 37).astype(np.float32)


@st.composite
def pixels(draw: Draw, shape: Shape) -> np.ndarray:
    """Elements that no weights carry out of their type's range."""
    dtype = draw(sampled)
    return draw(values(shape, dtype)) if dtype in FLOATS else draw(whole(shape, 9, 30, dtype))


@st.composite
def crop_resize(draw: Draw) -> Case:
    x = draw(shapes(1, 4, zero=False, most=60))
    n = draw(st.integers(1, min(2, len(x))))
    op = CropResize(
        tuple(draw(st.integers(1, 4)) for _ in range(n)),
        draw(modes),
        draw(st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])),
        draw(st.sampled_from([-0.75, -0.5])),
        draw(st.booleans()),
        draw(st.sampled_from([0.0, 10.0])),
    )
    region = np.concatenate([draw(between((n,), 0.0, 0.4)), draw(between((n,), 0.5, 1.2))])
    return draw(typed_case(op, [Given(draw(pixels(x))), Given(region)]))


@st.composite
def grid_sample(draw: Draw) -> Case:
    n = draw(st.sampled_from([1, 2, 2, 3]))
    x = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *(draw(st.integers(1, 4)) for _ in range(n)))
    grid = (x[0], *(draw(st.integers(0 if draw(st.integers(0, 9)) == 9 else 1, 3)) for _ in range(n)), n)
    op = GridSample(draw(modes), draw(st.sampled_from(["zeros", "edge", "reflect"])), draw(st.booleans()))
    return draw(typed_case(op, [Given(draw(pixels(x))), Given(draw(between(grid, -1.5, 1.5)))]))


@st.composite
def roi_align(draw: Draw) -> Case:
    x = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    rois = draw(st.integers(0, 3))
    sizes = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    scale = draw(st.sampled_from([1.0, 0.5]))
    op = RoiAlign(sizes, draw(st.integers(0, 2)), scale, draw(st.booleans()), draw(st.booleans()))
    box = draw(between((rois, 2), -1.0, 4.0))
    boxes = np.concatenate([box, box + np.abs(draw(between((rois, 2), 0.0, 4.0)))], axis=1)
    batch = draw(whole((rois,), 0, x[0] - 1, "int64"))
    return draw(typed_case(op, [Given(draw(pixels(x))), Given(boxes), Given(batch)]))


@st.composite
def contract(draw: Draw) -> Case:
    sizes = [draw(st.integers(0 if draw(st.integers(0, 9)) == 9 else 1, 3)) for _ in range(4)]
    labels = st.lists(st.integers(0, 3), max_size=3).map(tuple)
    operands = tuple(draw(labels) for _ in range(draw(st.integers(1, 3))))
    used = sorted({c for o in operands for c in o})
    kept = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
    dtype = draw(st.sampled_from(COMPUTED))
    arrays = []
    for o in operands:
        shape = tuple(1 if draw(st.integers(0, 5)) == 5 else sizes[c] for c in o)
        arrays.append(draw(values(shape, dtype)) if dtype in FLOATS else draw(whole(shape, 0, 3, dtype)))
    return draw(typed_case(Contract(operands, tuple(kept)), [Given(a) for a in arrays]))


@st.composite
def det(draw: Draw) -> Case:
    n, lead = draw(st.integers(0, 4)), draw(shapes(0, 2, most=6))
    matrix = draw(whole((*lead, n, n), -3, 3, "int64")) / 4 + np.eye(n)  # no cancellation below a quarter
    return draw(typed_case(Det(), [Given(matrix.astype(draw(st.sampled_from(["float32", "float64"]))))]))


@st.composite
def col2im(draw: Draw) -> Case:
    n = draw(st.sampled_from([1, 2, 3]))
    g = draw(windows(n))
    op = Col2Im(g["sizes"], g["kernel"], g["strides"], g["pads"], g["dilations"])
    x = (draw(st.integers(0, 2)), draw(st.integers(1, 2)) * int(np.prod(op.block)), int(np.prod(op.blocks)))
    return draw(typed_case(op, [Given(draw(values(x, draw(st.sampled_from(COMPUTED)))))]))


@st.composite
def tfidf(draw: Draw) -> Case:
    ones, pairs = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    width, dtype = draw(st.integers(1, 6)), draw(st.sampled_from(["int32", "int64"]))
    grams = tuple(g for g in ((1, 0, 0, ones), (2, ones, ones, pairs)) if g[3])
    x = draw(whole(draw(shapes(0, 2, most=14)), 0, 2, dtype))
    pool = draw(whole((ones + 2 * pairs,), 0, 2, dtype))
    places = draw(whole((ones + pairs,), 0, width - 1, "int32"))
    op = TfIdf(grams, draw(st.integers(0, 2)), width, draw(st.sampled_from(["TF", "IDF", "TFIDF"])))
    tables = [Given(t, constant=True) for t in (pool, places, draw(values((width,), "float32")))]
    return draw(typed_case(op, [Given(x), *tables], plain=True))


@st.composite
def mel(draw: Draw) -> Case:
    op = MelWeightMatrix(draw(st.integers(0, 5)), draw(st.integers(0, 20)), draw(floats))
    rate = np.asarray(draw(st.sampled_from([8000, 16000])), np.int64)
    low, high = draw(between((), 10.0, 60.0)), draw(between((), 1000.0, 4000.0))
    return draw(typed_case(op, [Given(rate), Given(low), Given(high)]))


@st.composite
def trees(draw: Draw) -> Case:
    """Random trees: the nodes of each go on to later nodes or to leaves."""
    nodes, leaves, width, targets = (draw(st.integers(1, n)) for n in (6, 4, 3, 2))
    later = [draw(st.integers(-leaves, nodes - i - 2)) for i in range(2 * nodes) for i in [i % nodes]]
    steps = [p + i + 1 if p >= 0 else p for i, p in zip([*range(nodes)] * 2, later, strict=True)]
    tests = draw(whole((nodes,), 0, 6, "int32"))
    begins = draw(whole((nodes,), 0, 2, "int32"))
    roots = np.zeros(draw(st.integers(1, 3)), np.int32)
    dtype = draw(st.sampled_from(["float32", "float64"]))
    tables = [
        draw(whole((nodes,), 0, width - 1, "int32")), tests, draw(whole((nodes,), 0, 3, "int64")).astype(dtype),
        draw(whole((nodes,), 0, 1, "int8")), np.asarray(steps[:nodes], np.int32), np.asarray(steps[nodes:], np.int32),
        begins, begins + (tests == 6) * draw(whole((nodes,), 0, 2, "int32")), roots,
        draw(whole((leaves,), 0, targets - 1, "int32")), draw(values((leaves,), dtype)),
        draw(whole((4,), 0, 3, "int64")).astype(dtype),
    ]  # fmt: skip
    op = TreeEnsemble(targets, nodes, draw(st.sampled_from(["average", "sum", "min", "max"])), tuple(range(7)))
    rows = draw(whole((draw(st.integers(0, 4)), width), 0, 3, "int64")).astype(dtype)
    rows = np.where(rows == 2, np.asarray(np.nan, dtype), rows)
    return draw(typed_case(op, [Given(rows), *(Given(t, constant=True) for t in tables)]))


@st.composite
def reduce(draw: Draw) -> Case:
    kind, x = draw(st.sampled_from(get_args(Kind))), draw(shapes(0, 4))
    dtype = draw(st.sampled_from(("bool", *COMPUTED) if kind in ("max", "min") else COMPUTED))
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(x) - 1))))) if x else ()
    if dtype == "bool":
        given = draw(values(x, dtype))
    elif dtype in FLOATS:
        given = draw(values(x, dtype))
        given = np.abs(given) + np.asarray(0.1, dtype) if kind == "log_sum" else given
        given = given / np.asarray(4, dtype) if kind in ("prod", "sum_square", "l2") else given
    else:
        given = draw(whole(x, 1 if kind == "log_sum" else 0, 3, dtype))
    return draw(typed_case(Reduce(kind, axes), [Given(given)]))


@st.composite
def pad(draw: Draw) -> Case:
    """As in `op_cases`, of any type, with a value that is known at run time."""
    drawn = draw(op_cases.pad())
    op, (x,) = drawn.node.op, drawn.inputs.values()
    assert isinstance(op, Pad)
    dtype = draw(st.sampled_from(MOVED))
    given = [Given(draw(values(x.shape, dtype)), constant=False)]
    if op.mode == "constant" and draw(st.booleans()):
        return draw(typed_case(Pad(op.pads, op.mode, None), [*given, Given(draw(values((), dtype)))]))
    return draw(typed_case(Pad(op.pads, op.mode, float(draw(st.integers(0, 1)))), given))


@st.composite
def retyped(draw: Draw, strategy: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """A case of `op_cases` with operands of one other type."""
    drawn = draw(strategy())
    dtype = draw(st.sampled_from(MOVED))
    return draw(typed_case(drawn.node.op, [Given(draw(values(v.shape, dtype))) for v in drawn.node.present]))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    Resample: resample,
    CropResize: crop_resize,
    GridSample: grid_sample,
    RoiAlign: roi_align,
    Contract: contract,
    Det: det,
    Col2Im: col2im,
    TfIdf: tfidf,
    MelWeightMatrix: mel,
    TreeEnsemble: trees,
    Reduce: reduce,
    Pad: pad,
    Concat: lambda: retyped(op_cases.concat),
    Slice: lambda: retyped(op_cases.slice_case),
    Binarizer: lambda: st.sampled_from([0.0, 0.5, -1.0]).flatmap(
        lambda t: op_cases.make_case(Binarizer(t), [(2, 3)], special=True)
    ),
}
