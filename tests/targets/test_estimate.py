"""Weights and arena before compiling: there for what can be planned quickly, else with the reason why not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import compiler.estimate
from compiler.inspect import inspect_model
from compiler.options import CompileOptions

SAMPLE = Path(__file__).parents[2] / "compiler/samples/data/linear.pth"


def save(path: Path, op: str, shape: list[int | str]) -> Path:
    weights = numpy_helper.from_array(np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op, ["x", "w"], ["y"])], "g", [x], [y], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_weights_and_arena_of_a_dense_layer(tmp_path: Path) -> None:
    """8 x 5 weights of 4 bytes; 8 inputs and 5 outputs in an arena."""
    found = inspect_model(save(tmp_path / "m.onnx", "MatMul", [1, 8]), CompileOptions())
    assert found.estimate is not None
    assert found.no_estimate == ""
    assert found.estimate.weights == 160
    assert 32 + 20 <= found.estimate.arena <= 32 + 20 + 16


def test_the_estimate_is_for_the_target_that_was_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", "MatMul", [1, 8])
    found = inspect_model(path, CompileOptions(target="cortex-m0plus"))
    assert found.estimate is not None
    assert found.estimate.target == "cortex-m0plus"


@pytest.mark.parametrize(("op", "shape"), [("StringNormalizer", [1, 8]), ("MatMul", ["N", "M"])])
def test_what_cannot_be_compiled_has_no_estimate(tmp_path: Path, op: str, shape: list[int | str]) -> None:
    found = inspect_model(save(tmp_path / "m.onnx", op, shape), CompileOptions())
    assert not found.compilable
    assert found.estimate is None
    assert "cannot be compiled" in found.no_estimate


def test_a_model_that_would_take_long_has_no_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler.estimate, "MOST_WEIGHTS", 159)
    found = inspect_model(save(tmp_path / "m.onnx", "MatMul", [1, 8]), CompileOptions())
    assert found.compilable
    assert found.estimate is None
    assert "too large" in found.no_estimate


def test_a_failure_to_plan_does_not_hide_the_inspection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(compiler.estimate, "candidates", fail)
    found = inspect_model(save(tmp_path / "m.onnx", "MatMul", [1, 8]), CompileOptions())
    assert found.compilable
    assert found.estimate is None
    assert "planning failed (KeyError)" in found.no_estimate


def test_a_sample_is_estimated_without_torch() -> None:
    """28 x 28 pixels, 109,386 weights."""
    code = (
        "import sys; from pathlib import Path; from compiler.inspect import inspect_model; "
        "from compiler.options import CompileOptions; "
        f"found = inspect_model(Path({str(SAMPLE)!r}), CompileOptions()); "
        "print(found.estimate.weights, found.estimate.arena, 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert said.stdout.split() == ["437544", "3648", "False"]
