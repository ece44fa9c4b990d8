"""The artifact: what is in it, that its bytes repeat, and that a stranger can build and check it with plain tools."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import ModelError
from compiler.pack.artifact import Artifact, Vector
from compiler.pack.pack import pack
from compiler.report import Report
from tests.pack import tiny_model
from tests.pack.reports import ds_cnn, hostile, not_run

EXPECTED = {
    "README.md",
    "CMakeLists.txt",
    "include/model.h",
    "src/model.c",
    "lib/cortex-m4/model.o",
    "lib/cortex-m4/libmodel.a",
    "test/selfcheck.c",
    "test/vectors.h",
    "report.json",
    "report.html",
    "report.md",
    "memory.svg",
    "manifest.json",
}
WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]


def make(out: Path, report: Report | None = None, **changes: object) -> Artifact:
    values: dict[str, object] = {
        "report": report or ds_cnn(),
        "options": tiny_model.OPTIONS,
        "sources": tiny_model.sources(),
        "objects": tiny_model.objects(),
        "vectors": tiny_model.vectors(),
    }
    return pack(out, **(values | changes))  # type: ignore[arg-type]


def build_check(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    sources = ["src/model.c", "test/selfcheck.c", "-o", "selfcheck"]
    subprocess.run(["gcc", *flags, "-Iinclude", "-Isrc", *sources], cwd=folder, check=True, timeout=120)
    return subprocess.run(["./selfcheck"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_zip_has_what_the_contract_lists_and_the_folder_has_the_same(tmp_path: Path) -> None:
    artifact = make(tmp_path / "out")
    assert set(artifact.files) == EXPECTED
    with zipfile.ZipFile(artifact.archive) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == dict(artifact.files)
    on_disk = {p.relative_to(artifact.directory).as_posix() for p in artifact.directory.rglob("*") if p.is_file()}
    assert on_disk == EXPECTED
    assert artifact.archive.name == "out.zip"


def test_two_packs_are_byte_identical_whatever_the_timings(tmp_path: Path) -> None:
    slow = ds_cnn().model_copy(update={"timings": {"import": 9.9, "build": 77.0}})
    first, second = make(tmp_path / "a"), make(tmp_path / "b", slow)
    assert first.archive.read_bytes() == second.archive.read_bytes()
    assert second.report.timings == {"import": 9.9, "build": 77.0}
    assert json.loads(second.files["report.json"])["timings"] == {}


def test_the_zip_carries_neither_time_nor_owner(tmp_path: Path) -> None:
    with zipfile.ZipFile(make(tmp_path / "out").archive) as archive:
        entries = archive.infolist()
    assert [e.filename for e in entries] == sorted(EXPECTED)
    assert {e.date_time for e in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {e.external_attr >> 16 for e in entries} == {stat.S_IFREG | 0o644}


def test_no_path_of_this_machine_gets_into_the_artifact(tmp_path: Path) -> None:
    artifact = make(tmp_path / "out")
    for path, data in artifact.files.items():
        assert str(tmp_path).encode() not in data, path


def test_the_manifest_has_the_hash_of_every_other_file(tmp_path: Path) -> None:
    artifact = make(tmp_path / "out")
    manifest = json.loads(artifact.files["manifest.json"])
    hashes = {path: entry["sha256"] for path, entry in manifest["files"].items()}
    assert hashes == {p: hashlib.sha256(d).hexdigest() for p, d in artifact.files.items() if p != "manifest.json"}
    assert manifest["commands"]["compile"] == ["deepmetal compile ds_cnn.onnx --target cortex-m4 --emit c -o out"]
    assert any("-ffp-contract=off" in line for line in manifest["commands"]["build"])


def test_a_second_artifact_removes_what_the_first_left_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out)
    (out / "notes.txt").write_text("mine")
    (out / "test" / "vectors.h").write_text("edited by hand")
    make(out, vectors=())
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "test" / "selfcheck.c").exists()
    assert (out / "test" / "vectors.h").read_text() == "edited by hand"


@pytest.mark.parametrize("content", ['{"files": {"a.txt": {}}}', '{"schema": "deepmetal.manifest/1"}', "[]", "\x00"])
def test_somebody_elses_manifest_makes_nothing_disappear(tmp_path: Path, content: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("precious")
    (out / "manifest.json").write_text(content)
    make(out)
    assert (out / "a.txt").read_text() == "precious"


def test_a_manifest_cannot_reach_outside_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    entry = {"sha256": hashlib.sha256(b"precious").hexdigest()}
    files = {"../outside.txt": entry, str(outside): entry}
    (out / "manifest.json").write_text(json.dumps({"schema": "deepmetal.manifest/1", "files": files}))
    make(out)
    assert outside.read_text() == "precious"


def test_a_file_in_the_way_is_an_option_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ModelError) as caught:
        make(tmp_path / "out")
    assert caught.value.code == "E1009"
    assert str(tmp_path) not in str(caught.value)


def test_the_self_check_builds_with_plain_gcc_without_warnings_and_passes(tmp_path: Path) -> None:
    done = build_check(make(tmp_path / "out").directory, *WARNINGS)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("largest difference") == 4  # two vectors, two ways of running
    assert "OK: model_run agrees" in done.stdout


def test_the_self_check_is_clean_under_sanitizers(tmp_path: Path) -> None:
    done = build_check(make(tmp_path / "out").directory, "-std=c99", "-fsanitize=address,undefined", "-g")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr


def test_the_self_check_fails_when_one_weight_is_wrong(tmp_path: Path) -> None:
    wrong = tiny_model.WEIGHTS.copy()
    wrong[2, 1] += 0.01
    done = build_check(make(tmp_path / "out", sources=tiny_model.sources(wrong)).directory, "-std=c99")
    assert done.returncode == 1
    assert "FAIL vector 0, output 0, own buffers" in done.stdout


def test_the_self_check_fails_when_an_output_is_not_written(tmp_path: Path) -> None:
    sources = tiny_model.sources()
    sources["src/model.c"] = sources["src/model.c"].replace(b"o < 3; o++", b"o < 2; o++")
    done = build_check(make(tmp_path / "out", sources=sources).directory, "-std=c99")
    assert done.returncode == 1


def test_the_self_check_fails_on_nan_where_a_number_is_expected(tmp_path: Path) -> None:
    sources = tiny_model.sources()
    sources["src/model.c"] = sources["src/model.c"].replace(b"y[o] = sum;", b"y[o] = sum - sum + 0.0f / (sum - sum);")
    done = build_check(make(tmp_path / "out", sources=sources).directory, "-std=c99")
    assert done.returncode == 1


def test_vectors_with_infinities_nan_and_integers_are_written_exactly(tmp_path: Path) -> None:
    x = np.array([[np.inf, -np.inf, np.nan, 1e-45]], np.float32)
    y = np.array([[np.inf, np.nan, -0.0]], np.float32)
    vector = Vector((x, np.array([-(2**63), 5], np.int64), np.array([True, False])), (y,))
    artifact = make(tmp_path / "out", vectors=[vector])
    header = artifact.files["test/vectors.h"].decode()
    assert "1e-45f" in header
    assert "INT64_MIN, 5LL" in header
    assert "static const uint8_t input_0_2[2] = {\n    1, 0," in header
    syntax = ["gcc", *WARNINGS, "-fsyntax-only", "-Iinclude", "test/selfcheck.c"]
    subprocess.run(syntax, cwd=artifact.directory, check=True, timeout=60)


def test_large_vectors_are_few(tmp_path: Path) -> None:
    big = [Vector((np.zeros((1, 60_000), np.float32),), (np.zeros((1, 3), np.float32),)) for _ in range(4)]
    header = make(tmp_path / "out", vectors=big).files["test/vectors.h"].decode()
    assert "#define VECTORS 1\n" in header


@pytest.mark.needs_cmake
def test_cmake_builds_the_library_and_ctest_runs_the_check(tmp_path: Path) -> None:
    folder = make(tmp_path / "out").directory
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    for command in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    done = subprocess.run(
        ["ctest", "--test-dir", "build"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert "100% tests passed" in done.stdout, done.stdout
    assert (folder / "build" / "libmodel.a").exists()


def test_the_readme_says_what_a_stranger_needs(tmp_path: Path) -> None:
    text = make(tmp_path / "out").files["README.md"].decode()
    for needed in (
        "model_run(inputs, outputs)",
        "model_predict(",
        "| Flash | 93,920 B | exact, from the linked ELF |",
        "MODEL_ARENA_ATTRIBUTE",
        "lib/cortex-m4/libmodel.a",
        "gcc -std=c99",
        "cmake -S . -B build",
        "ONNX Runtime 1.31.1",
        "deepmetal compile ds_cnn.onnx --target cortex-m4",
        "| input 0 | `input_1` | `float` | 1×49×10×1 | 490 | 1,960 |",
    ):
        assert needed in text, needed


def test_the_readmes_gcc_line_works_as_it_stands(tmp_path: Path) -> None:
    artifact = make(tmp_path / "out")
    line = re.search(r"^gcc .*selfcheck$", artifact.files["README.md"].decode(), re.MULTILINE)
    assert line
    done = subprocess.run(["sh", "-c", line.group()], cwd=artifact.directory, check=False, timeout=120)
    assert done.returncode == 0


def test_without_a_run_nothing_is_claimed(tmp_path: Path) -> None:
    artifact = make(tmp_path / "out", not_run(), vectors=(), objects={})
    text = artifact.files["README.md"].decode()
    assert "It was not: the emulator was not run" in text
    assert "test/selfcheck.c" not in artifact.files
    assert "selfcheck" not in artifact.files["CMakeLists.txt"].decode()
    assert "Not validated" in artifact.files["report.html"].decode()


def test_a_model_with_a_hostile_name_packs(tmp_path: Path) -> None:
    artifact = make(tmp_path / "out", hostile())
    command = json.loads(artifact.files["manifest.json"])["commands"]["compile"][0]
    assert command.startswith("deepmetal compile MODEL.onnx --target")
    assert "<script>" not in re.sub(r"`+[^`]*`+", "", artifact.files["README.md"].decode())
