"""Functions of one 16-bit tensor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph
from compiler.ops import activations, mathematics
from compiler.ops.elementwise import Elementwise
from compiler.ops.interpolate import Interpolate
from compiler.passes.order import optimize
from compiler.quant.rules.sixteen_bits import FARTHEST
from tests.support.op_cases import examples
from tests.support.quantized import Grid, QuantizedBuild, operators, results

X = Grid(2.0**-12, 0, "int16")
EVERY = {"x0": np.arange(-32768, 32768).astype(np.int16)}


def one(x: Grid, y: Grid, *functions: Elementwise) -> Graph:
    b = QuantizedBuild()
    value = b.dequantized(b.integers(x.dtype, 65536), x)
    for f in functions:
        value = b.add(f, value)
    return b.graph(b.quantized(value, y))


def steps_apart(graph: Graph) -> int:
    made = optimize(graph).graph
    got, want = results(made, EVERY)[0].astype(int), results(graph, EVERY)[0].astype(int)
    return int(np.abs(got - want).max())


@pytest.mark.parametrize("function", [activations.Sigmoid(), activations.Tanh(), activations.HardSwish()], ids=str)
def test_a_smooth_function_is_a_table_with_lines(function: Elementwise) -> None:
    y = Grid(2.0**-15 if not isinstance(function, activations.HardSwish) else 2.0**-12, 0, "int16")
    graph = one(X, y, function)
    made = optimize(graph).graph
    assert operators(made) == ["Interpolate"]
    assert sum(a.nbytes for a in made.constants.values()) == 1026
    assert steps_apart(graph) <= FARTHEST


def test_a_function_that_bends_too_much_stays_real() -> None:
    graph = one(Grid(0.01, 0, "int16"), Grid(1e-4, 0, "int16"), mathematics.Sin())
    assert not any(isinstance(n.op, Interpolate) for n in optimize(graph).graph.nodes)


@given(
    st.builds(Grid, st.floats(1e-4, 1e-2), st.just(0), st.just("int16")),
    st.builds(Grid, st.floats(0.01, 0.5), st.integers(-100, 100)) | st.builds(
        Grid, st.floats(1e-4, 1e-2), st.just(0), st.just("int16")),
    st.sampled_from([(), (activations.Relu(),), (activations.Clip(0.0, 6.0),)]),
)  # fmt: skip
@examples(15)
def test_another_scale_is_a_factor(x: Grid, y: Grid, clamps: tuple[Elementwise, ...]) -> None:
    graph = one(x, y, *clamps)
    made = optimize(graph).graph
    assert not {"Quantize", "Dequantize"} & {
        type(s.op).__name__ for n in made.nodes for s in getattr(n.op, "steps", ())
    }
    assert steps_apart(graph) <= 1
