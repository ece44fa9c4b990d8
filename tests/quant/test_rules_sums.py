"""Pools, means and sums of quantised tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph
from compiler.graph.verify import verify
from compiler.ops.activations import Clip, Relu
from compiler.ops.base import Op
from compiler.ops.pool import AveragePool
from compiler.ops.reduce import Reduce
from compiler.quant.rules.sums import divided, integer_pool, integer_reduction
from tests.support.op_cases import examples
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range

grids = st.builds(Grid, st.floats(0.02, 0.1), st.integers(-100, 100)) | st.builds(
    Grid, st.floats(0.02, 0.1), st.integers(20, 200), st.just("uint8")
)
POOLS = (
    AveragePool((2, 2), (2, 2)),
    AveragePool((3, 3), (1, 2), (1, 1, 1, 1)),
    AveragePool((3, 3), (1, 2), (1, 1, 1, 1), include_pad=True),
    AveragePool((6, 7), (1, 1)),
)


def one(op: Op, x: Grid, y: Grid, clamp: Op | None = None) -> Graph:
    b = QuantizedBuild()
    real = b.add(op, b.dequantized(b.integers(x.dtype, 2, 5, 6, 7), x))
    return b.graph(b.quantized(b.add(clamp, real) if clamp else real, y))


def folded(graph: Graph) -> Graph:
    for rule in (integer_pool, integer_reduction):
        graph = rule.apply(graph)[0].without_dead_code()
    verify(graph, "test")
    return graph


def expect_within_one_step(graph: Graph, made: Graph) -> None:
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 1
    assert (got == want).mean() > 0.8  # means of four are halves in a quarter of all cases


@pytest.mark.parametrize("op", POOLS, ids=str)
@given(x=grids, y=grids, clamp=st.sampled_from([None, Relu(), Clip(0.0, 6.0)]), same=st.booleans())
@examples(8)
def test_means_of_windows(op: AveragePool, x: Grid, y: Grid, clamp: Op | None, same: bool) -> None:
    graph = one(op, x, x if same else y, clamp)
    made = folded(graph)
    exact = same and not (op.include_pad and x.zero)
    assert operators(made) == ["AveragePool" if exact or x == y else "SumPool"]
    expect_within_one_step(graph, made)


@pytest.mark.parametrize("kind", ["mean", "sum"])
@given(x=grids, y=grids, axes=st.sets(st.integers(0, 3)).map(lambda a: tuple(sorted(a))))
@examples(15)
def test_means_and_sums_along_axes(kind: str, x: Grid, y: Grid, axes: tuple[int, ...]) -> None:
    graph = one(Reduce(kind, axes), x, y)  # type: ignore[arg-type]
    made = folded(graph)
    assert operators(made) == ["SumPool" if axes == (2, 3) else "SumInteger"]
    expect_within_one_step(graph, made)


def test_means_of_stored_numbers_go_away_from_zero_at_halves() -> None:
    x = np.array([[[3, 4], [-3, -4], [127, 127], [-128, -128]]], np.int8)
    y = AveragePool((2,), (2,), (0, 0), (1,)).reference(x)
    assert y.reshape(-1).tolist() == [4, -4, 127, -128]


def test_the_product_of_a_factor_and_the_count_is_the_factor() -> None:
    for count in (2, 3, 7, 49, 1000, 65536):
        for real in (0.001, 0.3, 1.0, 5.0):
            multiplier, shift = divided(real, count)
            assert multiplier * 2.0 ** (shift - 31) * count == pytest.approx(real, rel=1e-8)


@pytest.mark.parametrize("kind", ["max", "prod", "l2"])
def test_other_reductions_stay(kind: str) -> None:
    graph = one(Reduce(kind, (2,)), Grid(0.1), Grid(0.1))  # type: ignore[arg-type]
    assert integer_reduction.apply(graph)[1] == 0
