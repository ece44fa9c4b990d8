"""Laws of the memory plan: live buffers never share bytes, except as their schedules allow."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import CompilerBug
from compiler.kernels.base import Overlap
from compiler.memory.lifetimes import Life, needed_at
from compiler.memory.planner import Plan, check, plan

distances = st.none() | st.integers(0, 200)


@st.composite
def lives(draw: st.DrawFn) -> list[Life]:
    """Up to a dozen buffers over up to eight layers; some outputs may share with inputs that die in their layer."""
    layers = draw(st.integers(1, 8))
    buffers: list[Life] = []
    for i in range(draw(st.integers(1, 12))):
        first = draw(st.integers(-1, layers - 1))
        last = draw(st.integers(first, layers))
        may = {}
        for other in buffers:
            if other.last == first and draw(st.booleans()):
                may[other.name] = Overlap(draw(st.booleans()), draw(distances), draw(distances))
        buffers.append(Life(f"b{i}", draw(st.integers(1, 300)), first, last, may))
    return buffers


def meet(a: Life, b: Life) -> bool:
    return a.first <= b.last and b.first <= a.last


def allowed(output: Life, source: Life, at: dict[str, int]) -> bool:
    share = output.may_share.get(source.name)
    return share is not None and output.first == source.last and share.allows(at[output.name], at[source.name])


@given(lives())
def test_live_buffers_never_share_bytes(buffers: list[Life]) -> None:
    result = plan(buffers, 8)
    at = dict(result.offsets)
    for a, b in combinations(buffers, 2):
        apart = at[a.name] + a.size <= at[b.name] or at[b.name] + b.size <= at[a.name]
        assert apart or not meet(a, b) or allowed(a, b, at) or allowed(b, a, at)


@given(lives())
def test_everything_lies_in_the_arena_and_aligned(buffers: list[Life]) -> None:
    result = plan(buffers, 8)
    assert all(result.offsets[b.name] % 8 == 0 for b in buffers)
    assert max(result.offsets[b.name] + b.size for b in buffers) <= result.arena_bytes


@given(lives())
def test_a_plan_without_sharing_needs_what_is_alive_at_once(buffers: list[Life]) -> None:
    plain = [Life(b.name, b.size, b.first, b.last) for b in buffers]
    result = plan(plain, 8)
    alive = max(sum(-(-b.size // 8) * 8 for b in plain if b.first <= layer <= b.last) for layer in range(-1, 9))
    assert result.lower_bound == alive <= result.arena_bytes


@given(lives())
def test_the_same_buffers_give_the_same_plan(buffers: list[Life]) -> None:
    assert plan(buffers, 8).offsets == plan(list(buffers), 8).offsets


@pytest.mark.parametrize(
    ("overlap", "arena"),
    [(Overlap(), 200), (Overlap(exact=True), 104), (Overlap(forward=16), 120), (Overlap(backward=24), 120)],
)
def test_an_output_takes_the_place_of_a_dying_input_as_far_as_it_may(overlap: Overlap, arena: int) -> None:
    x, y = Life("x", 100, -1, 0), Life("y", 96, 0, 1, {"x": overlap})
    assert plan([x, y], 1).arena_bytes == arena
    assert needed_at([x, y], 0) == arena


def test_an_input_that_is_read_later_keeps_its_place() -> None:
    x, y = Life("x", 64, -1, 1), Life("y", 64, 0, 1, {"x": Overlap(exact=True, forward=0, backward=0)})
    assert plan([x, y], 2).arena_bytes == 128


def test_a_chain_of_equal_tensors_goes_up_and_down_instead_of_drifting() -> None:
    """Eight layers that may each run either way need one distance more than a tensor, not eight."""
    either = Overlap(forward=40, backward=40)
    chain = [Life("t0", 800, -1, 0)]
    chain += [Life(f"t{i}", 800, i - 1, i, {f"t{i - 1}": either}) for i in range(1, 9)]
    assert plan(chain, 9).arena_bytes == 840


@pytest.mark.parametrize("offset", [0, 8, 56])
def test_a_wrong_plan_is_noticed(offset: int) -> None:
    x, y = Life("x", 64, 0, 2), Life("y", 64, 1, 2)
    with pytest.raises(CompilerBug, match="overlap"):
        check(Plan({"x": 0, "y": offset}, (x, y), 128, 128))
    with pytest.raises(CompilerBug, match="arena"):
        check(Plan({"x": 0, "y": 72}, (x, y), 128, 128))
