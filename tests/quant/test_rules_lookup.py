"""Functions of one 8-bit tensor become tables, and tables of tables one table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph
from compiler.graph.verify import verify
from compiler.ops import activations, mathematics
from compiler.ops.arithmetic import Add, Mul
from compiler.ops.elementwise import Elementwise
from compiler.ops.lookup import Lookup
from compiler.passes.fuse_elementwise import fuse_elementwise
from compiler.quant.rules.arithmetic import integer_arithmetic
from compiler.quant.rules.lookup import merge_lookups, tabulate
from tests.support.op_cases import examples
from tests.support.quantized import Grid, QuantizedBuild, operators, results, whole_range

X, Y = Grid(0.05, -10), Grid(0.02, 3, "uint8")
FUNCTIONS = (
    activations.Sigmoid(), activations.Tanh(), activations.HardSwish(), activations.Gelu(), activations.LeakyRelu(0.2),
    mathematics.Exp(), mathematics.Abs(), activations.Relu(),
)  # fmt: skip


def chain(*functions: Elementwise, x: Grid = X, y: Grid = Y) -> tuple[QuantizedBuild, Graph]:
    b = QuantizedBuild()
    value = b.dequantized(b.integers(x.dtype, 2, 300), x)
    for f in functions:
        value = b.add(f, value)
    return b, b.graph(b.quantized(value, y))


def folded(graph: Graph) -> Graph:
    for rule in (fuse_elementwise, tabulate, merge_lookups):
        graph = rule.apply(graph)[0].without_dead_code()
    verify(graph, "test")
    return graph


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: type(f).__name__)
def test_a_function_becomes_a_table_of_the_very_numbers_that_it_gave(function: Elementwise) -> None:
    _, graph = chain(function)
    made = folded(graph)
    assert operators(made) == ["Lookup"]
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


def test_a_chain_is_one_table() -> None:
    _, graph = chain(activations.Sigmoid(), mathematics.Exp(), activations.Tanh())
    assert operators(folded(graph)) == ["Lookup"]


def test_tables_with_numbers_of_8_bits_between_them_become_one() -> None:
    b = QuantizedBuild()
    between = b.quantized(b.add(activations.Sigmoid(), b.dequantized(b.integers("int8", 5, 60), X)), Y)
    graph = b.graph(b.quantized(b.add(activations.Tanh(), b.dequantized(between, Y)), X))
    made, _ = tabulate.apply(fuse_all_but_rounding(graph))
    assert operators(made) == ["Lookup", "Lookup"]
    one, count = merge_lookups.apply(made)
    assert (operators(one), count) == (["Lookup"], 1)
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(one, inputs)[0], results(graph, inputs)[0])


def fuse_all_but_rounding(graph: Graph) -> Graph:
    """Two maps, as when the tensor between them is read elsewhere."""
    middle = graph.nodes[2].output
    split = Graph(graph.name, graph.inputs, (*graph.outputs, middle), graph.nodes, graph.constants)
    fused, _ = fuse_elementwise.apply(split)
    return Graph(graph.name, graph.inputs, graph.outputs, fused.nodes, fused.constants)


def test_a_table_whose_result_is_read_elsewhere_stays() -> None:
    b = QuantizedBuild()
    table = b.const(np.arange(256).astype(np.int8))
    first = b.add(Lookup(), b.integers("int8", 4), table)
    graph = b.graph(b.add(Lookup(), first, table), first)
    assert merge_lookups.apply(graph)[1] == 0


@given(st.integers(-100, 100), st.floats(0.01, 1.0))
@examples(20)
def test_a_clamp_needs_no_table(zero: int, scale: float) -> None:
    grid = Grid(scale, zero)
    _, graph = chain(activations.Clip(0.0, 6.0), x=grid, y=grid)
    made = folded(graph)
    assert operators(made) in (["Clip"], ["Identity"])
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


def test_nothing_is_done_to_the_same_scale_twice() -> None:
    _, graph = chain(x=X, y=X)
    assert operators(folded(graph)) == ["Identity"]


def test_constants_of_one_number_are_part_of_the_table() -> None:
    b = QuantizedBuild()
    x = b.dequantized(b.integers("uint8", 7, 9), Grid(0.1, 128, "uint8"))
    y = b.add(Add(), b.add(Mul(), x, b.const(np.float32(0.3))), b.const(np.full((1, 1), 0.7, np.float32)))
    graph = b.graph(b.quantized(y, X))
    made = folded(graph)
    assert operators(made) == ["Lookup"]
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


def test_a_sum_with_one_constant_is_a_table_of_integer_arithmetic() -> None:
    b = QuantizedBuild()
    x, c = b.dequantized(b.integers("int8", 400), X), b.dequantized(b.const(np.int8(77)), Grid(0.02, 3))
    graph = integer_arithmetic.apply(b.graph(b.quantized(b.add(Add(), x, c), X)))[0].without_dead_code()
    assert operators(graph) == ["AddInteger"]
    made = folded(graph)
    assert operators(made) == ["Lookup"]
    inputs = whole_range(graph)
    np.testing.assert_array_equal(results(made, inputs)[0], results(graph, inputs)[0])


def per_channel(b: QuantizedBuild) -> Graph:
    x = b.dequantized(b.integers("int8", 2, 3, 4), X)
    return b.graph(b.quantized(b.add(Mul(), x, b.random(3, 1)), X))


def of_two_tensors(b: QuantizedBuild) -> Graph:
    x, y = (b.dequantized(b.integers("int8", 4, 5), X) for _ in range(2))
    return b.graph(b.quantized(b.add(Add(), x, y), X))


def of_16_bits(b: QuantizedBuild) -> Graph:
    grid = Grid(0.001, 0, "int16")
    return b.graph(b.quantized(b.add(activations.Sigmoid(), b.dequantized(b.integers("int16", 9), grid)), grid))


def to_real_numbers(b: QuantizedBuild) -> Graph:
    return b.graph(b.add(activations.Sigmoid(), b.dequantized(b.integers("int8", 9), X)))


@pytest.mark.parametrize("make", [per_channel, of_two_tensors, of_16_bits, to_real_numbers])
def test_what_no_table_can_hold_stays(make) -> None:  # type: ignore[no-untyped-def]
    fused, _ = fuse_elementwise.apply(make(QuantizedBuild()))
    assert tabulate.apply(fused)[1] == 0
