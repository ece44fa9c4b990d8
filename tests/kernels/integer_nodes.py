"""Integer convolutions and dense layers with everything that changes a tuned kernel's shape, or its rounding."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, Layout, TensorType
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map, Step
from compiler.ops.requantize import Requantize
from tests.support.op_cases import Case, Draw, Shape, windows

FEATURES = frozenset({"fpu32", "dsp"})
KINDS = ("window", "pointwise", "line", "dense")


def numbers(draw: Draw, dtype: str, shape: Shape, low: int | None = None, high: int | None = None) -> Array:
    """Drawn as a seed: arrays of any size, with the ends of the range among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    info = np.iinfo(dtype)
    low, high = info.min if low is None else low, info.max if high is None else high
    array = rng.integers(low, high, shape, dtype=np.int64, endpoint=True)
    edges = rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 1.0]))
    return np.where(edges, rng.choice([low, high], shape), array).astype(dtype)


@st.composite
def requantization(draw: Draw, x: str, outputs: int, reduction: int) -> tuple[Requantize, Array, Array]:
    """The operator with multipliers and shifts of one channel or all: results mostly spread over the range."""
    to = draw(st.sampled_from([x, "int8"]))
    info = np.iinfo(to)
    low, high = draw(st.sampled_from([(info.min, info.max), (info.min, info.max), (info.min + 3, info.max - 40)]))
    zero = draw(st.sampled_from([0, info.min, info.max, 7]))
    op = Requantize(to, max(zero, info.min), low, high, draw(st.sampled_from(["single", "double"])))
    count = draw(st.sampled_from([1, outputs]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    usual = -int(np.log2(64 * reduction**0.5))
    middle = draw(st.sampled_from([usual, usual, usual, -1, 2, -20, -25, -31]))
    shift = np.clip(middle + rng.integers(-2, 3, count), -31, 8).astype(np.int32)
    multiplier = rng.integers(2**30, 2**31, count).astype(np.int32)
    if draw(st.integers(0, 5)) == 0:
        multiplier[0], shift[0] = 0, 0
    return op, multiplier, shift


@st.composite
def graph_of(draw: Draw, op: Conv | Dense, x: TensorType, w: Shape, first: Shape) -> Case:
    """`first`: the shape of what belongs to a channel."""
    reduction = int(np.prod(w[1:]))
    more, multiplier, shift = draw(requantization(x.dtype, w[0], reduction))
    op = dataclasses.replace(op, tail=Map(3, (Step(more, (0, 1, 2)),)))
    inputs = {"x": numbers(draw, x.dtype, x.shape)}
    constants = {"w": numbers(draw, "int8", w, -127)}
    values: list[Value | None] = [Value("x", x), Value("w", TensorType.of("int8", w)), None]
    if draw(st.integers(0, 3)):
        most = draw(st.sampled_from([2**14 * reduction, 2**14 * reduction, 2**30]))
        constants["b"] = numbers(draw, "int32", (w[0],), -most, most)
        values[2] = Value("b", TensorType.of("int32", (w[0],)))
    for name, array in (("multiplier", multiplier), ("shift", shift)):
        constants[name] = array.reshape(first if array.size == w[0] else ())
        values.append(Value(name, TensorType.of("int32", constants[name].shape)))
    known = [v.type for v in values[1:] if v is not None]
    if values[2] is None:
        known.insert(1, None)  # type: ignore[arg-type]
    y = op.infer(x, *known)
    result = Value("y", TensorType(y.dtype, y.shape, x.layout if isinstance(op, Conv) else y.layout))
    node = Node(op, tuple(values), (result,), "node", ("node",), ("",))
    return Case(Graph("case", (Value("x", x),), (result,), (node,), constants), inputs)


@st.composite
def convolution(draw: Draw, kind: str) -> Case:
    n = 1 if kind == "line" else 2
    g: dict[str, Any] = draw(windows(n))
    if kind == "pointwise":
        size = (draw(st.integers(1, 5)), draw(st.integers(1, 6)))
        stride = draw(st.sampled_from([1, 1, 2]))
        g = {"kernel": (1, 1), "strides": (stride,) * 2, "dilations": (1, 1), "pads": (0,) * 4, "sizes": size}
    else:
        g["sizes"] = tuple(s + draw(st.sampled_from([0, 0, 1, 5])) for s in g["sizes"])
    channels = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 8, 12, 16]))
    outputs = draw(st.sampled_from([1, 2, 3, 4, 6, 9]))
    batch = draw(st.sampled_from([1, 1, 1, 2]))
    dtype = draw(st.sampled_from(["int8", "int8", "uint8"]))
    zero = draw(st.sampled_from([0, int(np.iinfo(dtype).min), 3, 127]))
    op = Conv(g["strides"], g["pads"], g["dilations"], 1, None, zero)
    x = TensorType.of(dtype, (batch, channels, *g["sizes"]), Layout.channels_last(n + 2))
    w = (outputs, channels, *g["kernel"])
    return draw(graph_of(op, x, w, (outputs, *[1] * n)))


@st.composite
def dense(draw: Draw) -> Case:
    lead = draw(st.sampled_from([(1,), (), (2,), (5,), (2, 3), (1,), ()]))
    inputs, outputs = draw(st.integers(1, 40)), draw(st.sampled_from([1, 2, 3, 4, 6, 7, 9, 13]))
    x = TensorType.of(draw(st.sampled_from(["int8", "uint8"])), (*lead, inputs))
    return draw(graph_of(Dense(), x, (outputs, inputs), (outputs,)))


def nodes(kind: str) -> st.SearchStrategy[Case]:
    return dense() if kind == "dense" else convolution(kind)
