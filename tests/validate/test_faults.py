"""Validation can fail: a fault in the generated code is found, and the layer that has it is named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from compiler.emulator.measure import measure
from compiler.errors import Mismatch
from compiler.importers.formats.base import Original
from compiler.options import CompileOptions
from compiler.targets import target
from compiler.validate import SourceModel, ValidationResult, validate
from compiler.vectors import draw_vectors
from tests.emulator import tiny

EMULATED = [pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu]
TARGETS = ["host", pytest.param("cortex-m4", marks=EMULATED)]


def check(folder: Path, files: dict[str, bytes], processor: str = "host", count: int = 5) -> ValidationResult:
    program = tiny.program()
    vectors = draw_vectors(program.inputs, count)
    _, measured = measure(program, files, target(processor), CompileOptions(), folder, vectors)
    return validate(program, SourceModel(tiny.model(), ("y",)), measured.runs, vectors)


def changed(old: str, new: str) -> dict[str, bytes]:
    """The files with one place of the source text altered."""
    assert tiny.SOURCE.count(old) == 1, old
    return tiny.sources(source=tiny.SOURCE.replace(old, new))


def one_weight_off(name: str = "w1") -> dict[str, bytes]:
    weights = np.array(tiny.program().constants[name])
    weights[1, 2] += 0.01
    return tiny.sources(**{name: weights})


FAULTS = {
    "a changed weight": (one_weight_off(), "logits"),
    "a changed weight of another layer": (one_weight_off("w0"), "hidden"),
    "a wrong stride": (changed("t[i * 2 + c]", "t[i * 2 + 1 - c]"), "scale"),
    "weights in the wrong order": (tiny.sources(w0=tiny.W0), "hidden"),
    "swapped operands": (changed("y[i] < 0.0f ? 0.0f : y[i]", "y[i] < 0.0f ? y[i] : 0.0f"), "relu"),
    "a loop that ends early": (changed("i < 8; i++", "i < 7; i++"), "relu"),
    "NaN where there is none": (
        changed("x[c * 12 + i] * 0.75f", "x[c * 12 + i] * 0.75f + 0.0f / (float)(i - 3)"),
        "scale",
    ),
}


@pytest.mark.parametrize("processor", TARGETS)
def test_right_code_passes(processor: str, tmp_path: Path) -> None:
    result = check(tmp_path, tiny.sources(), processor)
    assert result.passed, result.reason
    verdict = result.validation
    assert verdict.reference.startswith("ONNX Runtime ")
    assert (verdict.vectors, verdict.argmax_agreement) == (5, 1.0)
    assert verdict.max_rel_error < verdict.tolerance / 10
    assert all(error is not None for error in result.layer_errors)


ON_THE_EMULATOR = ("a changed weight", "a wrong stride", "swapped operands")


@pytest.mark.parametrize(
    ("fault", "processor"),
    [*((fault, "host") for fault in FAULTS), *(pytest.param(f, "cortex-m4", marks=EMULATED) for f in ON_THE_EMULATOR)],
)
def test_a_fault_names_its_layer(fault: str, processor: str, tmp_path: Path) -> None:
    files, layer = FAULTS[fault]
    result = check(tmp_path, files, processor)
    assert not result.passed
    assert result.layer == layer
    error = result.error("tiny.onnx")
    assert isinstance(error, Mismatch)
    assert (error.code, error.exit_status, error.facts["layer"]) == ("E0801", 4, layer)


RUN_FAULTS = {
    "run leaves a layer out": ("    relu(memory);\n    dense", "    dense", "something else than its layers"),
    "run ignores the caller's input": ("memory[i] = x[i];", "(void)x;", "on the caller's buffers"),
    "run writes past the caller's output": (
        "i < 3; i++) {\n            y[i]",
        "i < 4; i++) {\n            y[i]",
        "outside",
    ),
    "predict returns the smallest": ("y[i] > y[best]", "y[i] < y[best]", "predict"),
    "run reports an error": (
        "memory + 8, 8, 3);\n    if",
        "memory + 8, 8, 3);\n    return -3;\n    if",
        "returned an error",
    ),
}


@pytest.mark.parametrize("fault", RUN_FAULTS)
def test_faults_between_the_layers(fault: str, tmp_path: Path) -> None:
    old, new, words = RUN_FAULTS[fault]
    result = check(tmp_path, changed(old, new))
    assert not result.passed
    assert words in result.reason


def test_a_fault_behind_a_layer_without_counterpart_is_found_at_the_output(tmp_path: Path) -> None:
    model = tiny.model()
    for node in model.graph.node:  # the source's tensors go by names that no layer knows
        node.output[:] = [name if name == "y" else f"{name}_" for name in node.output]
        node.input[:] = [f"{name}_" if name in "tfhr" else name for name in node.input]
    program, files = tiny.program(), one_weight_off()
    vectors = draw_vectors(program.inputs, 2)
    _, measured = measure(program, files, target("host"), CompileOptions(), tmp_path, vectors)
    result = validate(program, SourceModel(model, ("y",)), measured.runs, vectors)
    assert result.layer_errors[:3] == (None, None, None)
    assert (result.passed, result.layer) == (False, "logits")


def test_pytorch_has_a_say(tmp_path: Path) -> None:
    program = tiny.program()
    vectors = draw_vectors(program.inputs, 2)
    _, measured = measure(program, tiny.sources(), target("host"), CompileOptions(), tmp_path, vectors)

    def right(vector: object) -> list[np.ndarray]:
        return [tiny.reference(vector["x"])["y"]]  # type: ignore[index]

    def wrong(vector: object) -> list[np.ndarray]:
        return [2 * right(vector)[0]]

    source = SourceModel(tiny.model(), ("y",), Original("PyTorch 2.x", right))
    agreed = validate(program, source, measured.runs, vectors)
    assert agreed.passed
    assert re.fullmatch(r"ONNX Runtime \S+, PyTorch 2.x", agreed.validation.reference)
    source = SourceModel(tiny.model(), ("y",), Original("PyTorch 2.x", wrong))
    result = validate(program, source, measured.runs, vectors)
    assert not result.passed
    assert result.facts["reference"] == "PyTorch 2.x"


def test_intermediate_tensors_exist_although_a_runtime_would_fuse_them() -> None:
    """Conv, BatchNormalization and Relu become one kernel in ONNX Runtime unless told otherwise."""
    from compiler.reference import onnx_reference

    ones = np.ones(2, np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "g", "b", "b", "g"], ["n"]),
        helper.make_node("Relu", ["n"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fused",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, 3, 3])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 2, 3, 3])],
        [
            onnx.numpy_helper.from_array(np.array([1, -2], np.float32).reshape(2, 1, 1, 1), "w"),
            onnx.numpy_helper.from_array(ones, "g"),
            onnx.numpy_helper.from_array(0 * ones, "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    reference = onnx_reference(model, [("c", 72), ("n", 72), ("y", 72), ("no such tensor", 4)])
    (tensors,) = reference.run({"x": np.ones((1, 1, 3, 3), np.float32)})
    assert set(tensors) == {"c", "n", "y"}
    assert tensors["c"][0, 1, 0, 0] == -2
    assert tensors["y"].min() == 0


def test_large_intermediates_are_fetched_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    from compiler import reference

    monkeypatch.setattr(reference, "GROUP_BYTES", 100)
    found = reference.onnx_reference(tiny.model(), [("t", 96), ("h", 32), ("r", 32), ("y", 12)])
    assert found.names == (("t",), ("h", "r", "y"))
    seen = {name for tensors in found.run({"x": np.ones((1, 2, 3, 4), np.float32)}) for name in tensors}
    assert seen == {"t", "h", "r", "y"}
