"""From training to int8 in one command: the sample models lose next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compiler import cli
from compiler.options import CompileOptions, Precision
from compiler.quant.stage import Files, stage
from compiler.samples import KINDS
from compiler.source import load
from compiler.trace import Trace

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.needs_torch

IMAGES = 1_000  # of the test set, here; bench/int8_accuracy.py takes all of them
POINTS: dict[Precision, float] = {"int8": 0.003, "int8-weights": 0.001}


@pytest.fixture(scope="module")
def made(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three models, trained for a moment on the first 8,000 images."""
    out = tmp_path_factory.mktemp("samples")
    for kind in KINDS:
        epochs = "2" if kind == "conv" else "1"
        given = ["samples", "make", str(out), "--kind", kind, "--data", str(shared / "data"), "--epochs", epochs]
        assert cli.main(given) == 0
    stored = np.load(out / "test.npz")["input"]
    assert len(stored) == 2_000
    np.savez(out / "some.npz", input=stored[:IMAGES])
    np.save(out / "some_labels.npy", np.load(out / "test_labels.npy")[:IMAGES])
    return out


@pytest.mark.parametrize("precision", POINTS)
@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_stays(kind: str, precision: Precision, made: Path) -> None:
    """From the .pth file, as `deepmetal compile` does it; calibration images are training images."""
    options = CompileOptions(precision=precision, quantizer="quick")
    files = Files(made / "calibration.npz", made / "some_labels.npy", made / "some.npz")
    found = stage(load(made / f"{kind}.pth", options).graph, options, files, Trace()).accuracy
    assert found is not None
    assert found.float32 is not None
    assert found.quantized is not None
    print(found.samples, found.float32, found.quantized)
    assert found.samples == IMAGES
    assert found.float32 > 0.85
    assert found.float32 - found.quantized <= POINTS[precision] + 1e-9
    answers = np.asarray(found.confusion).sum(axis=0)
    assert (answers > 0.03 * IMAGES).all(), answers  # every digit is answered


@pytest.mark.parametrize("precision", POINTS)
def test_quantize_writes_a_graph_and_a_torch_module(
    precision: Precision, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The module's answers are those of the graph file's kernels; for int8 weights up to rounding of floats."""
    graph, module = tmp_path / "q.graph.json", tmp_path / "q.py"
    given = ["quantize", str(made / "hybrid.onnx"), "--precision", precision, "--quantizer", "quick"]
    given += ["--calibration", str(made / "calibration.npz"), "--rounding", "double"]
    assert cli.main([*given, "-o", str(graph), "--export-torch", str(module)]) == 0
    assert "q.py" in capsys.readouterr().err
    few = np.load(made / "test.npz")["input"][:20]
    np.save(tmp_path / "few.npy", few)
    run = ["run", str(graph), "--rounding", "double", "--input", str(tmp_path / "few.npy")]
    assert cli.main([*run, "-o", str(tmp_path / "image.npz")]) == 0
    ended = subprocess.run(
        [sys.executable, module, "--input", tmp_path / "few.npy", "--out", tmp_path / "torch.npz"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    image = next(iter(np.load(tmp_path / "image.npz").values()))
    exported = np.load(tmp_path / "torch.npz")["output0"]
    if precision == "int8":
        np.testing.assert_array_equal(exported.reshape(image.shape), image)
    else:
        np.testing.assert_allclose(exported.reshape(image.shape), image, rtol=1e-4, atol=1e-4)
    assert len(np.unique(exported.reshape(20, -1).argmax(axis=1))) > 4


@pytest.mark.parametrize(
    ("given", "code"), [([], "E0462"), (["-o", "q.onnx"], "E0463"), (["--export-torch", "q.pt"], "E0461")]
)
def test_quantize_says_what_it_cannot_write(
    given: list[str], code: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [str(tmp_path / g) if g.startswith("q.") else g for g in given]
    assert cli.main(["quantize", str(made / "linear.onnx"), "--precision", "int8-weights", *flags]) == 1
    assert code in capsys.readouterr().err
