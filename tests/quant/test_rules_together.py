"""A network of everything that has an integer form: nothing but its ends is real."""

from __future__ import annotations

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.activations import Sigmoid
from compiler.ops.arithmetic import Add
from compiler.ops.cells import Activation
from compiler.ops.dense import MatMul
from compiler.ops.index_map import Concat
from compiler.ops.lstm import Lstm
from compiler.ops.reduce import Reduce
from compiler.ops.shaping import Reshape
from compiler.ops.softmax import Softmax
from compiler.ops.standardize import Standardize
from compiler.ops.transpose import Transpose
from compiler.passes.order import optimize
from tests.support.quantized import Grid, QuantizedBuild, results, whole_range

STEPS, INPUTS, HIDDEN = 6, 5, 8
STATE, WIDE, SHARE = Grid(1 / 128), Grid(0.04, 2), Grid(1 / 256, -128)


def network() -> Graph:
    """An LSTM, a normalisation, attention of the sequence to itself, a residual, and a mean."""
    b = QuantizedBuild(3)

    def again(x: Value, grid: Grid) -> Value:
        return b.dequantized(b.quantized(x, grid), grid)

    def weights(*shape: int) -> Value:
        return b.dequantized(b.const(b.chance.integers(-127, 128, shape).astype(np.int8)), Grid(0.005))

    x = b.dequantized(b.integers("int8", STEPS, 1, INPUTS), Grid(0.03, 5))
    cell = Lstm(HIDDEN, activations=tuple(map(Activation, Lstm.default)), wanted=(True, False, False))
    operands = (x, weights(1, 4 * HIDDEN, INPUTS), weights(1, 4 * HIDDEN, HIDDEN), *[None] * (cell.operands - 3))
    (kind,) = cell.infer(*(None if v is None else v.type for v in operands))
    state = Value("state", kind)
    b.nodes.append(Node(cell, operands, (state,), "cell", ("cell",), ("state",)))
    rows = again(b.add(Reshape((1, STEPS, HIDDEN)), again(state, STATE)), STATE)
    normal = again(b.add(Standardize((2,)), rows, b.positive(HIDDEN), b.random(HIDDEN)), WIDE)
    scores = again(b.add(MatMul(), normal, again(b.add(Transpose((0, 2, 1)), normal), WIDE)), Grid(0.3))
    mixed = again(b.add(MatMul(), again(b.add(Softmax(2), scores), SHARE), normal), WIDE)
    both = again(b.add(Concat(2), again(b.add(Add(), mixed, normal), Grid(0.06)), rows), Grid(0.06))
    gate = again(b.add(Sigmoid(), both), SHARE)
    return b.graph(b.quantized(b.add(Reduce("mean", (1,)), gate), SHARE))


def test_nothing_inside_is_real() -> None:
    graph = network()
    made = optimize(graph).graph
    kinds = {v.type.dtype for n in made.nodes for v in (*n.present, *n.outputs)}
    assert not {k for k in kinds if "float" in k}, str(made.nodes)
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 4  # the LSTM's state is rounded at every step
    assert np.abs(got - want).mean() < 0.5
    assert len(np.unique(want)) > 4
