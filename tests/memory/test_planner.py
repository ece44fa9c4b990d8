"""Laws of the memory plan: live buffers are apart, but for overlaps that a schedule declares; no order is a loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import CompilerBug
from compiler.graph.graph import Graph
from compiler.kernels.base import Overlap, Schedule, Situation, candidates
from compiler.lower import lower
from compiler.memory.lifetimes import ALIGN, Life, aligned, is_view, liveness, needed_at
from compiler.memory.order import peak, reorder
from compiler.memory.planner import Plan, check, plan
from compiler.passes.order import optimize
from tests.support.graphs import Build, networks
from tests.support.op_cases import Draw, examples

distances = st.one_of(st.none(), st.integers(-3, 20).map(lambda n: 4 * n))


@st.composite
def lifetimes(draw: Draw) -> tuple[list[Life], int]:
    """Buffers over some layers; an output may share memory with inputs that its layer is the last to read."""
    layers = draw(st.integers(1, 8))
    lives: list[Life] = []
    for i in range(draw(st.integers(1, 14))):
        first = draw(st.integers(-1, layers - 1))
        last = draw(st.integers(max(first, 0), min(layers, max(first, 0) + 4)))
        size = draw(st.sampled_from([1, 4, 8, 12, 40, 64, 100, 128, 260]))
        may = {}
        for other in lives:
            if other.first < first == other.last and draw(st.booleans()):
                may[other.name] = Overlap(draw(st.booleans()), draw(distances), draw(distances))
        lives.append(Life(f"b{i}", size, first, last, may))
    if draw(st.booleans()):
        at = draw(st.integers(0, layers - 1))
        lives.append(Life("scratch", draw(st.integers(1, 90)), at, at, scratch=True))
    return lives, layers


def declared(output: Life, source: Life, at_output: int, at_source: int) -> bool:
    """Written out once more, apart from `Overlap.allows`."""
    if output.first != source.last or source.name not in output.may_share:
        return False
    o = output.may_share[source.name]
    same = o.exact and at_output == at_source
    ahead = o.forward is not None and at_source >= at_output + o.forward
    behind = o.backward is not None and at_output >= at_source + o.backward
    return same or ahead or behind


def expect_legal(p: Plan) -> None:
    for i, a in enumerate(p.lives):
        assert p.offsets[a.name] % ALIGN == 0
        assert 0 <= p.offsets[a.name] <= p.arena_bytes - a.size
        for b in p.lives[i + 1 :]:
            if a.last < b.first or b.last < a.first:
                continue
            at, bt = p.offsets[a.name], p.offsets[b.name]
            shared = set(range(at, at + a.size)) & set(range(bt, bt + b.size))
            assert not shared or declared(a, b, at, bt) or declared(b, a, bt, at), (a, at, b, bt)


@examples(150)
@given(lifetimes())
def test_live_buffers_share_bytes_only_as_declared(drawn: tuple[list[Life], int]) -> None:
    lives, layers = drawn
    result = plan(lives, layers)
    expect_legal(result)
    assert set(result.offsets) == {b.name for b in lives}
    assert result.lower_bound <= result.arena_bytes <= sum(aligned(b.size) for b in lives)


@examples(50)
@given(lifetimes())
def test_without_permissions_nothing_is_shared(drawn: tuple[list[Life], int]) -> None:
    lives = [Life(b.name, b.size, b.first, b.last) for b in drawn[0]]
    result = plan(lives, drawn[1])
    for i, a in enumerate(lives):
        for b in lives[i + 1 :]:
            if a.first <= b.last and b.first <= a.last:
                at, bt = result.offsets[a.name], result.offsets[b.name]
                assert at + a.size <= bt or bt + b.size <= at


@examples(50)
@given(lifetimes())
def test_a_plan_is_deterministic(drawn: tuple[list[Life], int]) -> None:
    assert plan(*drawn) == plan(*drawn)


@examples(50)
@given(lifetimes(), st.data())
def test_check_notices_a_moved_buffer(drawn: tuple[list[Life], int], data: st.DataObject) -> None:
    """Any single offset changed: either the plan is still legal by the definition above, or `check` refuses it."""
    result = plan(*drawn)
    name = data.draw(st.sampled_from(sorted(result.offsets)))
    moved = Plan(
        {**result.offsets, name: data.draw(st.integers(0, result.arena_bytes // ALIGN)) * ALIGN},
        result.lives, result.arena_bytes, result.lower_bound,
    )  # fmt: skip
    try:
        expect_legal(moved)
        legal = True
    except AssertionError:
        legal = False
    if legal:
        check(moved)
    else:
        with pytest.raises(CompilerBug, match=r"overlap while both are alive|lies outside"):
            check(moved)


def test_an_empty_graph_needs_nothing() -> None:
    assert plan([], 0).arena_bytes == 0


def scheduled(graph: Graph) -> dict[str, Schedule]:
    situation = Situation(graph, frozenset({"fpu32"}), "balanced")
    return {n.output.name: candidates(n, situation)[0] for n in graph.nodes if not is_view(n)}


@examples(40)
@given(networks(12))
def test_the_order_search_never_makes_it_worse(graph: Graph) -> None:
    graph = optimize(graph).graph
    schedules = scheduled(graph)
    after = reorder(graph, schedules)
    assert peak(after, schedules) <= peak(graph, schedules)
    assert sorted(n.output.name for n in after.nodes) == sorted(n.output.name for n in graph.nodes)
    seen = {v.name for v in graph.inputs} | set(graph.constants)
    for node in after.nodes:
        assert all(v.name in seen for v in node.present), "a node runs before its operands"
        seen |= {v.name for v in node.outputs}


@examples(40)
@given(networks(12))
def test_plans_of_networks_are_legal_and_above_the_bound(graph: Graph) -> None:
    program = lower(optimize(graph).graph, frozenset({"fpu32"}))
    expect_legal(program.plan)
    lives, layers = program.plan.lives, len(program.layers)
    assert program.arena_bytes >= program.plan.lower_bound == max(needed_at(lives, i) for i in range(-1, layers + 1))


def test_a_wide_branch_runs_first_when_that_needs_less() -> None:
    """Two branches from one input: the one that shrinks runs before the one that stays large."""
    b = Build()
    x = b.input(1, 4, 8, 8)
    large = b.conv(x, 16, 1)
    small = b.conv(x, 1, 8)
    reduced = b.conv(large, 1, 8)
    from compiler.ops.arithmetic import Add

    graph = optimize(b.graph(b.add(Add(), small, reduced))).graph
    schedules = scheduled(graph)
    assert peak(reorder(graph, schedules), schedules) <= peak(graph, schedules)


def test_lifetimes_follow_views_and_outputs() -> None:
    from compiler.ops.activations import Relu
    from compiler.ops.shaping import Reshape

    b = Build()
    x = b.add(Relu(), b.input(1, 6))
    flat = b.add(Reshape((6,)), x)
    y = b.add(Relu(), flat)
    z = b.dense(y, 2)
    graph = b.graph(y, z)
    live = liveness(graph, scheduled(graph))
    lives = {life.name: life for life in live.lives}
    assert live.home[flat.name] == x.name
    assert lives[x.name].last == 1
    assert lives[y.name].last == len(live.layers), "an output of the model lives to the end"
    assert lives["x0"].first == -1
