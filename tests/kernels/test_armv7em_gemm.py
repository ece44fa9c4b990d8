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
from compiler.graph.run import run
from compiler.kernels.base import Schedule, Situation, candidates
from compiler.options import CompileOptions
from compiler.program import Program
from tests.kernels.integer_nodes import FEATURES, KINDS, nodes
from tests.kernels.test_tuned import placed, tightest
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

    @examples(15)
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
