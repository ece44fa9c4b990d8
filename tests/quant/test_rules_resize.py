"""Interpolation of quantised images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph
from compiler.graph.types import Array
from compiler.ops.resample_integer import whole_weights
from compiler.ops.resize import Resample
from compiler.ops.sampling import inside, taps
from compiler.passes.order import optimize
from tests.support.op_cases import examples
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range

grids = st.builds(Grid, st.floats(0.02, 0.1), st.integers(-100, 100)) | st.builds(
    Grid, st.floats(0.02, 0.1), st.integers(20, 200), st.just("uint8")
)


def tables(size: int, result: int, mode: str = "linear") -> tuple[Array, Array]:
    at = (np.arange(result) + 0.5) * size / result - 0.5
    places, weights = taps(at, mode)  # type: ignore[arg-type]
    return inside(places, size, "edge")[0].astype(np.int32), weights.astype(np.float32)


def one(x: Grid, y: Grid, axes: tuple[int, ...], mode: str = "linear") -> Graph:
    b, shape = QuantizedBuild(), (1, 2, 5, 4, 3)
    made = [b.const(t) for a in axes for t in tables(shape[a], 7, mode)]
    real = b.add(Resample(axes), b.dequantized(b.integers(x.dtype, *shape), x), *made)
    return b.graph(b.quantized(real, y))


@given(grids, grids, st.sampled_from([(2, 3), (2,), (3,)]), st.sampled_from(["linear", "cubic"]), st.booleans())
@examples(25)
def test_integers_are_within_one_step_of_reals(x: Grid, y: Grid, axes: tuple[int, ...], mode: str, same: bool) -> None:
    graph = one(x, x if same else y, axes, mode)
    made = optimize(graph).graph
    assert operators(made) == ["ResampleInteger"]
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    step = 1 if same or x.scale < 2 * y.scale else 2  # weights have ten bits
    assert np.abs(got - want).max() <= step


@pytest.mark.parametrize("value", [-128, -7, 0, 127])
def test_what_is_constant_stays_so(value: int) -> None:
    graph = one(Grid(0.1, 3), Grid(0.1, 3), (2, 3))
    made = optimize(graph).graph
    assert (results(made, {"x0": np.full((1, 2, 5, 4, 3), value, np.int8)})[0] == value).all()


def test_whole_weights_keep_their_sum() -> None:
    assert whole_weights(np.array([[1 / 3, 1 / 3, 1 / 3], [0.25, 0.5, 0.25]])).sum(axis=1).tolist() == [1024, 1024]


def test_three_axes_stay_real() -> None:
    graph = one(Grid(0.1), Grid(0.1), (2, 3, 4))
    assert "ResampleInteger" not in operators(optimize(graph).graph)
