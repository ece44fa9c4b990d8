"""Faults in the code that the compiler itself prints: `deepmetal compile` says mismatch and names the layer."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from compiler import emit, pipeline
from compiler.cli import main
from compiler.emit import Files
from compiler.errors import Mismatch
from compiler.options import CompileOptions
from compiler.program import Program
from tests.validate import real_model

Fault = Callable[[str], str]

pytestmark = [pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu]


def kernel(layer: str, text: str) -> tuple[int, int]:
    """Where the function of a layer is printed."""
    start = re.search(rf"^ \* layer: {layer} \*/$", text, re.MULTILINE)
    assert start is not None, layer
    return start.end(), text.index("\n}\n", start.end())


def in_kernel(layer: str, pattern: str, replacement: str | Callable[[re.Match[str]], str]) -> Fault:
    """The first match of a pattern in a layer's function becomes something else."""

    def alter(text: str) -> str:
        begin, end = kernel(layer, text)
        body, count = re.subn(pattern, replacement, text[begin:end], count=1)
        assert count == 1, pattern
        return text[:begin] + body + text[end:]

    return alter


def in_weights(layer: str) -> Fault:
    """The first weight of a layer grows by a hundredth."""

    def alter(text: str) -> str:
        pattern = rf"(static const float {layer}_w\[\d+\] = {{\s*)([^,]+)f,"
        altered, count = re.subn(pattern, lambda m: f"{m[1]}{float(m[2]) + 0.01!r}f,", text)
        assert count == 1
        return altered

    return alter


FAULTS: dict[str, tuple[Fault, str]] = {
    "a changed weight": (in_weights("wide"), "wide"),
    "a changed weight further down": (in_weights("classifier"), "classifier"),
    "a wrong stride where it is written": (in_kernel("wide", r"y\[oy \* 28", "y[oy * 27"), "wide"),
    "a wrong stride where it is read": (in_kernel("pool", r"i \* 4 \+ 12", "i * 4 + 13"), "pool"),
    "swapped operands": (in_kernel("narrow", r"(\w+) - (acc\w*);", r"\2 - \1;"), "narrow"),
    "a wrong constant": (in_kernel("pool", r"0\.0238\w+f", "0.0239f"), "pool"),
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    onnx.save(real_model.model(), tmp_path / "small.onnx")
    return tmp_path / "small.onnx"


@pytest.fixture
def inject(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """`inject(fault)`: the emitter prints code with a fault."""
    real = emit.get("c")

    def install(fault: Fault) -> None:
        def files(program: Program, options: CompileOptions) -> Files:
            printed = dict(real.files(program, options))
            printed["src/model.c"] = fault(printed["src/model.c"].decode()).encode()
            return printed

        faulty = dataclasses.replace(real, files=files)
        monkeypatch.setattr(pipeline.emit, "get", lambda name: faulty)

    return install


def test_without_a_fault_it_passes(model: Path, tmp_path: Path) -> None:
    report = pipeline.compile_model(model, CompileOptions(), tmp_path / "out").report
    assert report.validation is not None
    assert report.validation.passed
    assert report.validation.max_rel_error < report.validation.tolerance / 10
    assert all(layer.error is not None for layer in report.layers)
    assert report.totals.instructions == sum(layer.instructions or 0 for layer in report.layers)
    assert report.toolchain.counting == "plugin"


@pytest.mark.parametrize("name", FAULTS)
def test_the_pipeline_names_the_layer(name: str, model: Path, tmp_path: Path, inject: Callable[[Fault], None]) -> None:
    fault, layer = FAULTS[name]
    inject(fault)
    with pytest.raises(Mismatch) as caught:
        pipeline.compile_model(model, CompileOptions(), tmp_path / "out")
    assert (caught.value.code, caught.value.facts["layer"]) == ("E0801", layer)


def test_the_command_ends_with_status_4_and_leaves_the_report(
    model: Path, tmp_path: Path, inject: Callable[[Fault], None], capsys: pytest.CaptureFixture[str]
) -> None:
    fault, layer = FAULTS["a wrong stride where it is read"]
    inject(fault)
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(main(["compile", str(model), "-o", str(tmp_path / "out")]))
    assert caught.value.code == 4
    said = capsys.readouterr().err
    assert "error[E0801]" in said
    assert f"layer '{layer}'" in said
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["validation"]["passed"] is False
