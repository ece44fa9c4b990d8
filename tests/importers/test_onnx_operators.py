"""Every ONNX operator that we read, against ONNX Runtime, over attributes and opsets; and onnx's own examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from onnx.backend.test.case.test_case import TestCase as BackendTestCase

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.ops.base import onnx_readers
from compiler.program import Program
from tests.importers.onnx_cases import OneNode, one_node_models
from tests.support.engines import STRICT, fetch, load, new_arena, parts, run_in_c, run_jitted, same_bits, side_by_side
from tests.support.onnx_models import (
    Arrays,
    backend_cases,
    by_interpreter,
    by_numpy,
    compiled,
    imported,
    theirs,
    with_constants,
)
from tests.support.op_cases import examples

COUNT = 15


def expect_close(got: Array, want: Array, rtol: float = 1e-5) -> None:
    assert got.shape == want.shape
    finite = want[np.isfinite(want)]
    reach = float(np.abs(finite).max(initial=0.0))
    np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-5 * max(1.0, reach))


@pytest.mark.slow
@pytest.mark.parametrize("op", sorted(onnx_readers()))
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


def test_every_operator_has_a_strategy() -> None:
    for op in onnx_readers():
        one_node_models(op)


# Examples of onnx that we read but do not compile, each with its reason.
EXCEPTIONS: dict[str, str] = {
    "test_batchnorm_example_training_mode": "training mode updates statistics",
    "test_batchnorm_epsilon_training_mode": "training mode updates statistics",
    "test_training_dropout_default": "training mode drops random elements",
    "test_training_dropout": "training mode drops random elements",
    "test_training_dropout_zero_ratio": "training mode drops random elements",
    "test_identity_sequence": "sequences are no tensors",
    "test_identity_opt": "optional values are no tensors",
}
ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 1e-3}  # the expected numbers have four digits
KNOWN_OPERANDS = {"Clip", "Pad"}  # bounds and fill values are taken at compile time


def float_case(case: BackendTestCase) -> bool:
    """Is it about operators that we read, with float32 results?"""
    assert case.model is not None
    assert case.data_sets is not None
    if not {n.op_type for n in case.model.graph.node} <= {*onnx_readers(), "Constant"}:
        return False
    kinds = {np.asarray(y).dtype for _, results in case.data_sets for y in results if not isinstance(y, list | None)}
    given = {np.asarray(x).dtype for values, _ in case.data_sets for x in values if not isinstance(x, list | None)}
    return kinds == {np.dtype(np.float32)} and np.dtype(np.float32) in given


CASES = {c.name: c for c in backend_cases() if float_case(c)}


def split_inputs(case: BackendTestCase, values: list[Array]) -> tuple[object, Arrays]:
    operators = {n.op_type for n in case.model.graph.node}
    return with_constants(case.model, values, all_but_first=bool(operators & KNOWN_OPERANDS))


CLAIMED = [n for n in CASES if n not in EXCEPTIONS]
CHUNK = 40


@pytest.mark.parametrize("name", CLAIMED)
def test_examples_of_the_onnx_package(name: str) -> None:
    case = CASES[name]
    for values, want in case.data_sets:
        model, given = split_inputs(case, values)
        for got, expected in zip(by_numpy(imported(model), given), want, strict=True):
            expect_close(got, np.asarray(expected), ROUNDED.get(name, 1e-5))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, len(CLAIMED), CHUNK))
def test_examples_of_the_onnx_package_compiled(first: int, tmp_path: Path) -> None:
    """The same through passes, tuned kernels, planner, and C; many models in one C file."""
    programs, arenas, wanted = [], [], []
    for name in CLAIMED[first : first + CHUNK]:
        for values, want in CASES[name].data_sets:
            model, given = split_inputs(CASES[name], values)
            programs.append(compiled(imported(model), ["fpu32"]))
            arenas.append(load(new_arena(programs[-1]), programs[-1].inputs, given))
            wanted.append((name, want))
    whole, starts = side_by_side(programs), parts(programs)
    image = new_arena(whole)
    for start, arena in zip(starts, arenas, strict=True):
        image[start : start + len(arena)] = arena
    left = run_in_c(whole, image, tmp_path, flags=(*STRICT, "-O1"))
    for program, start, arena, (name, want) in zip(programs, starts, arenas, wanted, strict=True):
        after = left[start : start + len(arena)].copy()
        for y, expected in zip(program.outputs, want, strict=True):
            expect_close(fetch(after, y), np.asarray(expected), ROUNDED.get(name, 1e-5))


@pytest.mark.parametrize("name", [n for n in CASES if n in EXCEPTIONS])
def test_what_is_not_compiled_is_refused_with_a_code(name: str) -> None:
    case = CASES[name]
    model, _ = split_inputs(case, case.data_sets[0][0])
    with pytest.raises(ModelError) as caught:
        imported(model)
    assert caught.value.code in {"E0202", "E0309"}


def test_there_are_many_examples() -> None:
    """The loader of the onnx package is not a stable interface; an empty list would test nothing."""
    assert len(CASES) > 250
