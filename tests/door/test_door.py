"""The Python door: compile a file, look at report and files, run the kernels in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import compiler
import deepmetal


def model(path: Path) -> Path:
    """Two inputs of different shapes, two outputs."""
    draw = np.random.default_rng(3)
    w = numpy_helper.from_array(draw.normal(0, 0.5, (4, 2, 3, 3)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["features"]),
        helper.make_node("Mul", ["features", "scale"], ["scaled"]),
    ]
    floats = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(n, floats, s) for n, s in (("image", [1, 2, 5, 6]), ("scale", [1, 4]))]
    outputs = [helper.make_tensor_value_info(n, floats, [1, 4]) for n in ("scaled", "features")]
    graph = helper.make_graph(nodes, "pair", inputs, outputs, [w])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model(tmp_path_factory.mktemp("model") / "pair.onnx")


@pytest.fixture(scope="module")
def compiled(path: Path) -> deepmetal.Compiled:
    return deepmetal.compile(path, target="host", emit="cpp", name="pair", vectors=2)


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(5)
    return {
        "image": draw.normal(size=(1, 2, 5, 6)).astype(np.float32),
        "scale": draw.normal(size=(1, 4)).astype(np.float32),
    }


def test_report_and_files_are_those_of_the_command_line(compiled: deepmetal.Compiled) -> None:
    report = compiled.report
    assert (report.options["target"], report.options["emit"]) == ("host", "cpp")
    assert report.validation is not None
    assert report.validation.vectors == 2
    assert {"src/pair.cpp", "include/pair.hpp", "report.json"} <= compiled.files.keys()


def test_names_in_names_out(compiled: deepmetal.Compiled, path: Path, inputs: dict[str, np.ndarray]) -> None:
    outputs = compiled.run(inputs)
    assert isinstance(outputs, dict)
    session = onnxruntime.InferenceSession(path)
    assert list(outputs) == [y.name for y in session.get_outputs()]
    for y, want in zip(outputs.values(), session.run(None, inputs), strict=True):
        np.testing.assert_allclose(y, np.asarray(want), rtol=1e-5, atol=1e-6)


def test_a_list_in_the_order_of_the_inputs(compiled: deepmetal.Compiled, inputs: dict[str, np.ndarray]) -> None:
    named, listed = compiled.run(inputs), compiled.run([inputs["image"][0], inputs["scale"].astype(np.float64)])
    assert isinstance(named, dict)
    assert isinstance(listed, list)
    assert [y.tobytes() for y in listed] == [y.tobytes() for y in named.values()]


def test_results_belong_to_the_caller(compiled: deepmetal.Compiled, inputs: dict[str, np.ndarray]) -> None:
    first = compiled.run(inputs)
    assert isinstance(first, dict)
    before = first["features"].copy()
    compiled.run({**inputs, "image": -inputs["image"]})
    assert (first["features"] == before).all()


def test_one_array_for_a_model_with_one_input(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 3]) for n in "xy"]
    graph = helper.make_graph([node], "g", tensors[:1], tensors[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    made = compiler.compile(str(tmp_path / "m.onnx"), "cortex-m4", run=False, out=tmp_path / "out")
    y = made.run(np.array([[1, -2, 3], [-4, 5, -6]], np.float32))
    assert isinstance(y, np.ndarray)
    assert y.tolist() == [[1, 0, 3], [0, 5, 0]]
    assert (tmp_path / "out.zip").exists()


@pytest.mark.parametrize(
    ("wrong", "facts"),
    [
        ({"image": np.zeros((1, 2, 5, 6))}, {"scale": "is missing"}),
        ({"image": np.zeros(5), "scale": np.zeros(4)}, {"image": "has shape [5], needed is [1, 2, 5, 6]"}),
        ([np.zeros((1, 2, 5, 6))], {"needed": "2 arrays", "given": "1"}),
        ({"image": np.zeros((1, 2, 5, 6)), "scale": np.zeros(4), "z": 1}, {"z": "is no input of the model"}),
        ({"image": np.zeros((2, 5, 6)), "scale": ["a"] * 4}, {"scale": "is of type <U1, needed is float32"}),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit(compiled: deepmetal.Compiled, wrong: object, facts: dict[str, str]) -> None:
    with pytest.raises(deepmetal.ModelError) as caught:
        compiled.run(wrong)  # type: ignore[arg-type]
    assert caught.value.code == "E1041"
    assert caught.value.facts == facts


def test_a_wrong_option_is_the_command_lines_error(path: Path) -> None:
    for options, code in (({"target": "cortex-m9"}, "E1001"), ({"emit": "ada"}, "E1002"), ({"shap": 1}, "E1002")):
        with pytest.raises(deepmetal.DeepMetalError) as caught:
            deepmetal.compile(path, **options)  # type: ignore[arg-type]
        assert caught.value.code == code


def test_an_alias_of_a_target_is_a_target(path: Path) -> None:
    made = deepmetal.compile(path, target="sse", run=False, emit="llvm")
    assert made.report.options["target"] == "x86-64"
