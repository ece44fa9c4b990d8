"""Normalisation of quantised tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph
from compiler.ops.standardize import Standardize
from compiler.passes.order import optimize
from tests.support.op_cases import examples
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range

inputs_of = st.builds(Grid, st.floats(0.001, 0.5), st.integers(-100, 100)) | st.builds(
    Grid, st.floats(0.001, 0.5), st.integers(20, 200), st.just("uint8")
)
outputs_of = st.builds(Grid, st.floats(0.01, 0.1), st.integers(-100, 100))
OPERATORS = {
    "layer": (Standardize((2,)), (12,)),
    "over two axes": (Standardize((1, 2)), (6, 12)),
    "root of mean squares": (Standardize((2,), center=False), (12,)),
    "instance": (Standardize((1,)), (1, 12)),
    "no bias": (Standardize((2,), eps=1e-3), None),
}


def one(name: str, x: Grid, y: Grid) -> Graph:
    b = QuantizedBuild()
    op, shape = OPERATORS[name]
    real = b.dequantized(b.integers(x.dtype, 3, 6, 12), x)
    params = (None, None) if shape is None else (b.positive(*shape), b.random(*shape))
    return b.graph(b.quantized(b.add(op, real, *params), y))


@pytest.mark.parametrize("name", OPERATORS)
@given(inputs_of, outputs_of)
@examples(12)
def test_integers_are_within_one_step_of_reals(name: str, x: Grid, y: Grid) -> None:
    graph = one(name, x, y)
    made = optimize(graph).graph
    assert operators(made) == ["StandardizeInteger"]
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 1
    assert (got == want).mean() > 0.98


def test_equal_numbers_give_the_bias() -> None:
    made = optimize(one("no bias", Grid(0.1), Grid(0.1, 7))).graph
    assert (results(made, {"x0": np.full((3, 6, 12), 33, np.int8)})[0] == 7).all()


def test_a_scale_that_is_computed_keeps_it_real() -> None:
    b = QuantizedBuild()
    x = b.dequantized(b.integers("int8", 4, 8), Grid(0.1))
    scale = b.add(Standardize((1,)), x, x, None)
    assert "Standardize" in operators(optimize(b.graph(b.quantized(scale, Grid(0.1)))).graph)
