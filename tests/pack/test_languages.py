"""Artifacts in C++ and LLVM IR as a stranger finds them: unpacked, built by CMake or by hand, run, compared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler.options import CompileOptions
from compiler.pack.artifact import Artifact


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution, a pool and a classifier."""
    draw = np.random.default_rng(3)
    shapes = {"w1": (6, 3, 3, 3), "b1": (6,), "w3": (4, 6), "b3": (4,)}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], name="first", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Clip", ["c1", "low"], ["r1"], name="clip"),
        helper.make_node("GlobalAveragePool", ["r1"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], name="classify", transB=1),
    ]
    constants = [numpy_helper.from_array(draw.normal(0, 0.5, s).astype(np.float32), n) for n, s in shapes.items()]
    constants.append(numpy_helper.from_array(np.array(-0.25, np.float32), "low"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 9, 7])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph(nodes, "small", [x], [y], constants)
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def compiled(model: Path, out: Path, **options: object) -> Artifact:
    from compiler.pipeline import compile_model

    return compile_model(model, CompileOptions.model_validate({"target": "host", **options}), out)


def unpacked(artifact: Artifact, folder: Path) -> Path:
    with zipfile.ZipFile(artifact.archive) as file:
        file.extractall(folder)
    return folder


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


def built(folder: Path) -> Path:
    """Built by CMake, and the self-check has passed."""
    for command in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"]):
        done = run(*command, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    done = run("ctest", "--test-dir", "build", cwd=folder)
    assert "100% tests passed" in done.stdout, done.stdout
    return folder / "build"


@pytest.fixture(scope="module")
def cpp(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    folder = tmp_path_factory.mktemp("cpp")
    return built(unpacked(compiled(model, folder / "out", emit="cpp", name="net"), folder / "zip"))


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(1, 3, 9, 7)).astype(np.float32)


def answer(model: Path, x: np.ndarray) -> np.ndarray:
    return np.asarray(onnxruntime.InferenceSession(model).run(None, {"x": x})[0])


def printed(done: subprocess.CompletedProcess[str]) -> tuple[np.ndarray, int]:
    """The elements that the program printed, and the index of the largest."""
    assert done.returncode == 0, done.stderr
    first, *elements, last = done.stdout.splitlines()
    assert first == "y: 4 elements"
    return np.array([float(line.split()[1]) for line in elements]), int(last.removeprefix("largest: "))


@pytest.mark.needs_cmake
@pytest.mark.parametrize("kind", ["npy", "double.npy", "second.npy", "csv", "raw"])
def test_the_example_reads_files_and_prints_what_onnx_runtime_answers(
    kind: str, cpp: Path, model: Path, x: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / f"x.{kind}"
    match kind:
        case "npy":
            np.save(path, x)
        case "double.npy":
            np.save(path, x.astype(np.float64))
        case "second.npy":
            with path.open("wb") as file:
                np.lib.format.write_array(file, x[0], version=(2, 0))
        case "csv":
            np.savetxt(path, x.reshape(-1, 7), delimiter=", ", fmt="%.9g")
        case "raw":
            path.write_bytes(x.tobytes())
    elements, largest = printed(run(cpp / "net_main", path, cwd=tmp_path))
    want = answer(model, x)[0]
    np.testing.assert_allclose(elements, want, rtol=1e-5, atol=1e-6)
    assert largest == want.argmax()


@pytest.mark.needs_cmake
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("short.npy", b"\x93NUMPY\x01\x00\xff\x7f{", "the .npy header is cut off"),
        ("none.npy", b"", "this is no .npy file"),
        ("odd.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'}", "fortran_order"),
        ("text.csv", b"1, 2, cat", "not a number: cat"),
        ("few.csv", b"1, 2", "2 elements; the input has 189"),
        ("few.raw", b"1234", "4 bytes; the input has 756"),
    ],
)
def test_the_example_says_what_is_wrong_with_a_file(
    name: str, content: bytes, said: str, cpp: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    done = run(cpp / "net_main", name, cwd=tmp_path)
    assert done.returncode == 1
    assert f"{name}: " in done.stderr
    assert said in done.stderr


@pytest.mark.needs_cmake
def test_the_example_refuses_fortran_order_and_missing_files(cpp: Path, x: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.asfortranarray(x))
    assert "Fortran order" in run(cpp / "net_main", "f.npy", cwd=tmp_path).stderr
    assert "cannot open" in run(cpp / "net_main", "nowhere.npy", cwd=tmp_path).stderr
    assert run(cpp / "net_main", cwd=tmp_path).stderr.startswith("usage: net_main INPUT")


@pytest.mark.needs_cmake
@pytest.mark.needs_clang
@pytest.mark.parametrize("options", [{}, {"weights": "incbin", "name": "big"}], ids=["array", "incbin"])
def test_an_llvm_module_builds_and_passes_its_check(model: Path, options: dict[str, object], tmp_path: Path) -> None:
    built(unpacked(compiled(model, tmp_path / "out", emit="llvm", **options), tmp_path / "zip"))


@pytest.mark.needs_cmake
def test_weights_in_a_binary_and_the_callers_arena_in_cpp(model: Path, tmp_path: Path) -> None:
    made = compiled(model, tmp_path / "out", emit="cpp", weights="incbin", arena="caller", io_layout="native")
    built(unpacked(made, tmp_path / "zip"))


@pytest.mark.parametrize("emit", ["cpp", pytest.param("llvm", marks=pytest.mark.needs_clang)])
def test_the_readmes_check_works_as_it_stands(emit: str, model: Path, tmp_path: Path) -> None:
    artifact = compiled(model, tmp_path / "out", emit=emit)
    folder = unpacked(artifact, tmp_path / "zip")
    (line,) = json.loads((folder / "manifest.json").read_text())["commands"]["check"]
    assert line in (folder / "README.md").read_text()
    tools = tmp_path / "tools"
    tools.mkdir()
    if shutil.which("clang") is None and (clang := shutil.which("clang-19")):
        (tools / "clang").symlink_to(clang)
    done = run("sh", "-c", line, cwd=folder, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK: model_run agrees with the original model" in done.stdout


@pytest.mark.needs_cmake
def test_a_cpp_artifact_is_a_subproject(model: Path, tmp_path: Path) -> None:
    unpacked(compiled(model, tmp_path / "out", emit="cpp"), tmp_path / "app/model")
    app = tmp_path / "app"
    (app / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(app CXX)\nadd_subdirectory(model)\n"
        "add_executable(app app.cpp)\ntarget_link_libraries(app PRIVATE model)\n"
    )
    (app / "app.cpp").write_text(
        '#include "model.hpp"\nint main() { return model::run() == model::Status::ok ? 0 : 1; }\n'
    )
    for command in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"], ["build/app"]):
        done = run(*command, cwd=app)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_describes_the_architecture(model: Path, tmp_path: Path) -> None:
    artifact = compiled(model, tmp_path / "out", run=False, name="net")
    config = json.loads(artifact.files["net_config.json"])
    assert [layer["operator"] for layer in config["layers"]] == ["Conv", "AveragePool", "Dense"]
    first, _, last = config["layers"]
    assert first["attributes"]["strides"] == [2, 2]
    assert first["source_nodes"] == ["first", "clip"]
    tensors = {t["name"]: t for t in config["tensors"]}
    assert tensors[config["inputs"][0]]["shape"] == [1, 3, 9, 7]
    assert tensors[last["outputs"][0]] == tensors[config["outputs"][0]]
    symbols = {w["symbol"]: w for w in config["weights"]}
    assert symbols[last["weights"]["b"]]["shape"] == [4]
    assert sum(layer["parameters"] for layer in config["layers"]) == 6 * 27 + 6 + 4 * 6 + 4
    source = artifact.files["src/net.c"].decode()
    assert all(f" {symbol}[" in source for symbol in symbols)
    assert all(layer["kernel"] in source for layer in config["layers"])
