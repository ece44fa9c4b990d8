"""Packages for build systems: each is made for every language, and built as far as its toolchain can be had.

Built with the real thing: CMake, bare metal (make, gcc, QEMU). Built with a double of the build system around real
compilers: Arduino, PlatformIO, Zephyr, ESP-IDF; the doubles in `doubles/` define only what the packages use, by the
documentation of the real ones. The CMSIS-Pack is checked against the rules of its schema.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.pack.formats import check, folder, package, registry
from tests.pack.reports import hostile
from tests.pack.test_pack import make
from tests.pack.test_real_artifact import compile_, model  # noqa: F401 - a fixture
from tests.support import needs

DOUBLES = Path(__file__).with_name("doubles")
LANGUAGES = ("c", "cpp", "llvm")
SOURCES = ("c", "cpp")

Files = Mapping[str, bytes]
Artifacts = Callable[..., Files]


@pytest.fixture(scope="module")
def artifact(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifacts:  # noqa: F811
    """`artifact(target=..., emit=...)`: the files of a compilation, each made once."""
    made: dict[str, Files] = {}

    def make(**options: object) -> Files:
        key = json.dumps(options, sort_keys=True)
        if key not in made:
            made[key] = compile_(model, tmp_path_factory.mktemp("artifact") / "out", vectors=2, **options).files
        return made[key]

    return make


def unpack(name: str, files: Files, into: Path) -> Path:
    """The package's only folder."""
    _, data = package(name, files)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(into)
    (top,) = into.iterdir()
    return top


def run(command: list[str | Path], cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


# --- all formats ---


def allowed(name: str, **options: object) -> bool:
    return registry()[name].refuses(CompileOptions.model_validate(options)) is None


def test_the_formats_are_those_of_the_documentation() -> None:
    assert list(registry()) == ["arduino", "bare-metal", "cmake", "cmsis-pack", "esp-idf", "platformio", "zephyr"]


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.parametrize("emit", LANGUAGES)
@pytest.mark.parametrize("name", sorted(registry()))
def test_every_package_has_the_header_and_the_model_and_repeats(artifact: Artifacts, name: str, emit: str) -> None:
    files = artifact(target="cortex-m4", emit=emit)
    if not allowed(name, target="cortex-m4", emit=emit):
        with pytest.raises(ModelError) as caught:
            package(name, files)
        assert caught.value.code == "E1032"
        return
    first, second = package(name, files), package(name, dict(sorted(files.items(), reverse=True)))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first[1])) as archive:
        inside = {path: archive.read(path) for path in archive.namelist()}
    header = next(data for path, data in inside.items() if path.endswith("/model.h"))
    assert header == files["include/model.h"]
    assert any(path.endswith(("/model.c", "/model.cpp", "/model.o", "/libmodel.a")) for path in inside)
    readme = next(data.decode() for path, data in inside.items() if path.endswith("README.md"))
    assert "model_run(NULL, NULL)" in readme
    assert f"{json.loads(files['report.json'])['totals']['flash']['total']:,} B" in readme


def test_an_unknown_format_is_an_error_with_the_list() -> None:
    with pytest.raises(ModelError) as caught:
        check("rpm", CompileOptions())
    assert caught.value.code == "E1030"
    assert "arduino, bare-metal, cmake" in str(caught.value)


def test_what_is_no_artifact_is_an_error() -> None:
    for files in ({}, {"report.json": b"{}"}, {"report.json": b"\xff"}):
        with pytest.raises(ModelError) as caught:
            package("cmake", files)
        assert caught.value.code == "E1031"


@pytest.mark.parametrize("path", ["include/../../x.h", "/etc/x", "src\\..\\x"])
def test_paths_that_lead_out_of_an_artifact_are_refused(path: str, tmp_path: Path) -> None:
    files = make(tmp_path / "out").files
    assert package("cmake", files)
    with pytest.raises(ModelError) as caught:
        package("cmake", {**files, path: b""})
    assert caught.value.code == "E1031"


