"""Nodes for tuned kernels: convolutions and dense layers with everything that changes a kernel's shape."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, Layout, TensorType, fill
from compiler.ops.base import Op
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from tests.support.op_cases import Case, Draw, Shape, arrays, maps, windows

FEATURES = frozenset({"fpu32", "dsp"})


@st.composite
def graph_of(
    draw: Draw, op: Op, x: Shape, known: list[Shape | None], y: Shape, layout: Layout, out: Layout, residual: bool
) -> Case:
    """Weights are constants, the tail's operands may be either; `layout` is the input's, `out` the result's. With
    `residual` the tail has an operand of the result's shape."""
    values: list[Value | None] = [Value("x", TensorType.of("float32", x, layout))]
    inputs: dict[str, Array] = {"x": draw(arrays(x))}
    constants: dict[str, Array] = {}
    for name, shape in zip(("w", "b"), known, strict=True):
        if shape is None:
            values.append(None)
            continue
        array = draw(arrays(shape))
        if draw(st.integers(0, 9)) == 9:
            array = fill(array.reshape(-1)[0], "float32", shape)
        constants[name] = array
        values.append(Value(name, TensorType.of("float32", shape)))
    if residual or draw(st.integers(0, 3)):
        more = draw(st.integers(1 if residual else 0, 2))
        op = dataclasses.replace(op, tail=draw(maps(1 + more, 3)))  # type: ignore[call-arg]
        for i in range(more):
            kind = draw(st.sampled_from(["whole", "whole", "whole", "one", "channel", "constant", "fill"]))
            kind = "whole" if residual and i == 0 else kind
            name, shape, order = f"r{i}", y, out
            if kind == "one":
                shape, order = (1,) * len(y), Layout.row_major(len(y))
            elif kind == "channel":
                shape = (y[1], *[1] * (len(y) - 2)) if isinstance(op, Conv) else y[-1:]
                order = Layout.row_major(len(shape))
            elif kind in ("constant", "fill"):
                order = Layout.row_major(len(y))
            values.append(Value(name, TensorType.of("float32", shape, order)))
            array = draw(arrays(shape))
            if kind == "fill":
                array = fill(array.reshape(-1)[0], "float32", shape)
            (constants if kind in ("constant", "fill", "channel") else inputs)[name] = array
    result = Value("y", TensorType.of("float32", y, out))
    node = Node(op, tuple(values), (result,), "node", ("node",), ("",))
    given = tuple(v for v in values if v is not None and v.name in inputs)
    return Case(Graph("case", given, (result,), (node,), constants), inputs)


@st.composite
def convolution(draw: Draw, kind: str, residual: bool) -> Case:
    """`kind`: direct, pointwise, planar, depthwise, or line (one-dimensional)."""
    n = 1 if kind == "line" else 2
    g: dict[str, Any] = draw(windows(n))
    if kind == "pointwise":
        size = (draw(st.integers(1, 5)), draw(st.integers(1, 6)))
        g = {"kernel": (1, 1), "strides": (1, 1), "dilations": (1, 1), "pads": (0,) * 4, "sizes": size}
    else:
        g["sizes"] = tuple(s + draw(st.sampled_from([0, 0, 1, 5])) for s in g["sizes"])
    channels = draw(st.integers(1, 6))
    outputs, groups = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9])), 1
    batch = draw(st.sampled_from([1, 1, 1, 2]))
    if kind == "depthwise":
        channels = draw(st.integers(2, 11))
        outputs = groups = channels
    op = Conv(g["strides"], g["pads"], g["dilations"], groups)
    x, w = (batch, channels, *g["sizes"]), (outputs, channels // groups, *g["kernel"])
    y = op.infer(TensorType.of("float32", x), TensorType.of("float32", w)).shape
    known = [w, (outputs,) if draw(st.booleans()) else None]
    layout = Layout.row_major(n + 2) if kind == "planar" else Layout.channels_last(n + 2)
    return draw(graph_of(op, x, known, y, layout, Layout.channels_last(n + 2), residual))


@st.composite
def dense(draw: Draw, residual: bool) -> Case:
    lead = draw(st.sampled_from([(1,), (), (2,), (5,), (2, 3), (7,)]))
    inputs, outputs = draw(st.integers(1, 19)), draw(st.sampled_from([1, 2, 3, 4, 7, 8, 9, 12, 17]))
    known = [(outputs, inputs), (outputs,) if draw(st.booleans()) else None]
    row_major = Layout.row_major(len(lead) + 1)
    return draw(graph_of(Dense(), (*lead, inputs), known, (*lead, outputs), row_major, row_major, residual))


KINDS = ("direct", "pointwise", "planar", "line", "depthwise", "dense")


def nodes(kind: str, residual: bool = False) -> st.SearchStrategy[Case]:
    return dense(residual) if kind == "dense" else convolution(kind, residual)
