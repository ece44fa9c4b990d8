"""LSTM and GRU in integers stay close to reals, step after step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.cells import Activation
from compiler.ops.lstm import Lstm
from compiler.ops.quantize import Dequantize
from compiler.ops.recurrent import Recurrent
from compiler.ops.rnn import Gru
from compiler.passes.order import optimize
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range

STEPS, BATCH, INPUTS, HIDDEN = 20, 2, 6, 8
X, W, R, Y = Grid(0.03, 5), Grid(0.006), Grid(0.005), Grid(1 / 128)


def network(op: Recurrent, per_row: bool = False, bias: bool = True, unequal: bool = False) -> Graph:
    """The sequence as 8 bits, through the cell, and all results as 8 bits."""
    b = QuantizedBuild(7)
    rows, directions = op.gates * HIDDEN, len(op.reverse)

    def weights(count: int, grid: Grid) -> Value:
        whole = b.const(b.chance.integers(-127, 128, (directions, rows, count)).astype(np.int8))
        if not per_row:
            return b.dequantized(whole, grid)
        scale = b.const((b.chance.uniform(0.5, 1.0, (directions, rows, 1)) * grid.scale).astype(np.float32))
        return b.add(Dequantize(), whole, scale, b.const(np.zeros((), np.int8)))

    x = b.dequantized(b.integers("int8", STEPS, BATCH, INPUTS), X)
    biases = b.random(directions, 2 * rows) if bias else None
    lengths = b.const(np.array([3, 5])) if unequal else None
    operands = (x, weights(INPUTS, W), weights(HIDDEN, R), biases, lengths, *[None] * (op.operands - 5))
    types: Any = op.infer(*(None if v is None else v.type for v in operands))
    made = tuple(Value(f"r{i}", t) for i, t in enumerate(types))
    b.nodes.append(Node(op, operands, made, "cell", ("cell",), tuple(v.name for v in made)))
    return b.graph(*(b.quantized(v, Y) if i < 2 else v for i, v in enumerate(made)))


def usual(op: type[Recurrent], **more: Any) -> Recurrent:
    reverse = more.pop("reverse", (False,))
    named = tuple(Activation(n) for n in op.default) * len(reverse)
    return op(hidden=HIDDEN, reverse=reverse, activations=named, wanted=(True,) * (1 + len(op.states)), **more)


CELLS = {
    "lstm": usual(Lstm),
    "lstm, both ways": usual(Lstm, reverse=(False, True)),
    "gru": usual(Gru),
    "gru, reset after": usual(Gru, reset_after=True, reverse=(True,)),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("per_row", "bias"), [(False, True), (True, False)])
def test_integers_stay_close_to_reals(name: str, per_row: bool, bias: bool) -> None:
    graph = network(CELLS[name], per_row, bias)
    made = optimize(graph).graph
    assert "RecurrentInteger" in operators(made)
    assert not {"Lstm", "Gru"} & set(operators(made))
    inputs = whole_range(graph)
    for got, want in zip(results(made, inputs), results(graph, inputs), strict=True):
        steps = np.abs(got.astype(np.float64) - want.astype(np.float64)) * (1 if got.dtype == np.int8 else 128)
        assert steps.max() <= 6, "the state is rounded to 8 bits at every step"
        assert steps.mean() < 1


def test_weights_are_stored_in_8_bits() -> None:
    made = optimize(network(CELLS["lstm"])).graph
    large = [a for a in made.constants.values() if a.size >= 4 * HIDDEN * INPUTS]
    assert large
    assert {a.dtype.name for a in large} == {"int8"}


def hard() -> Graph:
    named = tuple(Activation(n) for n in ("HardSigmoid", "Tanh", "Tanh"))
    return network(Lstm(hidden=HIDDEN, activations=named))


@pytest.mark.parametrize("graph", [hard(), network(CELLS["gru"], unequal=True)], ids=["activations", "lengths"])
def test_other_cells_stay_real(graph: Graph) -> None:
    assert {"Lstm", "Gru"} & set(operators(optimize(graph).graph))
