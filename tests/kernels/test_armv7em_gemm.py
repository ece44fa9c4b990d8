"""Integer kernels for Cortex-M with DSP: exactly what the operator means, for every geometry, factor and rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.run import run
from compiler.kernels.base import Schedule, Situation, candidates
from tests.kernels.integer_nodes import FEATURES, KINDS, nodes
from tests.kernels.test_tuned import placed
from tests.ops.test_lowering import check_in_c, check_jitted
from tests.support.engines import fetch, interpret, load, new_arena
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
