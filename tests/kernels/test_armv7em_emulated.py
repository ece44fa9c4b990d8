"""Depthwise convolutions, sums, pools and tables on the emulated processor, by each compiler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

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
from tests.kernels.test_armv7em_add import sums
from tests.kernels.test_armv7em_depthwise import depthwise
from tests.kernels.test_armv7em_lookup import case
from tests.kernels.test_armv7em_pool import pools
from tests.kernels.test_tuned import placed
from tests.support.engines import side_by_side
from tests.support.op_cases import Case, examples

FEATURES = frozenset({"dsp"})
COUNTS: dict[str, tuple[st.SearchStrategy[Case], int]] = {
    "depthwise": (depthwise(), 5),
    "sums": (sums(), 3),
    "pools": (pools(), 4),
    "tables": (st.builds(case, st.sampled_from(["int8", "uint8"]), st.just("int8"), st.just(259)), 1),
}  # the harness takes 16 inputs, of which sums have two


def offered(drawn: Case) -> list[Schedule]:
    found = candidates(drawn.node, Situation(drawn.graph, FEATURES, "balanced"))
    return [s for s in found if s.family == "armv7em"]


def some(cases: st.SearchStrategy[Case], count: int) -> list[tuple[Case, Program]]:
    """The first drawn nodes for which a kernel is offered."""
    found: list[tuple[Case, Program]] = []

    @examples(4 * count)
    @given(cases)
    def draw(drawn: Case) -> None:
        if len(found) < count:
            found.extend((drawn, placed(drawn, schedule, {})) for schedule in offered(drawn)[:1])

    draw()
    assert len(found) == count
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("emitter", "compiler"), [("c", "gcc"), ("c", "clang"), ("llvm", "clang")])
def test_on_the_emulated_processor(emitter: Any, compiler: Any, tmp_path: Path) -> None:
    cases = [case for strategy, count in COUNTS.values() for case in some(strategy, count)]
    whole = replace(side_by_side([p for _, p in cases]), features=FEATURES)
    inputs = {f"p{i}_{name}": a for i, (drawn, _) in enumerate(cases) for name, a in drawn.inputs.items()}
    options = CompileOptions(emit=emitter, compiler=compiler)
    sources = emit.get(emitter).files(whole, options)
    _, measured = measure(whole, sources, targets.target("cortex-m4"), options, tmp_path, [inputs])
    for (drawn, p), (got,) in zip(cases, measured.runs[0].layers, strict=True):
        want = run(drawn.graph, drawn.inputs)["y"]
        np.testing.assert_array_equal(got.reshape(want.shape), want, err_msg=f"{p.layers[0].op} {p.layers[0].schedule}")
