"""Artifacts of real compilations: plain tools build and check them, and their bytes repeat."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler.options import CompileOptions
from compiler.pack.artifact import Artifact

pytestmark = [pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu]

WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three channels in, so that channels first and channels last differ; two convolutions, a pool, a classifier."""
    draw = np.random.default_rng(3)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(draw.normal(0, 0.3, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], name="second", strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["c2"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], name="classify", transB=1),
    ]
    constants = [
        weights("w1", 6, 3, 3, 3), weights("b1", 6), weights("w2", 5, 6, 3, 3), weights("b2", 5), weights("w3", 4, 5),
        weights("b3", 4),
    ]  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 9, 7])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph(nodes, "small", [x], [y], constants)
    path = tmp_path_factory.mktemp("model") / "small net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def compile_(model: Path, out: Path, **options: object) -> Artifact:
    from compiler.pipeline import compile_model

    return compile_model(model, CompileOptions.model_validate(options), out)


def check(folder: Path, name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = ["gcc", *flags, "-ffp-contract=off", "-Iinclude", "-Isrc", f"src/{name}.c", "test/selfcheck.c"]
    subprocess.run([*command, "-o", "selfcheck"], cwd=folder, check=True, timeout=120)
    return subprocess.run(["./selfcheck"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": "net2", "arena": "caller", "io_layout": "native"},
        {"name": "big", "weights": "incbin", "io_layout": "native"},
        {"weights": "array", "softmax": True, "optimize": "size", "vectors": 1},
    ],
    ids=["default", "caller native", "incbin native", "softmax"],
)
def test_the_self_check_builds_and_passes(model: Path, tmp_path: Path, options: dict[str, object]) -> None:
    artifact = compile_(model, tmp_path / "out", **options)
    name = str(options.get("name", "model"))
    done = check(artifact.directory, name, *WARNINGS)
    assert done.returncode == 0, done.stdout
    assert f"OK: {name}_run agrees with the original model" in done.stdout
    assert f"{name}_predict returned" in done.stdout
    done = check(artifact.directory, name, *SANITIZERS)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_self_check_compares_with_the_original_model(model: Path, tmp_path: Path) -> None:
    """A weight that is changed in the generated source is noticed: the expected outputs are not the code's own."""
    folder = compile_(model, tmp_path / "out").directory
    source = folder / "src" / "model.c"
    text = source.read_text()
    at = text.index("= {", text.index("static const float")) + 3
    while not text[at].isdigit():
        at += 1
    source.write_text(text[:at] + "1" + text[at:])
    done = check(folder, "model", "-std=c99")
    assert done.returncode == 1
    assert "FAIL" in done.stdout


@pytest.mark.needs_cmake
def test_cmake_finds_weights_that_lie_beside_the_source(model: Path, tmp_path: Path) -> None:
    folder = compile_(model, tmp_path / "out", weights="incbin").directory
    assert shutil.which("cmake")
    for command in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    subprocess.run(["ctest", "--test-dir", "build"], cwd=folder, check=True, capture_output=True, timeout=120)


def test_two_compilations_give_the_same_bytes(model: Path, tmp_path: Path) -> None:
    first, second = compile_(model, tmp_path / "a"), compile_(model, tmp_path / "b")
    assert first.archive.read_bytes() == second.archive.read_bytes()
    assert first.report.timings
    for path, data in first.files.items():
        assert str(tmp_path).encode() not in data, path


def test_the_archive_in_the_zip_links(model: Path, tmp_path: Path) -> None:
    """The manifest's own build commands, run in the artifact, give the object that is in it."""
    folder = compile_(model, tmp_path / "out").directory
    build = json.loads((folder / "manifest.json").read_text())["commands"]["build"]
    for line in build:
        subprocess.run(["sh", "-c", line], cwd=folder, check=True, timeout=120)
    assert (folder / "model.o").read_bytes() == (folder / "lib" / "cortex-m4" / "model.o").read_bytes()
    assert (folder / "libmodel.a").exists()
