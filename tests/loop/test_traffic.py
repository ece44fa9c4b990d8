"""What kernels load and store, counted from their loops: as the interpreter sees it, and as one counts by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given

from compiler.analysis import analysis
from compiler.kernels.base import Situation, candidates
from compiler.loop.traffic import traffic
from compiler.lower import lower, lower_planned
from compiler.memory.lifetimes import liveness
from compiler.memory.planner import plan
from compiler.ops.activations import Relu
from compiler.ops.base import Op
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Transpose
from compiler.passes.order import optimize
from tests.kernels.geometry import KINDS, nodes
from tests.support.engines import interpret, load, new_arena
from tests.support.graphs import Build
from tests.support.op_cases import Case, case, concrete_ops, examples


def seen(drawn: Case, features: frozenset[str], best: int) -> None:
    """The interpreter's accesses, for the best schedules of the node."""
    node = drawn.node
    if not all(v.type.elements for v in (*drawn.graph.inputs, node.output)):
        return
    for offered in candidates(node, Situation(drawn.graph, features, "balanced"))[:best]:
        table = {node.output.name: offered}
        live = liveness(drawn.graph, table)
        program = lower_planned(drawn.graph, table, live, plan(live.lives, len(live.layers)))
        counted: Counter[tuple[str, str]] = Counter()

        def watch(how: str, root: str, _: int, counted: Counter[tuple[str, str]] = counted) -> None:
            counted[how, root] += 1

        interpret(program, load(new_arena(program), program.inputs, drawn.inputs), watch)
        (kernel,) = program.kernels
        for name, moved in traffic(kernel).items():
            if moved.exact:
                assert moved.stores == counted["store", name], (offered.name, name)
            assert moved.stores >= counted["store", name], (offered.name, name)
            # of a Select the interpreter loads only what is chosen; both are counted
            if not moved.exact or "Select(" in repr(kernel.body):
                assert moved.loads >= counted["load", name], (offered.name, name)
            else:
                assert moved.loads == counted["load", name], (offered.name, name)
            assert sum(moved.strides.values()) == moved.loads + moved.stores


@pytest.mark.parametrize("cls", [c for c in concrete_ops() if c.layout_rule != "view"], ids=lambda c: c.__name__)
def test_as_many_as_the_interpreter_sees(cls: type[Op]) -> None:
    @examples(4)
    @given(case(cls))
    def law(drawn: Case) -> None:
        seen(drawn, frozenset(), 1)

    law()


@pytest.mark.parametrize("features", [frozenset({"fpu32"}), frozenset({"simd256"})], ids=["fpu32", "simd256"])
@pytest.mark.parametrize("kind", KINDS)
def test_tuned_kernels_as_well(kind: str, features: frozenset[str]) -> None:
    @examples(3)
    @given(nodes(kind))
    def law(drawn: Case) -> None:
        seen(drawn, features, 2)

    law()


def test_a_small_net_by_hand() -> None:
    """A convolution of 3x3 with padding on 2x5x6, and a dense layer on its 60 elements."""
    b = Build()
    y = b.add(Relu(), b.add(Conv((1, 1), (1, 1, 1, 1)), b.input(1, 2, 5, 6), b.random(2, 2, 3, 3), b.random(2)))
    flat = b.add(Reshape((1, 60)), y)
    graph = optimize(b.graph(b.add(Dense(), flat, b.random(3, 60), b.random(3)))).graph
    program = lower(graph)
    found = analysis(program, {n.output.name: n for n in graph.nodes}, "any")
    conv, *copies, dense = found.layers
    assert conv.pattern == "contraction over a window"
    assert dense.pattern == "contraction"
    assert all(layer.pattern == "index map" for layer in copies)

    # Of 5 rows with 3 taps 2 taps lie outside, of 6 columns as well: 13 x 16 taps of 2 channels, for each of 2 results.
    x, w, bias, out = conv.operands
    taps = 13 * 16 * 2 * 2
    assert (x.loaded, w.loaded, bias.loaded, out.stored) == (4 * taps, 4 * taps, 4 * 60, 4 * 60)
    assert (x.bytes, w.bytes, bias.bytes, out.bytes) == (240, 144, 8, 240)
    assert (x.role, w.role, out.role) == ("input", "weights", "output")
    assert (x.stride, w.stride) == (30, 9)  # the innermost loop goes through the channels, as the model has them
    assert x.reuse == round(4 * taps / 240, 4)
    assert out.reuse == 1.0
    assert conv.macs == 5 * 6 * 2 * 2 * 9
    assert conv.loaded == 8 * taps + 240
    assert conv.macs_per_byte_loaded == round(conv.macs / conv.loaded, 4)
    assert conv.macs_per_byte == round(conv.macs / (240 + 144 + 8 + 240), 4)

    x, w, bias, out = dense.operands
    assert (x.loaded, w.loaded, bias.loaded, out.stored) == (4 * 180, 4 * 180, 4 * 3, 4 * 3)
    assert (x.stride, w.stride, x.stride_share) == (1, 1, 1.0)
    assert (x.reuse, w.reuse) == (3.0, 1.0)

    lives = {t.name: t for t in found.tensors}
    last = len(found.layers) - 1
    assert next((t.first, t.last) for t in found.tensors) == (-1, 0)
    assert (lives[dense.operands[3].name].first, lives[dense.operands[3].name].last) == (last, last)
    assert sum(t.bytes for t in found.tensors if t.first == -1) == 240
    for t in found.tensors:
        assert 0 <= t.offset <= found.arena_bytes - t.bytes


def test_the_strides_of_a_transposition() -> None:
    b = Build()
    graph = optimize(b.graph(b.add(Transpose((1, 0)), b.input(8, 16)))).graph
    program = lower(graph)
    ((x, y),) = (layer.operands for layer in analysis(program, {n.output.name: n for n in graph.nodes}, "any").layers)
    assert {x.stride, y.stride} in ({1, 16}, {1, 8})
    assert x.loaded == y.stored == 4 * 128
    assert np.isclose(x.reuse, 1.0)