@pytest.mark.parametrize("name", sorted(registry()))
def test_hostile_names_stay_out_of_build_files(name: str, tmp_path: Path) -> None:
    """Only READMEs and one-line descriptions show what the model calls itself."""
    _, data = package(name, make(tmp_path / "out", hostile()).files)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for path in archive.namelist():
            if "/test/" in path or path.endswith((".o", ".a")):
                continue
            text = archive.read(path).decode()
            assert "\x1b" not in text, path
            assert "\u202e" not in text, path
            if path.endswith(".json"):
                json.loads(text)
            elif path.endswith(".properties"):
                assert all("=" in line for line in text.splitlines())
            elif path.endswith(".pdsc"):
                ElementTree.fromstring(text)
            elif not path.endswith("README.md"):
                assert "alert(1)" not in text, path


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_pack_adds_the_package_to_the_artifact(model: Path, tmp_path: Path) -> None:  # noqa: F811
    made = compile_(model, tmp_path / "out", pack="arduino", vectors=1)
    inside = {path for path in made.files if path.startswith("pack/")}
    assert "pack/arduino/deepmetal_model/library.properties" in inside
    assert inside == set(folder("arduino", made.files))
    assert inside <= set(json.loads(made.files["manifest.json"])["files"])
    assert (made.directory / "pack/arduino/deepmetal_model/src/model.c").is_file()


