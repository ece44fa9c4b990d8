"""ONNX models with external data: from the same zip, and from nowhere else."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from compiler.errors import ModelError
from compiler.importers.archive import PACKED, open_archive
from compiler.importers.detect import detect
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.source import load
from tests.attacks import onnx_corpus

WEIGHTS = np.linspace(-1, 1, 40, dtype=np.float32).reshape(8, 5)


def model(weights: TensorProto | None = None) -> ModelProto:
    w = weights or numpy_helper.from_array(WEIGHTS, "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [w])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def external(data: str = "w.bin", dtype: int = TensorProto.FLOAT, **more: str) -> ModelProto:
    tensor = TensorProto(name="w", data_type=dtype, dims=[8, 5], data_location=TensorProto.EXTERNAL)
    for key, text in {"location": data, **more}.items():
        tensor.external_data.add(key=key, value=text)
    return model(tensor)


def packed(
    path: Path, made: ModelProto, /, method: int = zipfile.ZIP_DEFLATED, folder: str = "", **files: bytes
) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(f"{folder}m.onnx", made.SerializeToString())
        for name, content in files.items():
            archive.writestr(folder + name.replace("__", "."), content)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("folder", ["", "export/of today/"])
def test_as_exporters_write_it(tmp_path: Path, method: int, folder: str) -> None:
    onnx.save_model(model(), tmp_path / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    with pytest.raises(ModelError) as caught:
        load(tmp_path / "m.onnx", CompileOptions())
    assert caught.value.code == "E0105"
    assert "zip" in caught.value.help
    path = tmp_path / "model"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in ("m.onnx", "m.onnx.data"):
            archive.write(tmp_path / name, folder + name)
    assert detect(path).kind == "onnx-zip"
    source = load(path, CompileOptions(), "my model.zip")
    assert [type(n.op).__name__ for n in source.graph.nodes] == ["Dense"]
    (constant,) = source.graph.constants.values()
    np.testing.assert_array_equal(constant, WEIGHTS.T)
    assert source.onnx is not None
    onnx.checker.check_model(source.onnx)
    assert inspect_model(path, CompileOptions()).compilable


def test_a_zip_may_hold_a_model_without_external_data(tmp_path: Path) -> None:
    assert load(packed(tmp_path / "m.zip", model()), CompileOptions()).format == "onnx-zip"


def test_many_tensors_in_one_file(tmp_path: Path) -> None:
    content = b"\xff" * 24 + WEIGHTS.tobytes() + b"\xff" * 4
    path = packed(tmp_path / "m.zip", external("./w.bin", offset="24", length="160"), w__bin=content)
    (constant,) = load(path, CompileOptions()).graph.constants.values()
    np.testing.assert_array_equal(constant, WEIGHTS.T)
    path = packed(tmp_path / "n.zip", external(offset="24"), w__bin=content)
    (constant,) = load(path, CompileOptions()).graph.constants.values()
    np.testing.assert_array_equal(constant, WEIGHTS.T)


REFUSED = {
    "missing": ("E0190", external()),
    "past the end": ("E0191", external("data", offset="1")),
    "far past the end": ("E0191", external("data", offset="9" * 18)),
    "a huge number": ("E0191", external("data", offset="9" * 400)),
    "before the start": ("E0191", external("data", offset="-8")),
    "no number": ("E0191", external("data", offset="0x10")),
    "odd digits": ("E0191", external("data", offset="\u0663")),
    "too short": ("E0191", external("data", length="8")),
    "too long": ("E0191", external("data", length="161")),
    "no location": ("E0191", external("")),
    "texts": ("E0191", external("data", dtype=TensorProto.STRING)),
    "no type": ("E0191", external("data", dtype=77)),
    "the model itself": ("E0191", external("m.onnx", offset="4000")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str, tmp_path: Path) -> None:
    code, made = REFUSED[name]
    path = packed(tmp_path / "m.zip", made, data=WEIGHTS.tobytes())
    for function in (load, inspect_model):
        with pytest.raises(ModelError) as caught:
            function(path, CompileOptions())
        assert caught.value.code == code


@pytest.mark.parametrize(
    "location",
    ["../w.bin", "/etc/passwd", "a/../../w.bin", "C:\\w.bin", "c:w", "a//b", "a\\b", "a/./b", "..", "\u0000", "a\nb", "file:///x"],
)  # fmt: skip
def test_no_path_leads_out_of_the_archive(location: str, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())
    with pytest.raises(ModelError) as caught:
        load(packed(tmp_path / "m.zip", external(location)), CompileOptions())
    assert caught.value.code == "E0194"


@pytest.mark.parametrize("name", sorted(n for n in onnx_corpus.CASES if n.startswith("external-")))
def test_the_corpus_in_a_zip(name: str, tmp_path: Path) -> None:
    """Attributes, sub-graphs, sparse tensors: every tensor of a model is looked at."""
    made = onnx_corpus.CASES[name]()
    content = made if isinstance(made, bytes) else made.SerializeToString()
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m.onnx", content)
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code in {"E0190", "E0191", "E0194"}


@pytest.mark.parametrize("names", [(), ("a.onnx", "b.onnx")], ids=str)
def test_one_model_is_needed(names: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/._a.onnx", b"")
        for name in names:
            archive.writestr(name, model().SerializeToString())
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0192"


# -- archives that lie --------------------------------------------------------------------------------------------


def test_what_members_unfold_to_is_limited(tmp_path: Path) -> None:
    path = packed(tmp_path / "m.zip", model(), zeros=bytes(1 << 20))
    assert path.stat().st_size < 4096
    small = replace(PACKED, most_unfolded=1 << 20)
    with pytest.raises(ModelError, match="far too much") as caught:
        open_archive(path, "m.zip", lambda name: True, small)
    assert caught.value.code == "E0193"
    assert len(open_archive(path, "m.zip", lambda name: True, PACKED).read("zeros")) == 1 << 20


@pytest.mark.parametrize("stated", [10, (1 << 20) - 1, (1 << 20) + 1])
def test_a_member_unfolds_to_what_it_states(stated: int, tmp_path: Path) -> None:
    content = packed(tmp_path / "m.zip", model(), zeros=bytes(1 << 20)).read_bytes()
    path = tmp_path / "lying.zip"
    path.write_bytes(content.replace((1 << 20).to_bytes(4, "little"), stated.to_bytes(4, "little")))
    archive = open_archive(path, "m.zip", lambda name: True, PACKED)
    with pytest.raises(ModelError, match="does not unfold to the size") as caught:
        archive.read("zeros")
    assert caught.value.code == "E0193"


def test_damage_is_found(tmp_path: Path) -> None:
    content = bytearray(packed(tmp_path / "m.zip", external(), w__bin=WEIGHTS.tobytes()).read_bytes())
    at = zipfile.ZipFile(io.BytesIO(content)).getinfo("w.bin").header_offset + 30 + len("w.bin") + 20
    content[at] ^= 4
    (tmp_path / "m.zip").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load(tmp_path / "m.zip", CompileOptions())
    assert caught.value.code == "E0193"
