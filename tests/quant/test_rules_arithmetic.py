"""Sums, differences and products of quantised tensors: integers within one step of what reals give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph
from compiler.graph.verify import verify
from compiler.ops.activations import Clip, Relu
from compiler.ops.arithmetic import Add, Mul, Sub
from compiler.ops.base import Op
from compiler.ops.integer_arithmetic import AddInteger, Factor, MulInteger
from compiler.quant.rules.arithmetic import integer_arithmetic
from tests.support.op_cases import examples
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range

grids = st.builds(Grid, st.floats(0.01, 0.2), st.integers(-100, 100), st.just("int8")) | st.builds(
    Grid, st.floats(0.01, 0.2), st.integers(20, 200), st.just("uint8")
)


def two(op: Op, x: Grid, y: Grid, z: Grid, clamp: Op | None = None, shape: tuple[int, ...] = (4, 50)) -> Graph:
    b = QuantizedBuild()
    left, right = b.dequantized(b.integers(x.dtype, 4, 50), x), b.dequantized(b.integers(y.dtype, *shape), y)
    real = b.add(op, left, right)
    return b.graph(b.quantized(b.add(clamp, real) if clamp else real, z))


def folded(graph: Graph) -> Graph:
    made = integer_arithmetic.apply(graph)[0].without_dead_code()
    verify(made, "test")
    return made


@given(grids, grids, grids, st.sampled_from([Add(), Sub(), Mul()]), st.sampled_from([None, Relu(), Clip(0.0, 6.0)]))
@examples(40)
def test_integers_are_within_one_step_of_reals(x: Grid, y: Grid, z: Grid, op: Op, clamp: Op | None) -> None:
    graph = two(op, x, y, z, clamp)
    made = folded(graph)
    assert operators(made) == ["MulInteger" if isinstance(op, Mul) else "AddInteger"]
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 1
    assert (got == want).mean() > 0.97


def test_clamps_become_bounds() -> None:
    z = Grid(0.05, -20)
    made = folded(two(Add(), z, z, z, Clip(0.0, 2.0)))
    op = made.nodes[0].op
    assert isinstance(op, AddInteger)
    assert (op.low, op.high) == (-20, 20)


def test_operands_are_broadcast() -> None:
    x = Grid(0.1, 3)
    graph = two(Mul(), x, x, x, shape=(4, 1))
    made = folded(graph)
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 1


def test_16_bits() -> None:
    x, y, z = (Grid(s, 0, "int16") for s in (1e-3, 3e-4, 1.2e-3))
    graph = two(Add(), x, y, z)
    made = folded(graph)
    op = made.nodes[0].op
    assert isinstance(op, AddInteger)
    assert op.left == 15
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 1


@pytest.mark.parametrize(("rounding", "expected"), [("single", [2, -1, 3, -2]), ("double", [2, -2, 3, -3])])
def test_the_modes_of_rounding_differ_at_ties_below_zero(rounding: Any, expected: list[int]) -> None:
    """Products 3, -3, 5, -5 times 1/2: single rounds half up; double rounds half away from zero."""
    op = MulInteger(factor=Factor.of(0.25), rounding=rounding)
    x, y = np.array([3, -3, 5, -5], np.int8), np.array([2, 2, 2, 2], np.int8)
    assert op.reference(x, y).tolist() == expected


@pytest.mark.parametrize("op", [Add(), Mul()])
def test_scales_that_are_too_far_apart_stay_real(op: Op) -> None:
    """The integers would overflow where reals saturate."""
    graph = two(op, Grid(1e4), Grid(1e4), Grid(1e-7))
    assert integer_arithmetic.apply(graph)[1] == 0


def read_twice(b: QuantizedBuild) -> Graph:
    x = b.dequantized(b.integers("int8", 4), Grid(0.1))
    y = b.add(Add(), x, x)
    return b.graph(b.quantized(y, Grid(0.2)), y)


def with_a_real_operand(b: QuantizedBuild) -> Graph:
    x = b.dequantized(b.integers("int8", 4), Grid(0.1))
    return b.graph(b.quantized(b.add(Add(), x, b.random(4)), Grid(0.2)))


@pytest.mark.parametrize("make", [read_twice, with_a_real_operand])
def test_what_must_stay_stays(make) -> None:  # type: ignore[no-untyped-def]
    assert integer_arithmetic.apply(make(QuantizedBuild()))[1] == 0
