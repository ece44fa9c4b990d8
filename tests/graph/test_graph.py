"""Types, layouts, fills, the text form, and what a graph can tell about itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import CompilerBug
from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.graph.text import text
from compiler.graph.types import Layout, TensorType, fill, is_fill, stored_bytes
from compiler.graph.verify import verify
from compiler.ops.activations import Relu
from compiler.ops.arithmetic import Add
from compiler.ops.conv import Conv
from tests.support.graphs import Build
from tests.support.op_cases import Draw, examples, shapes


@st.composite
def laid_out(draw: Draw) -> tuple[tuple[int, ...], Layout]:
    shape = draw(shapes())
    return shape, Layout(tuple(draw(st.permutations(range(len(shape))))))


@examples(60)
@given(laid_out())
def test_strides_are_those_of_numpy(drawn: tuple[tuple[int, ...], Layout]) -> None:
    """An array whose axes lie in the layout's order has numpy's strides for them."""
    shape, layout = drawn
    memory = np.zeros([shape[a] for a in layout.order], np.float32)
    back = np.argsort(layout.order) if shape else []
    view = memory.transpose(back)
    if memory.size:
        long = [a for a, n in enumerate(shape) if n > 1]
        assert [layout.strides(shape)[a] for a in long] == [view.strides[a] // 4 for a in long]


@examples(60)
@given(laid_out(), st.data())
def test_a_permuted_layout_moves_no_element(drawn: tuple[tuple[int, ...], Layout], data: st.DataObject) -> None:
    shape, layout = drawn
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    turned = tuple(shape[a] for a in axes)
    assert layout.permuted(axes).strides(turned) == tuple(layout.strides(shape)[a] for a in axes)


@pytest.mark.parametrize(
    ("shape", "same"), [((1, 3, 5, 5), False), ((1, 3, 1, 1), True), ((1, 1, 5, 5), True), ((0, 3, 5, 5), True)]
)
def test_axes_of_length_one_do_not_matter(shape: tuple[int, ...], same: bool) -> None:
    assert Layout.channels_last(4).same_memory(Layout.row_major(4), shape) is same


def test_types_in_text() -> None:
    assert str(TensorType.of("float32", (1, 3, 4, 5))) == "float32[1,3,4,5]"
    assert str(TensorType.of("int64", ())) == "int64[]"
    assert str(TensorType.of("float32", (1, 3, 4, 5), Layout.channels_last(4))) == "float32[1,3,4,5]@0231"


def test_a_fill_takes_no_memory() -> None:
    array = fill(1.5, "float32", (1000, 1000, 1000))
    assert is_fill(array)
    assert stored_bytes(array) == 0
    assert not is_fill(np.full((2, 2), 1.5, np.float32))
    assert not is_fill(np.float32([1.0]))  # one number is no fill: it is stored as it is


def sample() -> Graph:
    b = Build()
    x = b.input(1, 2, 4, 4)
    y = b.conv(x, 3, 3, bias=False)
    b.add(Relu(), x)  # dead
    return b.graph(b.add(Add(), y, b.const(fill(1.0, "float32", (3, 1, 1)))))


def test_text_form() -> None:
    graph = sample().without_dead_code()
    assert text(graph) == (
        "graph test\n"
        "  input %x0: float32[1,2,4,4]\n"
        "  const %c0: float32[3,2,3,3]\n"
        "  const %c1: float32[3,1,1] fill\n"
        "  %t0: float32[1,3,2,2] = Conv(%x0, %c0, -)\n"
        "  %t2: float32[1,3,2,2] = Add(%t0, %c1)\n"
        "  output %t2\n"
    )


def test_dead_code_goes_and_inputs_stay() -> None:
    graph = sample()
    kept = graph.without_dead_code()
    assert len(kept.nodes) == len(graph.nodes) - 1
    assert kept.inputs == graph.inputs
    verify(kept, "test")


def test_macs_and_parameters() -> None:
    graph = sample().without_dead_code()
    assert graph.macs() == 3 * 2 * 2 * 2 * 3 * 3
    assert graph.parameters() == 3 * 2 * 3 * 3 + 3


def test_readers_count_every_use() -> None:
    b = Build()
    x = b.add(Relu(), b.input(3))
    twice = b.add(Add(), x, x)
    graph = b.graph(twice)
    assert len(graph.readers(x)) == 2
    assert graph.only_reader(x) is None
    assert graph.only_reader(twice) is None, "an output of the model is read outside"
    assert graph.producer(twice) is graph.nodes[-1]


def test_run_gives_every_tensor_by_name() -> None:
    graph = sample()
    values = run(graph, {"x0": np.ones((1, 2, 4, 4), np.float32)})
    assert {v.name for n in graph.nodes for v in n.outputs} <= set(values)
    conv = Conv().reference(np.ones((1, 2, 4, 4), np.float32), graph.constants["c0"])
    np.testing.assert_array_equal(values["t2"], conv + 1)


def test_verify_notices_constants_that_are_not_what_their_values_say() -> None:
    graph = sample()
    wrong = Graph(
        graph.name, graph.inputs, graph.outputs, graph.nodes, {**graph.constants, "c0": np.zeros(3, np.float32)}
    )
    with pytest.raises(CompilerBug, match="constant c0 is float32"):
        verify(wrong, "test")
