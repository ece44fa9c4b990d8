"""Tuned kernels compute what the operator means, for every geometry that they accept; and overlap as they declare.

The distances at which output and input may overlap are proved by running at exactly these distances.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Value
from compiler.graph.run import run
from compiler.graph.types import TensorType
from compiler.kernels.base import Overlap, Schedule, Situation, candidates
from compiler.lower import lower_planned
from compiler.memory.lifetimes import liveness
from compiler.memory.planner import Plan
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.program import Program
from tests.kernels.geometry import FEATURES, KINDS, nodes
from tests.ops.test_lowering import check_in_c, check_jitted, expect_close
from tests.support.engines import fetch, interpret, load, new_arena, same_bits
from tests.support.op_cases import Case, examples

PROCESSORS = (FEATURES, frozenset({"simd128"}), frozenset({"simd512", "vregs32"}))
by_kind = pytest.mark.parametrize("kind", KINDS)


def offered(drawn: Case, objective: str = "balanced", features: frozenset[str] = FEATURES) -> list[Schedule]:
    """What the tuned families offer for the node; generic loops are not among it."""
    found = candidates(drawn.node, Situation(drawn.graph, features, objective))
    return [s for s in found if s.family != "generic"]


def placed(drawn: Case, schedule: Schedule, offsets: dict[str, int]) -> Program:
    """The program with its buffers at given places; scratch and what is not named lies behind."""
    table = {"y": schedule}
    live = liveness(drawn.graph, table)
    at = max((offsets[b.name] + b.size for b in live.lives if b.name in offsets), default=0)
    where = dict(offsets)
    for b in live.lives:
        if b.name not in where:
            where[b.name] = -(-at // 8) * 8
            at = where[b.name] + b.size
    plan = Plan(where, live.lives, -(-at // 8) * 8, 0)
    return lower_planned(drawn.graph, table, live, plan)


def result(drawn: Case, program: Program) -> np.ndarray:
    arena = load(new_arena(program), program.inputs, drawn.inputs)
    return fetch(interpret(program, arena), program.outputs[0])


@pytest.mark.slow
@by_kind
def test_tuned_kernels_compute_the_operator(kind: str, tmp_path: Path) -> None:
    programs, before, after, names = [], [], [], set()

    @examples(18)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        drawn = data.draw(nodes(kind))
        objective = data.draw(st.sampled_from(["balanced", "speed", "size", "ram"]))
        found = offered(drawn, objective, data.draw(st.sampled_from(PROCESSORS)))
        if not found:
            return
        schedule = data.draw(st.sampled_from(found))
        names.add(schedule.name.split()[0])
        program = placed(drawn, schedule, {})
        arena = load(new_arena(program), program.inputs, drawn.inputs)
        left = interpret(program, arena)
        expect_close(drawn, fetch(left, program.outputs[0]), run(drawn.graph, drawn.inputs)["y"])
        programs.append(program)
        before.append(arena)
        after.append(left)

    law()
    assert names, "no tuned kernel takes this kind"
    check_in_c(programs, before, after, tmp_path)
    check_jitted(programs, before, after)


@by_kind
def test_the_width_of_registers_changes_no_bit(kind: str) -> None:
    seen: set[str] = set()

    @examples(25)
    @given(nodes(kind))
    def law(drawn: Case) -> None:
        results = {}
        for features in PROCESSORS:
            for schedule in offered(drawn, "balanced", features)[:2]:
                results[schedule.name] = result(drawn, placed(drawn, schedule, {}))
                seen.add(schedule.family)
        first, *others = results.items() or [("", np.zeros(0))]
        for name, other in others:
            assert same_bits(first[1], other), f"{name} differs from {first[0]}"

    law()
    assert seen >= {"fpu32", "simd128"}


def with_integer_weights(drawn: Case) -> Case | None:
    """The same layer with int8 weights, as when weights alone are quantised; None when they are no array."""
    node, w = drawn.node, drawn.graph.constant(drawn.node.inputs[1])
    if w is None or node.value(1).name in drawn.inputs:
        return None
    small = Value(node.value(1).name, TensorType.of("int8", w.shape))
    changed = replace(node, inputs=(node.inputs[0], small, *node.inputs[2:]))
    constants = {**drawn.graph.constants, small.name: np.clip(np.rint(w * 20), -127, 127).astype(np.int8)}
    return Case(drawn.graph.with_nodes((changed,), constants), drawn.inputs)


@pytest.mark.parametrize("kind", KINDS)
def test_integer_weights_are_floats_when_they_are_multiplied(kind: str) -> None:
    seen: set[str] = set()

    @examples(15)
    @given(nodes(kind), st.sampled_from(PROCESSORS))
    def law(drawn: Case, features: frozenset[str]) -> None:
        hybrid = with_integer_weights(drawn)
        if hybrid is None or not isinstance(drawn.node.op, (Conv, Dense)):
            return
        for schedule in offered(hybrid, "balanced", features)[:2]:
            got = result(hybrid, placed(hybrid, schedule, {}))
            expect_close(hybrid, got, run(hybrid.graph, hybrid.inputs)["y"])
            seen.add(schedule.name.split()[0])

    law()
    assert seen, "no tuned kernel takes integer weights"


def tightest(allowed: Overlap, output: int, source: int) -> dict[str, tuple[int, int]]:
    """For each way of overlapping: offsets of output and input at the smallest distance that is declared."""
    ways = {}
    if allowed.exact:
        ways["exact"] = (0, 0)
    if allowed.forward is not None:
        ways["forward"] = (max(0, -allowed.forward), max(0, allowed.forward))
    if allowed.backward is not None:
        ways["backward"] = (max(0, allowed.backward), max(0, -allowed.backward))
    return {name: at for name, at in ways.items() if at[0] < at[1] + source and at[1] < at[0] + output}


@pytest.mark.slow
@by_kind
def test_overlap_at_the_declared_distances(kind: str) -> None:
    """Output and input really overlap, as closely as the schedule says; the result is that of the disjoint run."""
    ways_seen: set[str] = set()

    @examples(30)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        drawn = data.draw(nodes(kind, data.draw(st.booleans())))
        found = offered(drawn, features=data.draw(st.sampled_from(PROCESSORS)))
        if not found:
            return
        schedule = data.draw(st.sampled_from(found))
        want = result(drawn, placed(drawn, schedule, {}))
        for index, allowed in schedule.overlap.items():
            source = drawn.node.inputs[index]
            if source is None or source.name not in drawn.inputs:
                continue
            for way, (y, x) in tightest(allowed, drawn.node.output.type.bytes, source.type.bytes).items():
                got = result(drawn, placed(drawn, schedule, {"y": y, source.name: x}))
                assert same_bits(got, want), f"{schedule.name} {way}: output at {y}, operand {index} at {x}"
                ways_seen.add(way)

    law()
    # Dense reads all of its input for each output; an image of one row is read as a whole.
    expected = {"exact"} if kind in ("dense", "line") else {"exact", "forward", "backward"}
    assert ways_seen >= expected


@pytest.mark.slow
@pytest.mark.parametrize("way", ["forward", "backward"])
def test_closer_than_declared_is_wrong(way: str) -> None:
    """The distances are no more than needed, and this file's comparison notices an overlap that is too close."""
    from hypothesis import find, settings

    def breaks(drawn: Case) -> bool:
        for schedule in offered(drawn)[:3]:
            allowed = schedule.overlap.get(0)
            distance = getattr(allowed, way) if allowed is not None else None
            if distance is None or distance < 4:
                continue
            y, x = (0, distance - 4) if way == "forward" else (distance - 4, 0)
            if y >= x + drawn.node.value(0).type.bytes or x >= y + drawn.node.output.type.bytes:
                continue
            closer = Overlap(**{way: distance - 4})
            overlap = {**schedule.overlap, 0: closer}
            bold = Schedule(**{**vars(schedule), "overlap": overlap})
            if not same_bits(
                result(drawn, placed(drawn, bold, {"y": y, "x": x})), result(drawn, placed(drawn, schedule, {}))
            ):
                return True
        return False

    find(nodes("direct"), breaks, settings=settings(max_examples=200, derandomize=True, database=None))


def test_the_generic_loops_are_always_offered() -> None:
    @examples(10)
    @given(nodes("direct"))
    def law(drawn: Case) -> None:
        situation = Situation(drawn.graph, frozenset(), "balanced")
        assert [s.name for s in candidates(drawn.node, situation)] == ["generic"]

    law()
