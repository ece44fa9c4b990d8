"""`deepmetal packs` and `deepmetal pack`."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from compiler import cli
from compiler.pack.artifact import Artifact, read
from compiler.pack.formats import package, registry
from tests.pack.test_pack import make

Output = pytest.CaptureFixture[str]


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return make(tmp_path / "out")


def test_packs_lists_every_format(capsys: Output) -> None:
    assert cli.main(["packs"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in registry())
    assert cli.main(["packs", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == list(registry())


@pytest.mark.parametrize("given", ["zip", "folder"])
def test_pack_makes_one_from_an_artifact(artifact: Artifact, tmp_path: Path, given: str) -> None:
    out = tmp_path / "library.zip"
    source = artifact.archive if given == "zip" else artifact.directory
    assert cli.main(["pack", str(source), "--format", "arduino", "-o", str(out)]) == 0
    assert out.read_bytes() == package("arduino", artifact.files)[1]


def test_without_a_name_the_file_has_the_packages_own(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["pack", str(artifact.archive), "--format", "cmsis-pack"]) == 0
    assert "DeepMetal.deepmetal_model.0.1.0.pack" in capsys.readouterr().err
    assert zipfile.is_zipfile(tmp_path / "DeepMetal.deepmetal_model.0.1.0.pack")


def test_a_folder_gives_what_the_zip_gives_even_when_something_was_built_in_it(artifact: Artifact) -> None:
    (artifact.directory / "build").mkdir()
    (artifact.directory / "build" / "model.o").write_bytes(b"other")
    assert read(artifact.directory) == read(artifact.archive) == dict(artifact.files)


def test_mistakes_have_codes(artifact: Artifact, tmp_path: Path, capsys: Output) -> None:
    text = tmp_path / "text.zip"
    text.write_text("no zip")
    for words, code in (
        ([str(artifact.archive), "--format", "rpm"], "E1030"),
        ([str(text), "--format", "cmake"], "E1031"),
        ([str(tmp_path), "--format", "cmake"], "E1031"),
        ([str(tmp_path / "missing.zip"), "--format", "cmake"], "E1006"),
        ([str(artifact.archive), "--format", "cmake", "-o", str(tmp_path)], "E1009"),
    ):
        assert cli.main(["pack", *words]) == 1
        assert f"error[{code}]" in capsys.readouterr().err
