"""Networks as TensorFlow and Keras really save them compute what Keras predicted, whatever the format."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler import targets
from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.importers import tensorflow_run
from compiler.inspect import inspect_model
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.sandbox import landlock
from compiler.source import load
from tests.support import tensorflow_models
from tests.support.needs import ROOT

pytestmark = pytest.mark.needs_tensorflow
NETWORKS = ("mlp", "lenet", "ds_cnn", "resnet8", "mobilenet_v1", "lstm", "gru", "transformer")


@pytest.fixture(scope="module")
def models() -> Path:
    return tensorflow_models.networks()


def optimized(path: Path) -> Graph:
    return optimize(load(path, CompileOptions()).graph).graph


def compiled(graph: Graph, x: Any) -> Any:
    """What the kernels for this computer compute, in this process."""
    program = lower(graph, targets.target("host").abilities, "balanced", "model")
    (y,) = Jitted(program).run({program.inputs[0].name: x}).values()
    return y


def assert_predicts(path: Path, arrays: Any) -> Graph:
    graph = optimized(path)
    assert graph.inputs[0].shape == arrays["x"].shape
    y, expected = compiled(graph, arrays["x"]), arrays["y"]
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5 * max(1.0, float(np.abs(expected).max())))
    return graph


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_and_tensorflow_lite_files(name: str, models: Path) -> None:
    """And the two kinds of Keras file become the same graph."""
    arrays = np.load(models / f"{name}.npz")
    graphs = [assert_predicts(models / f"{name}.{ending}", arrays) for ending in ("keras", "h5", "tflite")]
    first, second = ([(n.op, n.output.type) for n in graph.nodes] for graph in graphs[:2])
    assert first == second


@pytest.mark.parametrize("name", ["mlp.zip", "lstm.pb", "resnet8.savedmodel"])
def test_saved_models_and_frozen_graphs(name: str, models: Path) -> None:
    """A zip, a frozen graph with loops, and a folder."""
    path = models / name
    seen = inspect_model(path, CompileOptions(), graphs=False)
    assert (seen.compilable, seen.unsupported) == (True, [])
    assert seen.format == ("graphdef" if path.suffix == ".pb" else "savedmodel")
    arrays = np.load(models / f"{path.stem}.npz")
    assert seen.inputs[0].shape[1:] == list(arrays["x"].shape[1:])
    assert_predicts(path, arrays)


CONFINED = """
import sys
from contextlib import suppress
from pathlib import Path
from compiler.options import CompileOptions
from compiler.sandbox.confine import confine
from compiler.sandbox.limits import Limits
from compiler.source import load

folder = Path(sys.argv[1])
confine("L2", Limits(300, 8 << 30, 2 << 30), folder)
with suppress(PermissionError):
    sys.exit(Path("/proc/self/cmdline").read_text())
print(*(node.op for node in load(folder / "mlp.zip", CompileOptions()).graph.nodes), sep=chr(10))
"""


@pytest.mark.skipif(landlock.version() < landlock.OLDEST, reason="needs Landlock 2 or newer in the kernel")
def test_a_saved_model_in_a_confined_job(models: Path, tmp_path: Path) -> None:
    """TensorFlow looks for its program in /proc, which a confined process may not read."""
    job = tmp_path / "job"
    (job / "tmp").mkdir(parents=True)
    shutil.copy(models / "mlp.zip", job)
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(job)],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(job / "tmp")}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines() == [str(node.op) for node in load(models / "mlp.zip", CompileOptions()).graph.nodes]


def test_a_batch_that_was_asked_for(models: Path) -> None:
    graph = load(models / "mlp.keras", CompileOptions(shape={"": (3, 28, 28, 1)})).graph
    assert [v.shape for v in (*graph.inputs, *graph.outputs)] == [(3, 28, 28, 1), (3, 10)]


def test_a_python_without_tensorflow_says_so(models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named tensorflow' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setenv(tensorflow_run.SETTING, str(python))
    with pytest.raises(ModelError) as caught:
        load(models / "mlp.zip", CompileOptions())
    assert caught.value.code == "E0174"
    assert "No module named tensorflow" in caught.value.facts["said"]
