"""The ONNX project's own backend tests: every case that a microcontroller can express, on the host's JIT; samples in C
and on the emulated Cortex-M4 (`bench/conformance.py` runs all of them in C).
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from compiler.onnx_backend import OnnxBackend, OnnxBackendRep
from compiler.operator_table import CONFORMANCE
from tests.conformance.suite import by_name, listed, run

PARTS = 8
IN_C, EMULATED = 160, 24
SECONDS = 600.0  # for one case, on a busy machine: a bound, not a measure


@pytest.fixture(scope="module")
def cases(shared: Path) -> Mapping[str, Mapping[str, Any]]:
    return {name: case for name, case in listed().items() if case["expressible"]}


def sample(cases: Mapping[str, Mapping[str, Any]], count: int) -> list[str]:
    """Some node tests, always the same ones."""
    return random.Random(count).sample(sorted(n for n, c in cases.items() if c["category"] == "node"), count)


def expect_all_pass(names: list[str], engine: str) -> None:
    outcomes = list(run(names, engine, SECONDS, workers=1))
    assert len(outcomes) == len(names)
    failed = {o.name: o.reason for o in outcomes if not o.passed}
    assert not failed, "\n".join(f"{name}: {reason}" for name, reason in sorted(failed.items()))


def test_the_list_is_the_suite(cases: Mapping[str, Mapping[str, Any]]) -> None:
    assert len(cases) == 1903
    assert set(listed()) == set(by_name(None))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_case_passes_on_the_host(part: int, cases: Mapping[str, Mapping[str, Any]]) -> None:
    expect_all_pass(sorted(cases)[part::PARTS], "jit")


@pytest.mark.slow
def test_a_sample_passes_in_c(cases: Mapping[str, Mapping[str, Any]]) -> None:
    expect_all_pass(sample(cases, IN_C), "c")


@pytest.mark.slow
@pytest.mark.needs_target("cortex-m4")
def test_a_sample_passes_on_the_emulated_cortex_m4(cases: Mapping[str, Mapping[str, Any]]) -> None:
    expect_all_pass(sample(cases, EMULATED), "cortex-m4")


def test_the_recorded_counts_are_those_of_the_list(cases: Mapping[str, Mapping[str, Any]]) -> None:
    import json

    recorded = json.loads(CONFORMANCE.read_text("utf-8"))
    touched: dict[str, int] = {}
    for case in cases.values():
        for op in set(case["ops"]):
            touched[op] = touched.get(op, 0) + 1
    assert {op: entry["cases"] for op, entry in recorded.items()} == touched


@pytest.mark.slow
def test_operators_decide_which_inputs_must_be_known(cases: Mapping[str, Mapping[str, Any]]) -> None:
    """The inputs that are bound are those that the list's authors found to decide shapes."""
    from onnx.backend.test.loader import load_model_tests

    wrong = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nodes = {t.name: t for t in load_model_tests(kind="node")}
    for name, case in cases.items():
        if name not in nodes:
            continue
        rep = OnnxBackendRep(nodes[name].model, "jit")
        if rep.compiled is None:
            inputs, _ = nodes[name].data_sets[0]
            rep.run([numpy_helper.to_array(i) if isinstance(i, TensorProto) else i for i in inputs])
        if set(rep.compile_time_inputs) != set(case["compile_time_inputs"]):
            wrong[name] = (sorted(rep.compile_time_inputs), case["compile_time_inputs"])
    assert not wrong, wrong


def single(op: str, inputs: dict[str, np.ndarray], opset: int = 21, **attributes: Any) -> ModelProto:
    """A model of one node whose every operand is an input."""
    kinds = {n: helper.np_dtype_to_tensor_dtype(a.dtype) for n, a in inputs.items()}
    values = [helper.make_tensor_value_info(n, kinds[n], a.shape) for n, a in inputs.items()]
    node = helper.make_node(op, list(inputs), ["y"], **attributes)
    y = helper.make_value_info("y", helper.make_tensor_type_proto(next(iter(kinds.values())), None))
    graph = helper.make_graph([node], op, values, [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def whole(*values: int) -> np.ndarray:
    return np.asarray(values, np.int64)


AGAIN = {
    "Conv": [{"x": drawn(s, 1, 2, 5, 5), "w": drawn(s + 9, 3, 2, 3, 3), "b": drawn(s + 99, 3)} for s in (1, 2)],
    "Clip": [{"x": drawn(s, 3, 4), "low": np.float32(-0.1 * s), "high": np.float32(0.2 * s)} for s in (1, 2)],
    "Pad": [{"x": drawn(s, 2, 3), "pads": whole(0, 1, 0, 2), "value": np.float32(s)} for s in (1, 2)],
    "Gather": [{"x": drawn(s, 4, 3), "indices": whole(s, 0, -1)} for s in (1, 2)],
    "Slice": [{"x": drawn(s, 6, 3), "starts": whole(s), "ends": whole(5), "axes": whole(0)} for s in (1, 2)],
    "Reshape": [{"x": drawn(s, 4, 3), "shape": whole(*shape)} for s, shape in ((1, (3, 4)), (2, (2, -1)))],
    "TopK": [{"x": drawn(s, 3, 5), "k": whole(s + 1)} for s in (1, 2)],
}


@pytest.mark.parametrize("op", AGAIN)
def test_a_second_run_with_other_data(op: str) -> None:
    """Operands reach the kernels at run time; those that decide shapes are bound anew."""
    first, second = AGAIN[op]
    model = single(op, first)
    if op == "TopK":
        model.graph.node[0].output.append("indices")
    rep = OnnxBackend.prepare(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    got = [rep.run(list(inputs.values()))[0] for inputs in (first, second, first)]
    arrays = [{name: np.asarray(a) for name, a in inputs.items()} for inputs in (first, second, first)]
    want = [session.run(None, inputs)[0] for inputs in arrays]
    for y, expected in zip(got, want, strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    assert got[0].shape != got[1].shape or not np.array_equal(got[0], got[1])


def test_a_node_runs_alone() -> None:
    x = drawn(1, 2, 3)
    (y,) = OnnxBackend.run_node(helper.make_node("Relu", ["x"], ["y"]), [x])
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    assert OnnxBackend.supports_device("CPU")
    assert not OnnxBackend.supports_device("CUDA")
