"""Attacks through ONNX's external data: tensors that say in which file their bytes are."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from onnx import ModelProto, TensorProto

from tests.attacks import onnx_corpus
from tests.attacks.cves.opened import codes, sources_with

ALONE, IN_ZIP = {"E0105"}, {"E0190", "E0191", "E0192", "E0193", "E0194", "E0112"}
SECRET = bytes(range(1, 17))  # the 16 bytes that the tensor wants


def external(location: str, **more: str) -> ModelProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 4], data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=text)
    made = onnx_corpus.model([onnx_corpus.node("Add", ("x", "w"))], [tensor])
    assert isinstance(made, ModelProto)
    return made


def attempt(folder: Path, made: ModelProto, members: Mapping[str, bytes] | None = None) -> tuple[set[str], set[str]]:
    """How the model is refused by itself, beside files that it points to, and in a zip."""
    place = folder / "inner" / "model"
    place.mkdir(parents=True, exist_ok=True)
    for secret in (folder / "secret.bin", folder / "inner" / "secret.bin"):
        secret.write_bytes(SECRET)
    before = listing(folder)
    alone = place / "model.onnx"
    alone.write_bytes(made.SerializeToString())
    packed = place / "model.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model.onnx", made.SerializeToString())
        for name, content in (members or {}).items():
            info = zipfile.ZipInfo(name)
            if name.endswith("link"):
                info.external_attr = 0o120777 << 16
            archive.writestr(info, content)
    found = codes(alone), codes(packed)
    alone.unlink()
    packed.unlink()
    assert listing(folder) == before, "a file was written"
    return found


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("location", ["../secret.bin", "../../secret.bin", "/etc/passwd"])
def test_cve_2022_25882_out_of_the_folder(location: str, tmp_path: Path) -> None:
    alone, packed = attempt(tmp_path, external(location))
    assert alone == ALONE
    assert packed <= IN_ZIP


@pytest.mark.parametrize(
    "location", ["x/../../secret.bin", "./../secret.bin", "x/./..//../secret.bin", "..\\secret.bin"]
)
def test_cve_2024_27318_the_same_by_a_way_around(location: str, tmp_path: Path) -> None:
    """The first repair cut `../` off the beginning only."""
    alone, packed = attempt(tmp_path, external(location), {"x/other": b""})
    assert alone == ALONE
    assert packed <= IN_ZIP


@pytest.mark.parametrize("location", ["link", "folder/secret.bin"])
def test_cve_2026_27489_and_34447_symbolic_links(location: str, tmp_path: Path) -> None:
    """The file beside the model is a link, or lies in a folder that is one; in a zip, a member that is a link."""
    place = tmp_path / "inner" / "model"
    place.mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(SECRET)
    (place / "link").symlink_to(tmp_path / "secret.bin")
    (place / "folder").symlink_to(tmp_path)
    alone, packed = attempt(tmp_path, external(location), {"link": b"../../secret.bin"})
    assert alone == ALONE
    assert packed <= IN_ZIP


def test_cve_2026_34446_hard_links(tmp_path: Path) -> None:
    """A hard link looks like any file. Nothing beside a model is read, so there is none to look like one."""
    place = tmp_path / "inner" / "model"
    place.mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(SECRET)
    os.link(tmp_path / "secret.bin", place / "hard.bin")
    alone, packed = attempt(tmp_path, external("hard.bin"))
    assert alone == ALONE
    assert packed <= IN_ZIP


@pytest.mark.parametrize(
    "more",
    [
        {"__class__": "x"}, {"__dict__": "x"}, {"basepath": "/etc"}, {"offset": "-16"}, {"length": "-1"},
        {"length": str(1 << 62)}, {"offset": str(1 << 62)}, {"offset": "1e3"}, {"offset": "nan"}, {"length": ""},
    ],
)  # fmt: skip
def test_cve_2026_34445_keys_became_attributes(more: dict[str, str], tmp_path: Path) -> None:
    """Any key was set as an attribute of the reader's object, and sizes were believed.

    Unknown keys mean nothing to our reader; in a zip with the right bytes such a model may even be taken.
    """
    alone, packed = attempt(tmp_path, external("w.bin", **more), {"w.bin": SECRET})
    assert alone == ALONE
    assert packed <= (IN_ZIP | {""} if set(more) <= {"__class__", "__dict__", "basepath"} else IN_ZIP)


@pytest.mark.parametrize("location", ["../written.bin", "../../written.bin", "written.bin"])
def test_cve_2025_51480_and_va_26_233_01_files_written_where_the_model_says(location: str, tmp_path: Path) -> None:
    """Saving a model wrote each external tensor to its location, also when bytes came with the model.

    `attempt` fails when any file appears or changes.
    """
    made = external(location)
    made.graph.initializer[0].raw_data = SECRET
    attempt(tmp_path, made)
    made.graph.initializer[0].data_location = TensorProto.DEFAULT  # bytes inside, an address nobody asks for
    attempt(tmp_path, made)
    assert sources_with(r"save_external_data|write_external_data|convert_model_to_external_data|save_model\(") == []


def test_the_library_never_follows_external_data_for_us() -> None:
    """`onnx.load` of a path would, and so would its helpers; models are parsed from bytes."""
    used = sources_with(r"onnx\.load\(|load_external_data|external_data_helper|load_model\(")
    assert used == ["compiler/onnx_backend.py"]  # whose docstring says how its user loads a model


def test_cve_2024_5187_and_7776_downloads(tmp_path: Path) -> None:
    """The helper that downloads models unpacked their archives anywhere; nothing here downloads or unpacks."""
    assert sources_with(r"onnx\.hub|download_model|onnx\.utils\.extract|urlretrieve|urllib\.request|extractall") == []
