"""End to end: models in, proven artifacts out, on this computer and on the emulated Cortex-M4; options one by one."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler import emit, targets
from compiler.errors import ModelError
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.pack.artifact import Artifact
from compiler.passes.order import optimize
from compiler.pipeline import compile_model, inspect_model
from compiler.report import Report
from compiler.source import load
from tests.support.engines import SANITIZED, STRICT, host_compiler

SAMPLES = sorted((Path(__file__).parents[1] / "compiler/samples/data").glob("*.pth"))


@dataclass(frozen=True)
class Bar:
    """What a model may cost at most: counts, not times. Memory in bytes, with input, output and scratch."""

    ram: int
    instructions: float


BARS = {
    "kws_float": Bar(66_008, 13.5e6),
    "ic_float": Bar(201_760, 56e6),
    "ad_float": Bar(3_072, 1.02e6),
    "vww_float": Bar(258_040, 37e6),
}


def small_network() -> onnx.ModelProto:
    """Two inputs, three outputs: convolution with a residual, pooling, a dense layer."""
    chance = np.random.default_rng(0)

    def known(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(chance.normal(0, 0.4, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], name="depthwise", pads=[1, 1, 1, 1], group=4),
        helper.make_node("Add", ["c2", "r1"], ["sum"], name="residual"),
        helper.make_node("GlobalAveragePool", ["sum"], ["mean"], name="mean"),
        helper.make_node("Flatten", ["mean"], ["flat"], name="flatten"),
        helper.make_node("Add", ["flat", "offset"], ["moved"], name="moved"),
        helper.make_node("Gemm", ["moved", "w3", "b3"], ["logits"], name="dense", transB=1),
        helper.make_node("Sigmoid", ["logits"], ["scores"], name="scores"),
    ]
    weights = [known("w1", 4, 2, 3, 3), known("b1", 4), known("w2", 4, 1, 3, 3), known("w3", 3, 4), known("b3", 3)]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 2, 7, 6])
    offset = helper.make_tensor_value_info("offset", TensorProto.FLOAT, [1, 4])
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("scores", "sum", "logits")]
    graph = helper.make_graph(nodes, "small", [image, offset], outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def classifier(*shape: int | str) -> onnx.ModelProto:
    chance = np.random.default_rng(1)
    weights = [
        numpy_helper.from_array(chance.normal(0, 0.4, (5, 2, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(chance.normal(0, 0.4, (5, 4)).astype(np.float32), "v"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("GlobalMaxPool", ["c"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("MatMul", ["f", "v"], ["logits"], name="dense"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))
    y = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "classifier", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    onnx.save(small_network(), tmp_path / "small.onnx")
    return tmp_path / "small.onnx"


@pytest.fixture
def open_classifier(tmp_path: Path) -> Path:
    onnx.save(classifier("N", 2, "H", "W"), tmp_path / "classifier.onnx")
    return tmp_path / "classifier.onnx"


def compiled(model: Path, out: Path, **options: object) -> Artifact:
    return compile_model(model, CompileOptions(**{"target": "host", **options}), out)  # type: ignore[arg-type]


def expect_proven(report: Report) -> None:
    assert report.validation is not None
    assert report.validation.passed
    assert report.validation.max_rel_error < report.validation.tolerance
    assert all(layer.error is not None for layer in report.layers)


def test_host_gives_a_proven_artifact(small: Path, tmp_path: Path) -> None:
    artifact = compiled(small, tmp_path / "out")
    expect_proven(artifact.report)
    assert {"include/model.h", "src/model.c", "README.md", "report.json", "manifest.json"} <= set(artifact.files)
    assert [t.name for t in artifact.report.model.inputs] == ["image", "offset"]
    assert [t.name for t in artifact.report.model.outputs] == ["scores", "sum", "logits"]
    assert artifact.report.model.inputs[0].shape == [1, 2, 7, 6]


@pytest.mark.parametrize("compiler", ["gcc", pytest.param("clang", marks=pytest.mark.needs_clang)])
def test_generated_c_is_warning_free(compiler: str, small: Path, tmp_path: Path) -> None:
    artifact = compiled(small, tmp_path / "out", run=False)
    folder = artifact.directory
    command = [host_compiler(compiler), *STRICT, "-O2", f"-I{folder}/include", "-c", str(folder / "src/model.c")]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "m.o")], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_self_check_is_clean_under_sanitizers(small: Path, tmp_path: Path) -> None:
    """The zip's own test, with the reference's outputs, under ASan and UBSan."""
    folder = compiled(small, tmp_path / "out").directory
    sources = [str(folder / "src/model.c"), str(folder / "test/selfcheck.c")]
    flags = [f for f in STRICT if f != "-Wconversion"]
    command = [host_compiler(), *flags, *SANITIZED, f"-I{folder}/include", f"-I{folder}/src", *sources]
    subprocess.run([*command, "-o", str(tmp_path / "check")], check=True, timeout=120)
    done = subprocess.run([tmp_path / "check"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


OPTIONS = {
    "native layout": {"io_layout": "native"},
    "arena of the caller": {"arena": "caller"},
    "weights in a binary": {"weights": "incbin"},
    "both": {"arena": "caller", "weights": "incbin", "io_layout": "native"},
    "speed": {"optimize": "speed"},
    "size": {"optimize": "size"},
    "ram": {"optimize": "ram"},
    "clang": {"compiler": "clang"},
    "another name": {"name": "tiny_net"},
    "one vector": {"vectors": 1},
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.needs_clang) if n == "clang" else n for n in OPTIONS]
)
def test_every_option_gives_a_proven_artifact(name: str, small: Path, tmp_path: Path) -> None:
    expect_proven(compiled(small, tmp_path / "out", **OPTIONS[name]).report)


def test_two_compilations_give_the_same_bytes(small: Path, tmp_path: Path) -> None:
    first, second = (compiled(small, tmp_path / name) for name in ("a", "b"))
    assert first.archive.read_bytes() == second.archive.read_bytes()


def test_an_open_shape_is_asked_for_then_taken(open_classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        compiled(open_classifier, tmp_path / "out")
    assert caught.value.code == "E0308"
    assert "--shape x=" in caught.value.help
    inspection = inspect_model(open_classifier, CompileOptions())
    assert not inspection.compilable
    assert inspection.shape_needed == {"x": [1, 2, None, None]}
    for shape in ((1, 2, 5, 9), (2, 2, 4, 4)):
        report = compiled(open_classifier, tmp_path / "out", shape={"x": shape}).report
        expect_proven(report)
        assert tuple(report.model.inputs[0].shape) == shape


def test_softmax_is_appended(open_classifier: Path, tmp_path: Path) -> None:
    report = compiled(open_classifier, tmp_path / "out", shape={"": (1, 2, 6, 6)}, softmax=True).report
    expect_proven(report)
    assert report.layers[-1].op == "Softmax"


def test_softmax_needs_one_output(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        compiled(small, tmp_path / "out", softmax=True)
    assert caught.value.code == "E1004"


def test_an_integer_tensor_beside_floats(tmp_path: Path) -> None:
    """Tensors of other types are computed in their own type, and the proof holds for them, too."""
    nodes = [
        helper.make_node("Relu", ["x"], ["y"], name="relu"),
        helper.make_node("Neg", ["ids"], ["other"], name="negate"),
    ]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [3]),
        helper.make_tensor_value_info("ids", TensorProto.INT64, [3]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [3]),
        helper.make_tensor_value_info("other", TensorProto.INT64, [3]),
    ]
    graph = helper.make_graph(nodes, "g", ends[:2], ends[2:])
    path = tmp_path / "ids.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    report = compiled(path, tmp_path / "out").report
    assert report.validation is not None
    assert report.validation.passed
    assert [tensor.dtype for tensor in report.model.outputs] == ["float32", "int64"]


@pytest.mark.slow
@pytest.mark.needs_torch
@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_samples_on_this_computer(path: Path, tmp_path: Path) -> None:
    shape = {} if path.stem == "linear" else {"": (1, 1, 28, 28)}
    expect_proven(compiled(path, tmp_path / "out", shape=shape).report)


@pytest.mark.slow
@pytest.mark.needs_torch
@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_samples_on_the_emulated_processor(path: Path, tmp_path: Path) -> None:
    shape = {} if path.stem == "linear" else {"": (1, 1, 28, 28)}
    report = compiled(path, tmp_path / "out", target="cortex-m4", shape=shape).report
    expect_proven(report)
    assert report.totals.instructions == sum(layer.instructions or 0 for layer in report.layers)


@pytest.mark.slow
@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.parametrize("name", BARS)
def test_float_models_are_proven_and_below_the_bars(name: str, shared: Path, tmp_path: Path) -> None:
    report = compile_model(shared / f"models/{name}.onnx", CompileOptions(), tmp_path / "out").report
    expect_proven(report)
    totals, bar = report.totals, BARS[name]
    assert totals.ram.static is not None
    assert totals.ram.arena + totals.ram.static <= bar.ram
    assert totals.instructions is not None
    assert totals.instructions <= bar.instructions
    assert totals.ram.stack is not None
    assert totals.ram.stack <= 1024
    assert report.memory.lower_bound_bytes <= totals.ram.arena


@pytest.mark.slow
@pytest.mark.parametrize("name", BARS)
def test_float_models_print_c_without_warnings(name: str, shared: Path, tmp_path: Path) -> None:
    """The kernels of the Cortex-M4, looked at by this computer's compilers."""
    graph = optimize(load(shared / f"models/{name}.onnx", CompileOptions()).graph).graph
    program = lower(graph, frozenset(targets.target("cortex-m4").features))
    for path, data in emit.get("c").files(program, CompileOptions()).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    for compiler in ("gcc", "clang"):
        command = [host_compiler(compiler), *STRICT, "-O1", f"-I{tmp_path}/include", f"-Wa,-I{tmp_path}/src"]
        command += [f"-I{tmp_path}/src", "-c", str(tmp_path / "src/model.c"), "-o", str(tmp_path / "m.o")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, "")
