"""Every ONNX operator that we read, against ONNX Runtime, over attributes and opsets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from compiler.graph.types import Array
from compiler.importers.onnx_node import qualified
from compiler.ops.base import onnx_readers
from compiler.program import Program
from tests.importers.onnx_cases import SPECIAL, WITHOUT_ATTRIBUTES, OneNode, one_node_models
from tests.support.engines import fetch, new_arena, parts, run_jitted, same_bits, side_by_side
from tests.support.onnx_models import (
    backend_cases,
    by_interpreter,
    by_numpy,
    compiled,
    imported,
    theirs,
)
from tests.support.op_cases import examples

COUNT = 15


def expect_close(got: Array, want: Array, rtol: float = 1e-5) -> None:
    assert got.shape == want.shape
    finite = want[np.isfinite(want)]
    reach = float(np.abs(finite).max(initial=0.0))
    np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-5 * max(1.0, reach))


@pytest.mark.slow
@pytest.mark.parametrize("op", sorted({*SPECIAL, *WITHOUT_ATTRIBUTES}))
def test_operator_agrees_with_onnx_runtime(op: str) -> None:
    programs: list[Program] = []
    arenas: list[tuple[np.ndarray, np.ndarray]] = []

    @examples(COUNT)
    @given(one_node_models(op))
    def law(drawn: OneNode) -> None:
        want = theirs(drawn.model, drawn.values)
        graph = imported(drawn.model)
        for got, expected in zip(by_numpy(graph, drawn.values), want, strict=True):
            expect_close(got, expected)
        program = compiled(graph, ["fpu32"])
        before, after, results = by_interpreter(program, drawn.values)
        for got, expected in zip(results, want, strict=True):
            expect_close(got, expected)
        programs.append(program)
        arenas.append((before, after))

    law()
    agree_in_llvm(programs, arenas)


def agree_in_llvm(programs: list[Program], arenas: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """All programs in one module, run in this process, compute the interpreter's bits."""
    whole = side_by_side(programs)
    image = new_arena(whole)
    starts = parts(programs)
    for start, (before, _) in zip(starts, arenas, strict=True):
        image[start : start + len(before)] = before
    left = run_jitted(whole, image)
    for program, start, (_, after) in zip(programs, starts, arenas, strict=True):
        for y in program.outputs:
            assert same_bits(fetch(left[start : start + len(after)].copy(), y), fetch(after, y)), program.layers


def test_every_operator_is_tried_on_somebody_elses_truth() -> None:
    """Here, or by a case of the ONNX project's suite; those of other domains have tests of their own."""
    nodes = [node for case in backend_cases() for node in case.model.graph.node]
    tried = {*SPECIAL, *WITHOUT_ATTRIBUTES, *(qualified(node) for node in nodes)}
    assert {op for op in onnx_readers() if not op.startswith("com.microsoft:")} <= tried
