"""Files are known by their content, whatever they are called, and the message says what they are."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from compiler.errors import ModelError
from compiler.importers.detect import _REFUSALS, Kind, detect, require_supported
from compiler.importers.formats.base import formats


def onnx_model() -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    data: bytes = helper.make_model(graph).SerializeToString()
    return data


def zip_of(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def graph_def() -> bytes:
    """Two nodes and a version, as TensorFlow writes them."""
    nodes = [b"\x0a\x01x\x12\x0bPlaceholder", b"\x0a\x01y\x12\x04Relu\x1a\x01x"]
    return b"".join(b"\x0a" + bytes((len(n),)) + n for n in nodes) + b"\x22\x03\x08\xa4\x0e"


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    return out.getvalue()


FILES: dict[str, tuple[Kind, str, Callable[[], bytes]]] = {
    "onnx": ("onnx", "an ONNX model", onnx_model),
    "onnx cut short": ("damaged", "should have at least", lambda: onnx_model()[:-30]),
    "empty": ("empty", "an empty file", lambda: b""),
    "html": ("text", "a web page", lambda: b"\n<!doctype HTML>\n<html>"),
    "json": ("text", "a JSON text", lambda: json.dumps({"a": 1}).encode()),
    "python": ("text", "a Python source file", lambda: b"import torch\n"),
    "lfs": ("text", "Git LFS pointer", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "prose": ("text", "a text file", lambda: "Größe und Gewicht\n".encode() * 500),
    "gzip": ("compressed", "gzip", lambda: gzip.compress(b"x")),
    "npy": ("numpy", "a NumPy array", npy),
    "npz": ("numpy", "a NumPy .npz file", lambda: zip_of(**{"a.npy": npy()})),
    "pickle": ("pickle", "a Python pickle", lambda: pickle.dumps([1, 2])),
    "keras": ("keras", "a Keras model", lambda: zip_of(**{"config.json": b"{}", "model.weights.h5": b"x"})),
    "saved model": ("savedmodel", "SavedModel", lambda: zip_of(m__saved_model_pb=b"")),
    "zip": ("zip", "a zip archive", lambda: zip_of(readme=b"x")),
    "zipped onnx": ("onnx-zip", "ONNX model inside", lambda: zip_of(**{"m/model.onnx": onnx_model(), "m/w": b"x"})),
    "graph": ("graph", "a graph file", lambda: b'{\n "schema": "deepmetal.graph/1"}'),
    "graph, edited": ("graph", "a graph file", lambda: b'{"name": "a", "schema" : "deepmetal.graph/9"}'),
    "zipped graph": ("graph", "a zipped graph file", lambda: zip_of(**{"m.graph.json": b"{}", "m.weights.bin": b""})),
    "safetensors": ("safetensors", "weights without", lambda: (40).to_bytes(8, "little") + b'{"a"' + b" " * 40),
    "safetensors cut short": (
        "damaged",
        "12 bytes are missing",
        lambda: (40).to_bytes(8, "little") + b'{"a"' + b" " * 24,
    ),
    "frozen graph": ("graphdef", "a frozen TensorFlow graph", lambda: graph_def()),
    "frozen graph cut short": ("binary", "no model format", lambda: graph_def()[:-3]),
    "noise": ("binary", "no model format", lambda: np.random.default_rng(1).bytes(5000)),
}
FILES["saved model"] = ("savedmodel", "SavedModel", lambda: zip_of(**{"m/saved_model.pb": b""}))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", [".onnx", ".pth", ""])
def test_by_content(name: str, suffix: str, tmp_path: Path) -> None:
    kind, detail, make = FILES[name]
    path = tmp_path / f"upload{suffix}"
    path.write_bytes(make())
    found = detect(path)
    assert found.kind == kind
    assert detail in found.detail


@pytest.mark.parametrize("name", [name for name, (kind, _, _) in FILES.items() if kind not in formats()])
def test_a_refusal_says_what_it_is_and_what_to_do(name: str, tmp_path: Path) -> None:
    path = tmp_path / "0a1b2c"
    path.write_bytes(FILES[name][2]())
    with pytest.raises(ModelError) as caught:
        require_supported(path, name="my model.onnx")
    error = caught.value
    assert error.code.startswith("E011") or error.code == "E0123"
    assert error.where == "my model.onnx"
    assert FILES[name][1] in error.facts["looks like"]
    assert all(f.title in error.facts["expected"] for f in formats().values()), "every format is expected"
    assert error.help


def test_every_kind_is_a_format_or_refused() -> None:
    refused = set(_REFUSALS)
    assert set(formats()) | refused == set(get_args(Kind))
    assert all(f.title and f.kind == kind for kind, f in formats().items())


def test_folders(tmp_path: Path) -> None:
    assert detect(tmp_path).kind == "folder"
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    assert detect(tmp_path).kind == "savedmodel"


def test_the_models_of_the_benchmark(shared: Path) -> None:
    for path in sorted((shared / "models").iterdir()):
        if path.suffix == ".onnx":
            assert detect(path).kind == "onnx", path.name
        elif path.suffix == ".tflite":
            assert detect(path).kind == "tflite", path.name


def test_every_opset_and_ir_version_is_known(tmp_path: Path) -> None:
    model = onnx.load_model_from_string(onnx_model())
    for version in (3, 8, 13):
        model.ir_version = version
        model.producer_name, model.doc_string = "p" * 200, "d" * 70_000
        path = tmp_path / "m"
        path.write_bytes(model.SerializeToString())
        assert detect(path).kind == "onnx"


@pytest.mark.needs_torch
class TestTorch:
    """Files as PyTorch itself writes them."""

    def save(self, folder: Path, how: Callable[[Any, Any, Path], None]) -> Path:
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()).eval()
        path = folder / "model"
        how(torch, model, path)
        return path

    def test_whole_model_and_state_dict(self, tmp_path: Path) -> None:
        assert detect(self.save(tmp_path, lambda t, m, p: t.save(m, p))).kind == "torch"
        assert detect(self.save(tmp_path, lambda t, m, p: t.save(m.state_dict(), p))).kind == "torch"

    def test_legacy(self, tmp_path: Path) -> None:
        path = self.save(tmp_path, lambda t, m, p: t.save(m, p, _use_new_zipfile_serialization=False))
        assert detect(path).kind == "torch-legacy"

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_torchscript(self, tmp_path: Path) -> None:
        def save(torch: Any, model: Any, path: Path) -> None:
            torch.jit.save(torch.jit.trace(model, torch.zeros(1, 4)), str(path))

        assert detect(self.save(tmp_path, save)).kind == "torchscript"

    @pytest.mark.filterwarnings("ignore::FutureWarning")
    def test_exported_program(self, tmp_path: Path) -> None:
        def save(torch: Any, model: Any, path: Path) -> None:
            target = path.with_suffix(".pt2")
            torch.export.save(torch.export.export(model, (torch.zeros(1, 4),)), target)
            target.rename(path)

        assert detect(self.save(tmp_path, save)).kind == "pt2"
