"""TensorFlow Lite files compute what TensorFlow Lite computes, operator by operator and as whole models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from compiler.commands.inspect import text
from compiler.errors import ModelError
from compiler.graph.run import run as run_graph
from compiler.importers.tflite_convert import convert
from compiler.importers.tflite_model import read
from compiler.importers.tflite_node import CONVERTERS
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.pipeline import compile_model
from compiler.source import load
from tests.support.tflite_cases import CASES
from tests.support.tflite_files import Case, Given, interpreted

FLOAT_MODELS = ("kws_float", "ic_float", "vww_float", "ad_float")
# Control flow is tried on recurrent networks, integers among the quantised operators.
NOT_TRIED = frozenset("IF WHILE QUANTIZE DEQUANTIZE SHAPE RANK RANGE RNN BITWISE_XOR CONV_3D_TRANSPOSE".split())


def in_onnx(path: Path, inputs: list[Any]) -> list[Any]:
    found = convert(read(path), "model")
    assert found.model is not None, found.unsupported
    onnx.checker.check_model(found.model, full_check=True)
    session = onnxruntime.InferenceSession(found.model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


def in_ours(path: Path, inputs: list[Any]) -> list[Any]:
    """By the reference of our own operators, after all passes."""
    graph = optimize(load(path, CompileOptions()).graph).graph
    results = run_graph(graph, dict(zip([v.name for v in graph.inputs], inputs, strict=True)))
    return [results[v.name] for v in graph.outputs]


def assert_same(found: list[Any], expected: list[Any], tolerance: float = 1e-5) -> None:
    assert len(found) == len(expected)
    for y, e in zip(found, expected, strict=True):
        assert (y.shape, y.dtype) == (e.shape, e.dtype)
        bound = tolerance * max(1.0, float(np.abs(e.astype(np.float64)).max(initial=0)))
        np.testing.assert_allclose(y.astype(np.float64), e.astype(np.float64), rtol=0, atol=bound)


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_operator(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = tmp_path / "model.tflite"
    path.write_bytes(case.complete())
    for seed in range(2):
        inputs = case.inputs(seed)
        expected = interpreted(path.read_bytes(), inputs)
        assert_same(in_onnx(path, inputs), expected)
        if inputs:
            assert_same(in_ours(path, inputs), expected)


def test_every_operator_is_tried() -> None:
    assert set(CONVERTERS) - {case.kind for case in CASES.values()} == NOT_TRIED


@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_whole_models(name: str, shared: Path) -> None:
    path = shared / "models" / f"{name}.tflite"
    (tensor,) = inspect_model(path, CompileOptions(), graphs=False).inputs
    shape = [n or 1 for n in tensor.shape]
    inputs = [np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)]
    expected = interpreted(path.read_bytes(), inputs)
    assert_same(in_onnx(path, inputs), expected)
    assert_same(in_ours(path, inputs), expected)


@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_the_graph_is_that_of_the_same_model_in_onnx(name: str, shared: Path) -> None:
    """Operators, their attributes and the layouts of their results; only the view of the input is more."""
    found = {}
    for ending in ("tflite", "onnx"):
        graph = optimize(load(shared / "models" / f"{name}.{ending}", CompileOptions()).graph).graph
        kept = [n for n in graph.nodes if type(n.op).__name__ != "Transpose" or n.inputs[0] not in graph.inputs]
        found[ending] = [(str(n.op), str(n.output.type)) for n in kept]
        assert not any(type(n.op).__name__ == "Copy" for n in kept)
    assert found["tflite"] == found["onnx"]


def test_weights_alone_as_integers(shared: Path) -> None:
    """The hybrid file and the one with its weights written out as floats are the same model."""
    x = np.random.default_rng(1).normal(0, 1, (1, 49, 10, 1)).astype(np.float32)
    hybrid, floats = (shared / "models" / f"{name}.tflite" for name in ("kws_hybrid_upstream", "kws_float"))
    assert_same(in_ours(hybrid, [x]), in_ours(floats, [x]), 1e-6)
    assert convert(read(hybrid), "model").notes


@pytest.mark.needs_gcc_arm
def test_what_the_conversion_notes_is_shown(tmp_path: Path) -> None:
    """By an inspection, to people, and in the report."""
    path = tmp_path / "model.tflite"
    path.write_bytes(CASES["lstm"].complete())
    note = "UNIDIRECTIONAL_SEQUENCE_LSTM starts from zero states at every inference."
    options = CompileOptions(target="cortex-m4", run=False)
    seen = inspect_model(path, options, graphs=False)
    assert seen.notes == [note]
    assert f"note: {note}" in list(text(seen))
    assert note in compile_model(path, options, tmp_path / "out").report.notes


def test_what_is_not_supported_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(Case("WHERE", [Given((2, 3), "bool", 0, 1)], results=("int64",)).file([(1, 2)]))
    (problem,) = inspect_model(path, CompileOptions(), graphs=False).unsupported
    assert (problem.code, problem.op, problem.node) == ("E0161", "WHERE", "out0")
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0161"


def test_a_shape_known_only_at_run_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    case = Case("TRANSPOSE_CONV", [Given((4,), "int32", 1, 3), np.ones((2, 3, 3, 3), np.float32), Given((1, 4, 4, 3))],
                ("TransposeConvOptions", {"strideH": 1, "strideW": 1}))  # fmt: skip
    path.write_bytes(case.file([(1, 4, 4, 2)]))
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0161"
    assert "run time" in caught.value.title
