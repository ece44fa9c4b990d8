"""Debug builds: checks that trap, a hook after each layer, objects without a path of this computer."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from compiler import emit, targets
from compiler.emulator.build import build
from compiler.options import CompileOptions
from tests.emit.test_c import STRICT, dense, gate, program
from tests.support.engines import CPP, write

LANGUAGES = {"c": ("gcc", STRICT, "c"), "cpp": ("g++", CPP, "cpp")}
PROGRAM = """
#include <stdio.h>
#include <string.h>
{more}
int main(int count, char **words)
{{
    static char bytes[64];
    float *x = (float *)(void *)bytes, y[4];
    const void *inputs[] = {{count > 1 && strcmp(words[1], "odd") == 0 ? bytes + 1 : (void *)x}};
    void *outputs[] = {{y}};
    if (count > 1 && strcmp(words[1], "null") == 0) {{
        return model_predict(0, 1, 4, 1);
    }}
    return model_run(inputs, outputs);
}}
"""


def compiled(language: str, folder: Path, *flags: str, debug: bool = True, **options: object) -> Path:
    """A program that includes the generated source, so that it may define the model's macros."""
    compiler, strict, ending = LANGUAGES[language]
    chosen = CompileOptions.model_validate({"emit": language, "debug": debug, **options})
    write(emit.get(language).files(program(dense()), chosen), folder)
    more = f'#include "src/model.{ending}"'
    (folder / f"main.{ending}").write_text(PROGRAM.format(more=more))
    for command in (
        [compiler, *strict, "-Iinclude", "-c", f"src/model.{ending}", "-o", "alone.o"],
        [compiler, *flags, "-O0", "-Iinclude", "-I.", f"main.{ending}", "-o", "main"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "main"


def status(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_does_not_hold_stops_the_program(language: str, tmp_path: Path) -> None:
    main = compiled(language, tmp_path)
    assert status(main) == (0, "")
    for wrong in ("odd", "null"):
        assert status(main, wrong)[0] in (-signal.SIGILL, -signal.SIGTRAP), wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_checks_and_the_hook_can_be_replaced(language: str, tmp_path: Path) -> None:
    hook = '-DMODEL_TRACE(layer,name)=printf("%d %s\\n",layer,name)'
    main = compiled(language, tmp_path, hook, "-DMODEL_ASSERT(c)=((c)?(void)0:(void)puts(#c))")
    assert status(main) == (0, "0 Gemm_0\n")
    assert "% sizeof(float) == 0\n0 Gemm_0\n" in status(main, "odd")[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_of_it_is_in_other_builds(language: str) -> None:
    found = emit.get(language).files(program(dense()), CompileOptions.model_validate({"emit": language}))
    for path in ("include/model.h", f"src/model.{LANGUAGES[language][2]}"):
        assert b"MODEL_ASSERT" not in found[path]
        assert b"MODEL_TRACE" not in found[path]


def test_an_index_outside_a_view_stops_the_program(tmp_path: Path) -> None:
    write(emit.get("cpp").files(program(dense()), CompileOptions(emit="cpp", debug=True)), tmp_path)
    (tmp_path / "use.cpp").write_text(
        '#include "model.hpp"\nint main(int n, char**) { return model::output()(0, n + 1) == 0.0f ? 0 : 1; }\n'
    )
    command = ["g++", *CPP, "-Iinclude", "src/model.cpp", "use.cpp", "-o", "use"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert status(tmp_path / "use")[0] == 0
    assert status(tmp_path / "use", "one more")[0] in (-signal.SIGILL, -signal.SIGTRAP)


@pytest.mark.needs_gcc_arm
@pytest.mark.parametrize("language", LANGUAGES)
def test_debug_information_names_no_folder_of_this_computer(language: str, tmp_path: Path) -> None:
    options = CompileOptions.model_validate({"emit": language, "debug": True})
    p = program(gate())
    objects = []
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        made = build(p, emit.get(language).files(p, options), targets.target("cortex-m4"), options, folder)
        assert {"-O0", "-g"} <= set(made.flags)
        objects.append(made.object)
    assert objects[0] == objects[1]
    assert b".debug_info" in objects[0]
    assert str(tmp_path).encode() not in objects[0]
