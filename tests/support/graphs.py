"""Graphs for tests: a builder, and random networks of the usual layers."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import Array, TensorType
from compiler.ops.activations import Clip, Relu, Sigmoid, Tanh
from compiler.ops.arithmetic import Add, Mul, Sub
from compiler.ops.base import Op
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.normalize import BatchNorm
from compiler.ops.pool import AveragePool, MaxPool
from compiler.ops.reduce import Reduce
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.softmax import Softmax
from compiler.ops.transpose import Transpose
from tests.support.op_cases import Draw


class Build:
    """A graph under construction; every node is named after its operator and its place."""

    def __init__(self, seed: int = 0) -> None:
        self.chance = np.random.default_rng(seed)
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}

    def input(self, *shape: int) -> Value:
        self.inputs.append(Value(f"x{len(self.inputs)}", TensorType.of("float32", shape)))
        return self.inputs[-1]

    def const(self, array: Array) -> Value:
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return Value(name, TensorType.of(str(array.dtype), array.shape))

    def random(self, *shape: int) -> Value:
        return self.const(np.asarray(self.chance.normal(0, 0.5, shape), np.float32))

    def positive(self, *shape: int) -> Value:
        return self.const(self.chance.uniform(0.5, 2.0, shape).astype(np.float32))

    def add(self, op: Op, *inputs: Value | None) -> Value:
        inferred = op.infer(*(None if v is None else v.type for v in inputs))
        assert isinstance(inferred, TensorType)
        n = len(self.nodes)
        y = Value(f"t{n}", inferred)
        self.nodes.append(Node(op, inputs, (y,), f"{type(op).__name__.lower()}{n}", (f"n{n}",), (y.name,)))
        return y

    def conv(self, x: Value, outputs: int = 3, size: int = 3, bias: bool = True, **attributes: object) -> Value:
        groups = int(attributes.get("groups", 1))  # type: ignore[call-overload]
        w = self.random(outputs, x.shape[1] // groups, size, size)
        return self.add(Conv(**attributes), x, w, self.random(outputs) if bias else None)  # type: ignore[arg-type]

    def dense(self, x: Value, outputs: int = 4) -> Value:
        return self.add(Dense(), x, self.random(outputs, x.shape[-1]), self.random(outputs))

    def batch_norm(self, x: Value) -> Value:
        c = x.shape[1]
        return self.add(BatchNorm(), x, self.random(c), self.random(c), self.random(c), self.positive(c))

    def graph(self, *outputs: Value) -> Graph:
        return Graph("test", tuple(self.inputs), outputs, tuple(self.nodes), self.constants)


def random_inputs(graph: Graph, seed: int = 1) -> dict[str, Array]:
    chance = np.random.default_rng(seed)
    return {v.name: chance.normal(0, 1, v.shape).astype(np.float32) for v in graph.inputs}


def outputs_of(graph: Graph, inputs: Mapping[str, Array]) -> list[Array]:
    values = run(graph, inputs)
    return [values[v.name] for v in graph.outputs]


def expect_same(a: Graph, b: Graph, rtol: float = 1e-5) -> None:
    """Both compute the same, up to rounding of folded weights."""
    inputs = random_inputs(a)
    for x, y in zip(outputs_of(a, inputs), outputs_of(b, inputs), strict=True):
        assert x.shape == y.shape
        np.testing.assert_allclose(y, x, rtol=rtol, atol=rtol * max(1.0, float(np.abs(x).max(initial=0))))


@st.composite
def networks(draw: Draw, most: int = 9) -> Graph:
    """Small graphs of convolutions, pools, normalisations, sums, reshapes, dense layers; any shape of DAG."""
    b = Build(draw(st.integers(0, 2**16)))
    values = [b.input(1, draw(st.integers(1, 4)), draw(st.integers(2, 6)), draw(st.integers(2, 6)))]
    if draw(st.integers(0, 3)) == 0:
        values.append(b.input(*values[0].shape))
    for _ in range(draw(st.integers(1, most))):
        x = values[-1] if draw(st.integers(0, 2)) else draw(st.sampled_from(values))
        y = draw(_layer(b, x, values))
        if y.type.elements <= 1000:
            values.append(y)
    made = [v for v in values if v not in b.inputs]
    if not made:
        made = [b.add(Relu(), values[0])]
    ends = [v for v in made if not any(v in n.inputs for n in b.nodes)]
    extra = [v for v in made if v not in ends and draw(st.integers(0, 7)) == 7]
    return b.graph(*dict.fromkeys([*ends, *extra])).without_dead_code()


@st.composite
def _layer(draw: Draw, b: Build, x: Value, values: list[Value]) -> Value:
    rank = x.type.rank
    common = ["relu", "clip", "tanh", "constant", "reshape", "transpose", "identity", "slice", "add", "concat", "mean"]
    image = ["conv", "conv", "conv", "depthwise", "bn", "bn", "pool", "pool", "pad", "flatten", "scale"]
    match draw(st.sampled_from(common + image * (rank == 4) + ["dense", "dense", "softmax"] * (rank >= 1))):
        case "conv":
            pad, stride = draw(st.integers(0, 2)), draw(st.integers(1, 2))
            size = draw(st.integers(1, min(3, x.shape[2] + 2 * pad, x.shape[3] + 2 * pad)))
            outputs = draw(st.integers(1, 6))
            return b.conv(x, outputs, size, draw(st.booleans()), strides=(stride, stride), pads=(pad,) * 4)
        case "depthwise":
            return b.conv(x, x.shape[1], min(3, *x.shape[2:]), pads=(1, 1, 1, 1), groups=x.shape[1])
        case "bn":
            return b.batch_norm(x)
        case "pool":
            size = (min(2, x.shape[2]), min(2, x.shape[3]))
            cls = draw(st.sampled_from([MaxPool, AveragePool]))
            return b.add(cls(size, draw(st.sampled_from([(1, 1), (2, 2)])), ceil=draw(st.booleans())), x)
        case "pad":
            sides = [draw(st.integers(0, 1)) for _ in range(4)]
            return b.add(Pad((0, 0, *sides[:2], 0, 0, *sides[2:]), value=draw(st.sampled_from([0.0, 0.0, 1.0]))), x)
        case "flatten":
            return b.add(Reshape((x.shape[0], prod(x.shape[1:]))), x)
        case "scale":
            return b.add(draw(st.sampled_from([Mul, Add, Sub]))(), x, b.random(x.shape[1], 1, 1))
        case "dense":
            return b.dense(x, draw(st.integers(1, 5)))
        case "softmax":
            return b.add(Softmax(draw(st.integers(0, rank - 1))), x)
        case "clip":
            return b.add(Clip(-0.5, 0.75), x)
        case "tanh":
            return b.add(draw(st.sampled_from([Tanh, Sigmoid]))(), x)
        case "constant":
            return b.add(draw(st.sampled_from([Mul, Add, Sub]))(), *draw(st.permutations([x, b.random(1)])))
        case "reshape":
            n = x.type.elements
            shapes = [(n,), (1, n), (*x.shape, 1), x.shape[::-1]]
            return b.add(Reshape(draw(st.sampled_from(shapes))), x) if len(x.shape) < 4 else b.add(Reshape((1, n)), x)
        case "transpose":
            return b.add(Transpose(tuple(draw(st.permutations(range(rank))))), x)
        case "identity":
            return b.add(Identity(), x)
        case "slice":
            starts = [draw(st.integers(0, n - 1)) for n in x.shape]
            sizes = [draw(st.integers(1, n - s)) for n, s in zip(x.shape, starts, strict=True)]
            return b.add(Slice(tuple(starts), (1,) * rank, tuple(sizes)), x)
        case "add":
            same = [v for v in values if v.shape == x.shape]
            return b.add(draw(st.sampled_from([Add, Mul]))(), x, draw(st.sampled_from(same)))
        case "concat":
            same = [v for v in values if v.shape == x.shape]
            parts = [x, draw(st.sampled_from(same))]
            return b.add(Concat(draw(st.integers(0, rank - 1))), *parts) if rank else b.add(Relu(), x)
        case "mean":
            axes = tuple(sorted(draw(st.sets(st.integers(0, rank - 1), min_size=1)))) if rank else ()
            return b.add(Reduce(draw(st.sampled_from(["mean", "max", "sum"])), axes), x)
    return b.add(Relu(), x)
