"""`deepmetal run`: the compiled kernels in this process, compared with ONNX Runtime; files that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler import cli

Output = pytest.CaptureFixture[str]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two inputs; an output whose name numpy.savez could not take, and one per run without a batch axis."""
    weights = numpy_helper.from_array(np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "gain"], ["file"]),
        helper.make_node("Sigmoid", ["gain"], ["squashed"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4]),
        helper.make_tensor_value_info("gain", TensorProto.FLOAT, [1, 1]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("file", "squashed")]
    graph = helper.make_graph(nodes, "net", inputs, outputs, [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def run(model: Path, file: Path, *words: str) -> tuple[int, dict[str, np.ndarray]]:
    out = model.with_name("out.npz")
    status = cli.main(["run", str(model), "--input", str(file), "-o", str(out), *words])
    if not out.exists():
        return status, {}
    with np.load(out, allow_pickle=False) as stored:
        return status, {name: stored[name] for name in stored.files}


@pytest.mark.parametrize("count", [1, 3])
def test_results_are_those_of_onnx_runtime(count: int, model: Path, capsys: Output) -> None:
    chance = np.random.default_rng(0)
    given = {name: chance.normal(size=(count, n)).astype(np.float32) for name, n in (("x", 4), ("gain", 1))}
    np.savez(model.with_name("in.npz"), **given)  # type: ignore[arg-type]
    status, got = run(model, model.with_name("in.npz"))
    assert status == 0
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    want = [session.run(None, {name: a[k : k + 1] for name, a in given.items()}) for k in range(count)]
    for name, parts in zip(("file", "squashed"), zip(*want, strict=True), strict=True):
        np.testing.assert_allclose(got[name], np.concatenate(parts), rtol=1e-5, atol=1e-6)
    assert "file, float32 " + f"{count}×3" in capsys.readouterr().err


def test_two_runs_write_the_same_bytes(model: Path) -> None:
    file = model.with_name("in.npz")
    np.savez(file, x=np.ones((1, 4), np.float32), gain=np.ones((1, 1), np.float32))
    written = []
    for _ in range(2):
        assert run(model, file)[0] == 0
        written.append(model.with_name("out.npz").read_bytes())
    assert written[0] == written[1]


WRONG: dict[str, tuple[dict[str, np.ndarray], str]] = {
    "missing": ({"x": np.zeros((1, 4), np.float32)}, "gain  is missing; the file holds x"),
    "unknown": (
        {"x": np.zeros((1, 4)), "gain": np.zeros((1, 1)), "more": np.zeros(1)},
        "more  is no input of the model",
    ),
    "shape": ({"x": np.zeros((1, 5)), "gain": np.zeros((1, 1))}, "x  has shape [1, 5], needed is [1, 4]"),
    "type": ({"x": np.zeros((1, 4), np.complex64), "gain": np.zeros((1, 1))}, "x  is of type complex64"),
    "count": ({"x": np.zeros((2, 4)), "gain": np.zeros((3, 1))}, "gain    is for 3 runs"),
}


@pytest.mark.parametrize("name", WRONG)
def test_inputs_that_do_not_fit_are_named(name: str, model: Path, capsys: Output) -> None:
    arrays, said = WRONG[name]
    np.savez(model.with_name("in.npz"), **arrays)  # type: ignore[arg-type]
    status, got = run(model, model.with_name("in.npz"))
    error = capsys.readouterr().err
    assert (status, got) == (1, {})
    assert "error[E1016]" in error
    assert said in error


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY\x01\x00", b"nothing of ours"])
def test_files_that_cannot_be_read(content: bytes, model: Path, capsys: Output) -> None:
    file = model.with_name("in.npz")
    file.write_bytes(content)
    assert run(model, file)[0] == 1
    assert "error[E1016]: the inputs cannot be read" in capsys.readouterr().err


def test_one_array_serves_a_model_with_one_input(tmp_path: Path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 5])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    np.save(tmp_path / "in.npy", np.array([-1, 2, -3, 4, 0], np.float32))
    status, got = run(tmp_path / "m.onnx", tmp_path / "in.npy", "--softmax")
    assert status == 0
    e = np.exp(np.array([[0, 2, 0, 4, 0]], np.float32))
    np.testing.assert_allclose(got["y"] if "y" in got else next(iter(got.values())), e / e.sum(), rtol=1e-6)


def test_a_result_that_cannot_be_written(model: Path, capsys: Output) -> None:
    file = model.with_name("in.npz")
    np.savez(file, x=np.ones((1, 4), np.float32), gain=np.ones((1, 1), np.float32))
    status = cli.main(["run", str(model), "--input", str(file), "-o", str(model / "out.npz")])
    assert status == 1
    assert "error[E1009]: cannot write 'out.npz'" in capsys.readouterr().err