@pytest.mark.parametrize(
    ("options", "code"),
    [({"pack": "rpm"}, "E1030"), ({"pack": "bare-metal", "target": "host"}, "E1032")],
    ids=["unknown", "refused"],
)
def test_pack_is_checked_before_anything_is_read(options: dict[str, str], code: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        compile_(tmp_path / "missing.onnx", tmp_path / "out", **options)
    assert caught.value.code == code


# --- CMake: the real one ---


@pytest.mark.needs_cmake
@pytest.mark.parametrize("emit", SOURCES)
def test_cmake_builds_checks_installs_and_is_found(artifact: Artifacts, emit: str, tmp_path: Path) -> None:
    top = unpack("cmake", artifact(target="host", emit=emit), tmp_path / "package")
    run(["cmake", "-S", ".", "-B", "build"], top)
    run(["cmake", "--build", "build"], top)
    run(["ctest", "--test-dir", "build", "--output-on-failure"], top)
    run(["cmake", "--install", "build", "--prefix", tmp_path / "there"], top)
    user = tmp_path / "user"
    user.mkdir()
    (user / "main.c").write_text('#include "model.h"\nint main(void) { return model_run(0, 0); }\n')
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(user C)\nfind_package(model REQUIRED)\n"
        "add_executable(user main.c)\ntarget_link_libraries(user PRIVATE deepmetal::model)\n"
    )
    run(["cmake", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'there'}"], user)
    run(["cmake", "--build", "build"], user)
    run([user / "build" / "user"], user)


@pytest.mark.needs_cmake
@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.needs_clang
@pytest.mark.parametrize("emit", LANGUAGES)
def test_cmake_builds_for_the_target_with_its_toolchain_file(artifact: Artifacts, emit: str, tmp_path: Path) -> None:
    top = unpack("cmake", artifact(target="cortex-m4", emit=emit), tmp_path / "package")
    run(["cmake", "-S", ".", "-B", "build", "-DCMAKE_TOOLCHAIN_FILE=cmake/cortex-m4.cmake"], top)
    run(["cmake", "--build", "build"], top)
    listing = run(["arm-none-eabi-objdump", "-d", "build/libmodel.a"], top)
    assert "elf32-littlearm" in listing
    assert "vmul.f32" in listing


# --- bare metal: the real compiler, and QEMU ---


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.parametrize("emit", LANGUAGES)
def test_the_bare_metal_project_builds_and_agrees_on_qemu(artifact: Artifacts, emit: str, tmp_path: Path) -> None:
    files = artifact(target="cortex-m4", emit=emit)
    top = unpack("bare-metal", files, tmp_path / "package")
    assert "warning" not in run(["make"], top)
    assert (top / "build" / "model.bin").stat().st_size > 100
    assert "OK: model_run agrees with the original model" in run(["make", "run"], top)
    if emit in SOURCES:
        run(["make", "clean"], top)
        assert "OK:" in run(["make", "MODEL=source", "run"], top)
        assert (top / "build/lib/model.o").read_bytes() == files["lib/cortex-m4/model.o"]


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_the_bare_metal_check_notices_a_wrong_result(artifact: Artifacts, tmp_path: Path) -> None:
    top = unpack("bare-metal", artifact(target="cortex-m4", emit="c"), tmp_path / "package")
    vectors = top / "model/test/vectors.h"
    text = vectors.read_text()
    at = text.index("expected_1_0")
    vectors.write_text(text[:at] + re.sub(r"(?<= )-?(\d)", r"9\1", text[at:], count=1))
    done = subprocess.run(["make", "run"], cwd=top, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 0
    assert "vector: agrees\nvector: DIFFERS\nFAIL" in done.stdout


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_the_bare_metal_project_has_the_memory_of_the_board(artifact: Artifacts, tmp_path: Path) -> None:
    files = dict(artifact(target="cortex-m4", emit="c"))
    report = json.loads(files["report.json"])
    report["options"]["board"] = "nucleo-l4r5zi"
    files["report.json"] = json.dumps(report).encode()
    top = unpack("bare-metal", files, tmp_path / "package")
    assert "ORIGIN = 0x08000000, LENGTH = 0x200000" in (top / "linker.ld").read_text()
    run(["make"], top)
    symbols = run(["arm-none-eabi-nm", "build/model.elf"], top)
    assert re.search(r"^0800\w+ T reset$", symbols, re.MULTILINE)
    assert "OK:" in run(["make", "run"], top)  # on QEMU's board, with its own script


# --- Arduino: the builder's way of compiling, with a double of its core ---


@pytest.mark.parametrize("options", [{}, {"emit": "cpp"}, {"weights": "incbin"}, {"arena": "caller"}], ids=str)
def test_the_arduino_library_compiles_flat_and_the_sketch_runs(
    artifact: Artifacts, options: dict[str, str], tmp_path: Path
) -> None:
    top = unpack("arduino", artifact(target="host", **options), tmp_path / "package")
    sketch = top / "examples/Classify/Classify.ino"
    (tmp_path / "sketch.cpp").write_text("#include <Arduino.h>\n" + sketch.read_text())
    include: list[str | Path] = ["-I", top / "src", "-I", DOUBLES / "arduino"]
    objects = compiled(sorted((top / "src").glob("*.c*")), "gcc", "g++", include, tmp_path)
    objects += compiled([tmp_path / "sketch.cpp", DOUBLES / "arduino/core.cpp"], "gcc", "g++", include, tmp_path)
    run(["g++", *objects, "-o", "sketch"], tmp_path)
    assert re.fullmatch(r"largest output: [0-3], microseconds: \d+\n", run([tmp_path / "sketch"], tmp_path))


@pytest.mark.needs_gcc_arm
def test_the_arduino_library_compiles_with_the_compiler_of_arm_boards(artifact: Artifacts, tmp_path: Path) -> None:
    top = unpack("arduino", artifact(target="host"), tmp_path / "package")
    (tmp_path / "sketch.cpp").write_text(
        "#include <Arduino.h>\n" + (top / "examples/Classify/Classify.ino").read_text()
    )
    include: list[str | Path] = [
        "-I",
        top / "src",
        "-I",
        DOUBLES / "arduino",
        "-mcpu=cortex-m4",
        "-mthumb",
        "-mfloat-abi=softfp",
    ]
    sources = [*sorted((top / "src").glob("*.c*")), tmp_path / "sketch.cpp"]
    assert len(compiled(sources, "arm-none-eabi-gcc", "arm-none-eabi-g++", include, tmp_path)) == 2


def compiled(
    sources: list[Path],
    cc: str,
    cxx: str,
    flags: Sequence[str | Path],
    folder: Path,
    standards: tuple[str, str] = ("gnu11", "gnu++17"),
) -> list[Path]:
    """Objects of C and C++ sources, as build systems without files of instructions make them: by the ending."""
    objects = []
    for source in sources:
        output = folder / f"{source.name}.o"
        c = source.suffix == ".c"
        tool, standard = (cc, standards[0]) if c else (cxx, standards[1])
        run([tool, f"-std={standard}", "-Os", "-Wall", "-Werror", *flags, "-c", source, "-o", output], folder)
        objects.append(output)
    return objects


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_library_properties_follow_the_specification(artifact: Artifacts, tmp_path: Path) -> None:
    top = unpack("arduino", artifact(target="cortex-m4", emit="c"), tmp_path / "package")
    lines = (top / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    needed = "name version author maintainer sentence paragraph category url architectures".split()
    assert set(needed) <= set(fields)
    assert re.fullmatch(r"[A-Za-z0-9][\w .-]{0,62}", fields["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["category"] == "Data Processing"
    assert (top / "src" / fields["includes"]).is_file()
    assert not [p for p in (top / "src").iterdir() if p.is_dir()]
    assert all(re.fullmatch(r"\w+\tKEYWORD\d", line) for line in (top / "keywords.txt").read_text().splitlines())


# --- PlatformIO: its registry has the platforms, so the library is compiled as its builder would ---


@pytest.mark.parametrize("options", [{}, {"emit": "cpp"}, {"weights": "incbin"}], ids=str)
def test_the_platformio_example_compiles_and_runs(artifact: Artifacts, options: dict[str, str], tmp_path: Path) -> None:
    top = unpack("platformio", artifact(target="host", **options), tmp_path / "package")
    manifest = json.loads((top / "library.json").read_text())
    assert re.fullmatch(r"[a-z0-9_]{1,50}", manifest["name"])
    assert (top / "include" / manifest["headers"]).is_file()
    (example,) = manifest["examples"]
    assert all((top / example["base"] / path).is_file() for path in example["files"])
    flags: list[str | Path] = [
        "-I",
        top / "include",
        "-I",
        top / "src",
        *(f for f in manifest["build"]["flags"] if f.startswith("-f")),
    ]
    sources = [*sorted((top / "src").glob("*.c*")), *(top / example["base"] / "src").glob("main.*")]
    objects = compiled(sources, "gcc", "g++", flags, tmp_path, ("gnu99", "gnu++17"))
    run(["g++", *objects, "-o", "example"], tmp_path)
    assert re.fullmatch(r"largest output: [0-3]\n", run([tmp_path / "example"], tmp_path))


# --- Zephyr and ESP-IDF: the real CMake with doubles of the functions that they define ---


@pytest.mark.needs_cmake
@pytest.mark.parametrize("emit", LANGUAGES)
def test_the_zephyr_sample_builds_and_runs(artifact: Artifacts, emit: str, tmp_path: Path) -> None:
    top = unpack("zephyr", artifact(target="host", emit=emit), tmp_path / "package")
    sample = top / "samples/classify"
    base = str(DOUBLES / "zephyr")
    run(["cmake", "-S", sample, "-B", tmp_path / "build"], tmp_path, ZEPHYR_BASE=base, Zephyr_DIR=base)
    run(["cmake", "--build", tmp_path / "build"], tmp_path)
    assert re.fullmatch(r"largest output: [0-3]\n", run([tmp_path / "build/app"], tmp_path))


@pytest.mark.needs_cmake
def test_the_zephyr_module_is_nothing_while_it_is_switched_off(artifact: Artifacts, tmp_path: Path) -> None:
    top = unpack("zephyr", artifact(target="host"), tmp_path / "package")
    sample = top / "samples/classify"
    (sample / "prj.conf").write_text("CONFIG_MAIN_STACK_SIZE=4096\n")
    base = str(DOUBLES / "zephyr")
    run(["cmake", "-S", sample, "-B", tmp_path / "build"], tmp_path, ZEPHYR_BASE=base, Zephyr_DIR=base)
    done = subprocess.run(
        ["cmake", "--build", tmp_path / "build"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert "model.h: No such file" in done.stdout + done.stderr


@pytest.mark.needs_cmake
@pytest.mark.parametrize("emit", SOURCES)
def test_the_esp_idf_example_builds_and_runs(artifact: Artifacts, emit: str, tmp_path: Path) -> None:
    top = unpack("esp-idf", artifact(target="host", emit=emit), tmp_path / "package")
    project = top / "examples/classify"
    run(["cmake", "-S", project, "-B", tmp_path / "build"], tmp_path, IDF_PATH=str(DOUBLES / "esp-idf"))
    run(["cmake", "--build", tmp_path / "build"], tmp_path)
    assert re.fullmatch(r"largest output: [0-3]\n", run([tmp_path / "build/firmware"], tmp_path))
    manifest = (top / "idf_component.yml").read_text()
    assert re.search(r'^version: "\d+\.\d+\.\d+"$', manifest, re.MULTILINE)


def test_esp_idf_takes_machine_code_for_its_cores(artifact: Artifacts, tmp_path: Path) -> None:
    if reason := needs.missing_for("rv32imc"):
        pytest.skip(reason)
    top = unpack("esp-idf", artifact(target="rv32imc", emit="llvm"), tmp_path / "package")
    assert (top / "lib/libmodel.a").is_file()
    assert 'add_prebuilt_library(deepmetal_model_code "lib/libmodel.a")' in (top / "CMakeLists.txt").read_text()
    assert "  - esp32c3" in (top / "idf_component.yml").read_text()


# --- CMSIS-Pack: the rules of PACK.xsd 1.7.32 for the elements in use ---

RESTRICTED = r"[-_A-Za-z0-9/]+"
NEEDED = {"vendor", "name", "description", "url", "releases"}
OPTIONAL = {"keywords", "conditions", "requirements", "taxonomy", "components"}
CATEGORIES = {"doc", "header", "source", "sourceC", "sourceCpp", "library"}


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.parametrize("emit", LANGUAGES)
def test_the_cmsis_pack_follows_the_schema(artifact: Artifacts, emit: str) -> None:
    name, data = package("cmsis-pack", artifact(target="cortex-m4", emit=emit))
    assert re.fullmatch(r"DeepMetal\.deepmetal_model\.\d+\.\d+\.\d+\.pack", name)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = set(archive.namelist())
        root = ElementTree.fromstring(archive.read("DeepMetal.deepmetal_model.pdsc"))
    children = [child.tag for child in root]
    assert len(children) == len(set(children))  # xs:all: any order, each once
    assert NEEDED <= set(children) <= NEEDED | OPTIONAL
    (release,) = root.findall("releases/release")
    assert name == f"{root.findtext('vendor')}.{root.findtext('name')}.{release.get('version')}.pack"
    assert re.fullmatch(RESTRICTED, root.findtext("name") or "")
    files = root.findall("components/component/files/file")
    assert {f.get("category") for f in files} <= CATEGORIES
    assert {f.get("name") for f in files} == inside - {"DeepMetal.deepmetal_model.pdsc"}
    (component,) = root.findall("components/component")
    assert {"Cclass", "Cgroup", "Cversion"} <= set(component.attrib)
    conditions = {c.get("id") for c in root.findall("conditions/condition")}
    assert {component.get("condition")} - {None} == conditions
    assert (emit == "llvm") == bool(conditions)  # machine code is for its core only
