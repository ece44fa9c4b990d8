"""Products of two quantised matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph
from compiler.ops.dense import MatMul
from compiler.ops.softmax import Softmax
from compiler.ops.transpose import Transpose
from compiler.passes.order import optimize
from tests.support.op_cases import examples
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range

grids = st.builds(Grid, st.floats(0.01, 0.1), st.integers(-100, 100)) | st.builds(
    Grid, st.floats(0.01, 0.1), st.integers(20, 200), st.just("uint8")
)


@given(grids, grids, st.builds(Grid, st.floats(0.5, 2.0), st.integers(-100, 100)))
@examples(20)
def test_integers_are_within_one_step_of_reals(a: Grid, b: Grid, y: Grid) -> None:
    build = QuantizedBuild()
    left = build.dequantized(build.integers(a.dtype, 2, 3, 5, 8), a)
    right = build.dequantized(build.integers(b.dtype, 3, 8, 4), b)
    graph = build.graph(build.quantized(build.add(MatMul(), left, right), y))
    made = optimize(graph).graph
    assert operators(made) == ["ProductInteger"]
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 1


def attention() -> Graph:
    """Softmax(q k^T) v with 8 bits between all of it."""
    b, x = QuantizedBuild(), Grid(0.02, 3)
    q, k, v = (b.dequantized(b.integers("int8", 1, 2, 6, 4), x) for _ in range(3))
    scores = Grid(0.04, 0)
    s = b.add(MatMul(), q, b.add(Transpose((0, 1, 3, 2)), k))
    p = b.add(Softmax(3), b.dequantized(b.quantized(s, scores), scores))
    share = Grid(1 / 256, -128)
    return b.graph(b.quantized(b.add(MatMul(), b.dequantized(b.quantized(p, share), share), v), x))


def test_attention_is_integer() -> None:
    graph = attention()
    made = optimize(graph).graph
    assert set(operators(made)) <= {"Transpose", "ProductInteger", "SoftmaxInteger", "Copy"}
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 2  # two steps of rounding before


def test_a_result_that_stays_real_is_a_scaled_integer_product() -> None:
    b = QuantizedBuild()
    x, y = (b.dequantized(b.integers("int8", 4, 4), Grid(0.1, z)) for z in (3, -4))
    graph = b.graph(b.add(MatMul(), x, y))
    made = optimize(graph).graph
    assert operators(made) == ["ProductInteger", "Dequantize"]
    inputs = whole_range(graph)
    assert results(made, inputs)[0] == pytest.approx(results(graph, inputs)[0], rel=1e-5)
