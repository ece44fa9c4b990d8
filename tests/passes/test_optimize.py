"""All passes together: random networks compute the same afterwards, compiled or not; layouts; what the report says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import CompilerBug
from compiler.graph.graph import Graph
from compiler.graph.text import text
from compiler.graph.types import Layout
from compiler.graph.verify import verify
from compiler.lower import lower
from compiler.memory.lifetimes import is_view
from compiler.ops.activations import Relu
from compiler.ops.arithmetic import Add
from compiler.ops.pool import AveragePool
from compiler.ops.shaping import Reshape
from compiler.ops.softmax import Softmax
from compiler.ops.transpose import Copy, Transpose
from compiler.passes.order import optimize
from compiler.program import Program
from tests.ops.test_lowering import check_jitted
from tests.support.engines import fetch, interpret, load, new_arena
from tests.support.golden import Golden
from tests.support.graphs import Build, expect_same, networks, outputs_of, random_inputs
from tests.support.op_cases import examples


@pytest.fixture(autouse=True, scope="module")
def _verify_every_pass() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPMETAL_VERIFY", "1")
        yield


@examples(60)
@given(networks(), st.booleans())
def test_passes_keep_the_meaning(graph: Graph, native_io: bool) -> None:
    verify(graph, "building")
    after = optimize(graph, native_io).graph
    expect_same(graph, after)
    assert [v.shape for v in after.outputs] == [v.shape for v in graph.outputs]


@pytest.mark.slow
def test_random_networks_compiled() -> None:
    """Passes, tuned kernels, planner, overlapping buffers: every output, by interpreter and LLVM."""
    programs: list[Program] = []
    before: list[np.ndarray] = []
    after: list[np.ndarray] = []

    @examples(40)
    @given(networks(), st.sampled_from([frozenset(), frozenset({"fpu32"})]), st.booleans())
    def law(graph: Graph, features: frozenset[str], native_io: bool) -> None:
        inputs = random_inputs(graph)
        program = lower(optimize(graph, native_io).graph, features)
        arena = load(new_arena(program), program.inputs, inputs)
        left = interpret(program, arena)
        for slot, want in zip(program.outputs, outputs_of(graph, inputs), strict=True):
            reach = max(1.0, float(np.abs(want).max(initial=0)))
            np.testing.assert_allclose(fetch(left, slot), want, rtol=1e-5, atol=1e-5 * reach)
        programs.append(program)
        before.append(arena)
        after.append(left)

    law()
    check_jitted(programs, before, after)


def layouts(graph: Graph) -> dict[str, str]:
    return {type(n.op).__name__: str(n.output.type.layout) for n in graph.nodes}


def test_convolutions_lie_channels_last_and_transposes_cost_nothing() -> None:
    b = Build()
    x = b.add(Transpose((0, 3, 1, 2)), b.input(1, 5, 4, 2))  # the source is channels-last
    y = b.add(Relu(), b.conv(x, pads=(1, 1, 1, 1)))
    graph = optimize(b.graph(b.add(Transpose((0, 2, 3, 1)), y))).graph
    assert layouts(graph)["Conv"] == str(Layout.channels_last(4))
    kernels = [type(n.op).__name__ for n in graph.nodes if not is_view(n)]
    assert kernels == ["Conv"]


def test_flatten_before_dense_moves_no_data() -> None:
    b = Build()
    y = b.conv(b.input(1, 2, 5, 4))
    graph = optimize(b.graph(b.dense(b.add(Reshape((1, y.type.elements)), y)))).graph
    assert not [n for n in graph.nodes if isinstance(n.op, Copy)]


def test_native_io_leaves_the_output_channels_last() -> None:
    b = Build()
    graph = b.graph(b.conv(b.input(1, 2, 5, 4)))
    assert str(optimize(graph, native_io=True).graph.outputs[0].type.layout) == "@0231"
    assert str(optimize(graph, native_io=False).graph.outputs[0].type.layout) == ""


def test_what_the_passes_did_is_reported() -> None:
    b = Build()
    y = b.add(Relu(), b.batch_norm(b.conv(b.input(1, 2, 5, 4))))
    steps = {p.name: p for p in optimize(b.graph(y)).passes}
    assert steps["fold_batch_norm"].flash_saved == 4 * y.type.itemsize * y.shape[1]  # four numbers for each channel
    assert steps["fuse_tail"].ram_saved == y.type.bytes
    assert "choose_layouts" in steps


def test_golden_text_of_a_small_network(golden: Callable[[str], Golden]) -> None:
    b = Build()
    x = b.add(Relu(), b.batch_norm(b.conv(b.input(1, 2, 6, 6), 4, pads=(1, 1, 1, 1))))
    y = b.add(Relu(), b.add(Add(), b.conv(x, 4, pads=(1, 1, 1, 1)), x))
    pooled = b.add(AveragePool((6, 6)), y)
    logits = b.dense(b.add(Reshape((1, 4)), pooled), 3)
    golden("residual.graph").check(text(optimize(b.graph(b.add(Softmax(1), logits))).graph))


def test_verify_notices_a_broken_graph() -> None:
    b = Build()
    y = b.add(Relu(), b.input(2, 3))
    graph = b.graph(y)
    with pytest.raises(CompilerBug, match="which nothing before it writes"):
        verify(b.graph(b.add(Relu(), y)).with_nodes(reversed(b.nodes)), "test")
    with pytest.raises(CompilerBug, match="never written"):
        verify(graph.with_nodes([]), "test")
    with pytest.raises(CompilerBug, match="written twice"):
        verify(graph.with_nodes([*graph.nodes, *graph.nodes]), "test")
