"""Integer kernels for Cortex-M with DSP: exactly what the operator means, for every geometry, factor and rounding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import emit, targets
from compiler.emulator.measure import measure
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import TensorType
from compiler.kernels.base import Schedule, Situation, candidates
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map, Step
from compiler.ops.requantize import Requantize
from compiler.options import CompileOptions
from compiler.program import Program
from tests.kernels.integer_nodes import FEATURES, KINDS, nodes
from tests.kernels.test_tuned import placed, tightest
from tests.loop.test_traffic import seen
from tests.ops.test_lowering import check_in_c, check_jitted
from tests.support.engines import fetch, interpret, load, new_arena, run_jitted, side_by_side
from tests.support.op_cases import Case, examples

by_kind = pytest.mark.parametrize("kind", KINDS)


def offered(drawn: Case, objective: str = "balanced") -> list[Schedule]:
    found = candidates(drawn.node, Situation(drawn.graph, FEATURES, objective))
    return [s for s in found if s.family == "armv7em"]


@pytest.mark.slow
@by_kind
def test_kernels_compute_the_operator(kind: str, tmp_path: Path) -> None:
    programs, before, after, taken = [], [], [], 0

    @examples(24)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        nonlocal taken
        drawn = data.draw(nodes(kind))
        found = offered(drawn, data.draw(st.sampled_from(["balanced", "size"])))
        want = run(drawn.graph, drawn.inputs)["y"]
        for schedule in found[:1]:
            program = placed(drawn, schedule, {})
            arena = load(new_arena(program), program.inputs, drawn.inputs)
            left = interpret(program, arena)
            np.testing.assert_array_equal(fetch(left, program.outputs[0]), want, err_msg=schedule.name)
            if taken < 20:
                programs.append(program)
                before.append(arena)
                after.append(left)
            taken += 1

    law()
    assert taken > 8, "most nodes have a tuned kernel"
    check_in_c(programs, before, after, tmp_path)
    check_jitted(programs, before, after)


def switched_off(rounding: str, bias: int, shift: int) -> Case:
    """A dense layer of 8 inputs whose only channel has a huge bias and a tiny factor."""
    x = Value("x", TensorType.of("int8", (1, 8)))
    arrays = {
        "w": np.array([[127, -127, 127, 5, 0, 127, 127, -3]], np.int8),
        "b": np.array([bias], np.int32),
        "m": np.array([2**31 - 5], np.int32),
        "s": np.array([shift], np.int32),
    }
    values = [Value(name, TensorType.of(str(a.dtype), a.shape)) for name, a in arrays.items()]
    op = Dense(Map(3, (Step(Requantize("int8", 9, -128, 127, rounding), (0, 1, 2)),)))  # type: ignore[arg-type]
    y = Value("y", TensorType.of("int8", (1, 1)))
    node = Node(op, (x, *values), (y,), "node", ("node",), ("",))
    return Case(Graph("case", (x,), (y,), (node,), arrays), {})


@pytest.mark.parametrize("rounding", ["single", "double"])
def test_a_channel_that_is_switched_off(rounding: str) -> None:
    """Two results that are neighbours, or one: a comparison stands for a product that fits no word."""
    reach = 127 * 128
    kinds = set()
    for bias in (2**30 + 2**27, 3 * 2**29 - reach // 2, 3 * 2**29, -(2**30), -(3 * 2**29) + 77, 2**31 - 2**17):
        drawn = switched_off(rounding, bias, -30)
        schedules = offered(drawn)
        assert schedules, "it has a tuned kernel"
        results = set()
        for inputs in (
            np.full(8, -128),
            np.full(8, 127),
            np.array([127, -128, 127, 127, 0, 127, 127, -128]),
            -np.eye(8)[0],
        ):
            for sign in (1, -1):
                x = np.clip(sign * inputs, -128, 127).astype(np.int8).reshape(1, 8)
                case = Case(drawn.graph, {"x": x})
                want = run(case.graph, case.inputs)["y"]
                np.testing.assert_array_equal(at(case, schedules[0], {}), want)
                results.add(int(want[0, 0]))
        kinds.add(len(results))
    assert kinds == {1, 2}


def test_what_they_move_is_counted_through_calls() -> None:
    @examples(4)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        seen(data.draw(nodes(data.draw(st.sampled_from(KINDS)))), FEATURES, 1)

    law()


def some(kind: str, count: int) -> list[tuple[Case, Program]]:
    """Drawn nodes with the kernels that are offered for them."""
    found: list[tuple[Case, Program]] = []

    @examples(count)
    @given(nodes(kind))
    def draw(drawn: Case) -> None:
        found.extend((drawn, placed(drawn, schedule, {})) for schedule in offered(drawn)[:1])

    draw()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("emitter", "compiler"), [("c", "gcc"), ("c", "clang"), ("llvm", "clang")])
def test_on_the_emulated_processor(emitter: str, compiler: str, tmp_path: Path) -> None:
    cases = [case for kind in KINDS for case in some(kind, 4)]  # the harness takes 16 inputs
    assert 8 < len(cases) <= 16
    whole = replace(side_by_side([p for _, p in cases]), features=FEATURES)
    given_values = {f"p{i}_{name}": a for i, (drawn, _) in enumerate(cases) for name, a in drawn.inputs.items()}
    options = CompileOptions(emit=emitter, compiler=compiler)  # type: ignore[arg-type]
    sources = emit.get(emitter).files(whole, options)
    _, measured = measure(whole, sources, targets.target("cortex-m4"), options, tmp_path, [given_values])
    for (drawn, p), (got,) in zip(cases, measured.runs[0].layers, strict=True):
        want = run(drawn.graph, drawn.inputs)["y"]
        np.testing.assert_array_equal(got.reshape(want.shape), want, err_msg=p.layers[0].schedule)


def at(drawn: Case, schedule: Schedule, offsets: dict[str, int]) -> np.ndarray:
    program = placed(drawn, schedule, offsets)
    return fetch(run_jitted(program, load(new_arena(program), program.inputs, drawn.inputs)), program.outputs[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["window", "pointwise", "line"])
def test_overlap_at_the_declared_distances(kind: str) -> None:
    """Output and input lie as closely as the schedule says; the result is that of the disjoint run."""
    ways_seen: set[str] = set()

    @examples(80 if kind == "line" else 15)  # few lines are long enough for the tensors to meet
    @given(nodes(kind))
    def law(drawn: Case) -> None:
        want = run(drawn.graph, drawn.inputs)["y"]
        for schedule in offered(drawn)[:1]:
            given_bytes = drawn.node.value(0).type.bytes
            for way, (y, x) in tightest(schedule.overlap[0], drawn.node.output.type.bytes, given_bytes).items():
                got = at(drawn, schedule, {"y": y, "x": x})
                np.testing.assert_array_equal(got, want, err_msg=f"{schedule.name} {way}: y at {y}, x at {x}")
                ways_seen.add(way)

    law()
    assert ways_seen == {"forward", "backward"}
