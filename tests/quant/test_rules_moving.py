"""Operators that move data move integers; padding is with the zero point, and convolutions take it in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compiler.graph.graph import Graph, Value
from compiler.ops.arithmetic import Max, Min
from compiler.ops.base import Op
from compiler.ops.comparison import Where
from compiler.ops.conv import Conv
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.pool import MaxPool
from compiler.ops.reduce import Reduce
from compiler.ops.resize import Resample
from compiler.ops.select import ArgBest
from compiler.ops.shaping import Reshape
from compiler.ops.tile import Tile
from compiler.ops.transpose import Transpose
from compiler.passes.order import optimize
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range

X, Y = Grid(0.05, -10), Grid(0.11, 20)
Apply = Callable[[QuantizedBuild, Value], Value]


def of(op: Op, *more: np.ndarray) -> Apply:
    return lambda b, x: b.add(op, x, *(b.const(a) for a in more))


MOVES: dict[str, Apply] = {
    "Reshape": of(Reshape((2, 3, 20))),
    "Transpose": of(Transpose((0, 2, 3, 1))),
    "Slice": of(Slice((0, 0, 3, 0), (1, 1, -1, 2), (2, 3, 4, 2))),
    "Tile": of(Tile((1, 2, 1, 1))),
    "Pad": of(Pad((0, 0, 1, 2, 0, 0, 3, 0))),
    "Pad by reflection": of(Pad((0, 0, 1, 2, 0, 0, 2, 0), "reflect")),
    "MaxPool": of(MaxPool((2, 2), (1, 1), (1, 0, 0, 1))),
    "Max": of(Reduce("max", (1, 3))),
    "Min": of(Reduce("min", (2,))),
    "Nearest": of(Resample((2, 3), weighted=False), np.array([[0], [0], [1], [3]]), np.array([[4], [2]])),
    "Two": lambda b, x: b.add(Reshape((2, 3, 3, 5)), b.add(Pad((0, 0, 0, 0, 0, 0, 0, 0)), b.add(MaxPool((2, 1)), x))),
}


def one(apply: Apply, x: Grid, y: Grid) -> Graph:
    b = QuantizedBuild()
    return b.graph(b.quantized(apply(b, b.dequantized(b.integers(x.dtype, 2, 3, 4, 5), x)), y))


@pytest.mark.parametrize("name", MOVES)
def test_integers_are_moved(name: str) -> None:
    graph = one(MOVES[name], X, X)
    made = optimize(graph).graph
    assert not {"Quantize", "Dequantize", "Lookup", "Map"} & set(operators(made)), operators(made)
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


@pytest.mark.parametrize("name", MOVES)
def test_another_scale_behind_them_is_a_table(name: str) -> None:
    graph = one(MOVES[name], X, Y)
    made = optimize(graph).graph
    found = operators(made)
    assert "Lookup" in found
    assert not {"Quantize", "Dequantize", "Map"} & set(found), found
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


def test_parts_of_other_scales_are_joined_by_tables() -> None:
    b = QuantizedBuild()
    parts = [b.dequantized(b.integers("int8", 2, n, 4), grid) for n, grid in ((1, X), (3, Y), (2, Grid(0.3, 1)))]
    graph = b.graph(b.quantized(b.add(Concat(1), *parts), X))
    made = optimize(graph).graph
    assert sorted(operators(made)) == ["Concat", "Lookup", "Lookup"]
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


def test_constant_parts_are_rounded_at_compile_time() -> None:
    b = QuantizedBuild()
    parts = (b.dequantized(b.integers("int8", 2, 3), X), b.random(2, 5))
    graph = b.graph(b.quantized(b.add(Concat(1), *parts), X))
    made = optimize(graph).graph
    assert operators(made) == ["Concat"]
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


@pytest.mark.parametrize("op", [Max(), Min(), Where()], ids=["Max", "Min", "Where"])
@pytest.mark.parametrize(("x", "y", "tables"), [(X, X, 0), (Y, X, 1), (Y, Grid(0.2, 1), 2)])
def test_choices_are_made_among_integers(op: Op, x: Grid, y: Grid, tables: int) -> None:
    b = QuantizedBuild()
    first, second = b.dequantized(b.integers("int8", 3, 40), x), b.dequantized(b.integers("int8", 3, 40), y)
    condition = [b.const(b.chance.random((3, 1)) < 0.5)] if isinstance(op, Where) else []
    graph = b.graph(b.quantized(b.add(op, *condition, first, second), X))
    made = optimize(graph).graph
    assert sorted(operators(made)) == sorted([*["Lookup"] * tables, type(op).__name__])
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


def test_the_place_of_the_largest_is_found_among_integers() -> None:
    b = QuantizedBuild()
    graph = b.graph(b.add(ArgBest(1), b.dequantized(b.integers("int8", 3, 10), X)))
    made = optimize(graph).graph
    assert operators(made) == ["ArgBest"]
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


@pytest.mark.parametrize("zero", [-10, 0, 5])
@pytest.mark.parametrize("own", [(0, 0, 0, 0), (1, 1, 1, 1)])
def test_a_convolution_takes_padding_in(zero: int, own: tuple[int, ...]) -> None:
    x, w, y = Grid(0.05, zero), Grid(0.01), Grid(0.1, 3)
    b = QuantizedBuild()
    padded = b.add(Pad((0, 0, 0, 0, 0, 0, 1, 1)), b.dequantized(b.integers("int8", 1, 2, 5, 6), x))
    again = b.dequantized(b.quantized(padded, x), x)
    weights = b.const(b.chance.integers(-127, 128, (3, 2, 3, 3)).astype(np.int8))
    result = b.add(Conv((2, 2), own), again, b.dequantized(weights, w), b.random(3))
    graph = b.graph(b.quantized(result, y))
    made = optimize(graph).graph
    assert set(operators(made)) == {"Conv", "Copy"}  # channels last inside, first outside
    inputs = whole_range(graph)
    got, want = results(made, inputs)[0].astype(int), results(graph, inputs)[0].astype(int)
    assert np.abs(got - want).max() <= 1
