"""`--kernel-dir`: the user's kernels replace ours by name, and must mean the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import deepmetal
from compiler.cli import main
from compiler.errors import DeepMetalError, Mismatch
from compiler.explain import entry
from tests.host.models import small_net

DENSE = """#include <stddef.h>
static float dot(const float *a, const float *b, size_t n)
{
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

void %s(const float *x, const float *restrict w, const float *restrict b, float *y)
{
    for (int o = 0; o < 4; o++) {
        y[o] = %s + dot(x, w + o * 16, 16);
    }
}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_net(tmp_path_factory.mktemp("model") / "net.onnx")


@pytest.fixture(scope="module")
def kernel(model: Path) -> str:
    """The name of the classifier's kernel; on the Cortex-M0, whose weights lie as in the model."""
    return compiled(model, run=False).report.layers[-1].kernel


def compiled(model: Path, **options: object) -> deepmetal.Compiled:
    return deepmetal.compile(model, **{"target": "cortex-m0", "emit": "c", **options})  # type: ignore[arg-type]


def folder(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / f"{name}.c").write_text(text)
    return path


@pytest.mark.needs_target("cortex-m0")
@pytest.mark.parametrize("emit", ["c", "cpp"])
def test_a_kernel_of_ones_own_is_in_the_source_measured_and_right(
    emit: str, model: Path, kernel: str, tmp_path: Path
) -> None:
    own = folder(tmp_path / "own", **{kernel: DENSE % (kernel, "b[o]")})
    made = compiled(model, emit=emit, kernel_dir=own, vectors=2)
    layer = made.report.layers[-1]
    assert (layer.kernel, layer.schedule) == (kernel, f"own ({kernel}.c)")
    assert layer.instructions
    assert layer.flash.code
    assert made.report.validation is not None
    assert made.report.validation.passed
    source = made.files[f"src/model.{emit}"].decode()
    assert "static float dot(" in source
    assert len(re.findall(rf"void {kernel}\(.*\)\n{{", source)) == 1
    assert any(kernel in note for note in made.report.notes)


@pytest.mark.needs_target("cortex-m0")
def test_a_kernel_that_computes_something_else_is_named(model: Path, kernel: str, tmp_path: Path) -> None:
    own = folder(tmp_path / "own", **{kernel: DENSE % (kernel, "1.5f * b[o]")})
    with pytest.raises(Mismatch) as caught:
        compiled(model, kernel_dir=own)
    assert caught.value.facts["kernel"] == f"{kernel}.c"
    assert caught.value.exit_status == 4


def test_a_layer_with_such_a_kernel_shares_no_memory(model: Path, tmp_path: Path) -> None:
    """It may read its inputs in any order."""
    plain = compiled(model, run=False)
    conv = plain.report.layers[0]
    heading = next(s for s in plain.files["src/model.c"].decode().splitlines() if f" {conv.kernel}(" in s)
    own = folder(tmp_path / "own", **{conv.kernel: heading.removeprefix("KERNEL ") + "\n{\n    y[0] = x[0];\n}\n"})
    memory = compiled(model, run=False, kernel_dir=own).report.memory
    x, y = (next(t for t in memory.tensors if (t.layer == conv.name) == written) for written in (False, True))
    assert x.offset + x.size <= y.offset or y.offset + y.size <= x.offset


HEAD = "void %s(const float *x, const float *restrict w, const float *restrict b, float *y)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "\n{\n    y[0] = missing;\n}\n", "does not compile"),
        ("void %s(const double *x, const float *w, const float *b, float *y)\n{\n    y[0] = w[0];\n}\n", "not compile"),
        ("void another(void);\nvoid another(void)\n{\n}\n/* %s */\n", "does not define"),
        ('#include "mine.h"\n' + HEAD + "\n{\n}\n", "does not compile"),
        (HEAD + "\n{\n    int *n = (void *)w;\n    y[0] = (float)n[0] + x[0] + b[0];\n}\n", "as C++"),
    ],
    ids=["broken", "other types", "other name", "header", "not C++"],
)
def test_what_is_no_kernel(text: str, said: str, model: Path, kernel: str, tmp_path: Path) -> None:
    own = folder(tmp_path / "own", **{kernel: text % kernel})
    with pytest.raises(DeepMetalError) as caught:
        compiled(model, run=False, kernel_dir=own, emit="cpp" if said == "as C++" else "c")
    assert caught.value.code == "E1043"
    assert said in caught.value.title


def test_a_helper_that_is_there_already(model: Path, tmp_path: Path) -> None:
    """The file is fine by itself, and not in the source."""
    kernel = compiled(model, run=False, softmax=True).report.layers[-1].kernel
    text = f"static float exp_f32(float x)\n{{\n    return x;\n}}\nvoid {kernel}(const float *x, float *y)\n"
    own = folder(tmp_path / "own", **{kernel: text + "{\n    y[0] = exp_f32(x[0]);\n}\n"})
    made = compiled(model, run=False, softmax=True, kernel_dir=own)  # ours needs no exp_f32 then
    assert b"exp_f32" in made.files["src/model.c"]
    (own / f"{kernel}.c").write_text(text.replace("exp_f32", "layer_0") + "{\n    y[0] = layer_0(x[0]);\n}\n")
    with pytest.raises(DeepMetalError) as caught:
        compiled(model, run=False, softmax=True, kernel_dir=own)
    assert caught.value.code == "E1043"
    assert "with these kernels in it" in caught.value.title


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [("conv_of_another_model", {}, "E1042"), ("", {}, "E1043"), ("any", {"emit": "llvm"}, "E1043")],
)
def test_folders_that_do_not_fit(
    name: str, options: dict[str, str], code: str, model: Path, kernel: str, tmp_path: Path
) -> None:
    own = folder(tmp_path / "own", **({name: "int x;\n"} if name else {}))
    with pytest.raises(DeepMetalError) as caught:
        compiled(model, run=False, kernel_dir=own, **options)
    assert caught.value.code == code
    if code == "E1042":
        assert caught.value.facts[kernel].startswith(f"void {kernel}(const float *x")


def test_the_command_line_takes_the_folder(
    model: Path, kernel: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = folder(tmp_path / "own", **{kernel: DENSE % (kernel, "b[o]")})
    words = ["compile", str(model), "--target", "cortex-m0", "--no-run", "-o", str(tmp_path / "out")]
    assert main([*words, "--kernel-dir", str(own)]) == 0
    assert "static float dot(" in (tmp_path / "out/src/model.c").read_text()
    assert main([*words, "--kernel-dir", str(tmp_path / "nowhere")]) == 1
    assert "E1006" in capsys.readouterr().err


def test_the_example_of_the_explanation_is_a_kernel(tmp_path: Path) -> None:
    text = entry("E1043").body
    (example,) = re.findall(r"```c\n(.*?)```", text, re.DOTALL)
    (tmp_path / "k.c").write_text(example.replace("    ...\n", "    y[0] = x[0] + w[0] + b[0];\n"))
    subprocess.run(["gcc", "-std=c99", "-fsyntax-only", "k.c"], cwd=tmp_path, check=True, timeout=60)
