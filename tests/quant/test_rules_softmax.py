"""Softmax in fixed point: gemmlowp's functions against reals, and the operator within one step of reals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph
from compiler.graph.verify import verify
from compiler.ops.softmax import Softmax
from compiler.quant.fixed_functions import exp_on_negative, one_over_one_plus
from compiler.quant.rules.softmax import integer_softmax, softmax_of_sixteen_bits
from tests.support.op_cases import examples
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range


def test_exp_in_fixed_point_is_exp() -> None:
    x = -np.concatenate([np.arange(0, 1 << 26, 99991), np.arange(0, 1 << 31, 9999991)])
    got = exp_on_negative(x) * 2.0**-31
    np.testing.assert_allclose(got, np.exp(x * 2.0**-26), atol=3e-7)


def test_the_reciprocal_in_fixed_point_is_the_reciprocal() -> None:
    x = np.arange(0, 1 << 31, 999983)
    np.testing.assert_allclose(one_over_one_plus(x) * 2.0**-31, 1 / (1 + x * 2.0**-31), atol=1e-8)


def one(x: Grid, y: Grid, axis: int = 2, log: bool = False, shape: tuple[int, ...] = (2, 5, 12)) -> Graph:
    b = QuantizedBuild()
    return b.graph(b.quantized(b.add(Softmax(axis, log), b.dequantized(b.integers(x.dtype, *shape), x)), y))


PLAIN = Grid(1 / 256, -128)


@given(
    st.builds(Grid, st.floats(1e-3, 0.5), st.integers(-128, 127)),
    st.sampled_from(
        [PLAIN, Grid(1 / 256, 0, "uint8"), Grid(1 / 255, -128), Grid(0.003, 7, "uint8"), Grid(0.002, -120)]
    ),
    st.integers(0, 2),
)
@examples(30)
def test_integers_are_within_one_step_of_reals(x: Grid, y: Grid, axis: int) -> None:
    graph = one(x, y, axis)
    made, _ = integer_softmax.apply(graph)
    made = made.without_dead_code()
    verify(made, "test")
    assert operators(made) == ["SoftmaxInteger"]
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 1
    assert (got == want).mean() > 0.97


@given(st.floats(1e-5, 1e-2), st.integers(0, 2))
@examples(15)
def test_16_bits_are_close_to_reals(scale: float, axis: int) -> None:
    graph = one(Grid(scale, 0, "int16"), Grid(2.0**-15, 0, "int16"), axis)
    made, _ = softmax_of_sixteen_bits.apply(graph)
    made = made.without_dead_code()
    assert operators(made) == ["SoftmaxSixteen"]
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 12, "two tables of 513 entries, of 15 bits"


def test_many_equal_numbers() -> None:
    graph = one(Grid(0.1), PLAIN, 1, shape=(1, 2000))
    made, _ = integer_softmax.apply(graph)
    assert (results(made, {"x0": np.full((1, 2000), 5, np.int8)})[0] == -128).all()
    some = np.full((1, 2000), -128, np.int8)
    some[0, 7] = 127
    assert results(made, {"x0": some})[0][0, 7] == 127


@pytest.mark.parametrize("graph", [one(Grid(0.1), PLAIN, log=True), one(Grid(0.001, 0, "int16"), PLAIN)])
def test_what_has_no_definition_stays_real(graph: Graph) -> None:
    assert integer_softmax.apply(graph)[1] == 0
