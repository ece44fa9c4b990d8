"""The command line with the real pipeline behind it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler import cli
from compiler.report import Report

Output = pytest.CaptureFixture[str]


def save(path: Path, *nodes: onnx.NodeProto, shape: list[int | str] | None = None) -> Path:
    weights = numpy_helper.from_array(np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape or [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [x], [y], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return save(tmp_path / "net.onnx", helper.make_node("MatMul", ["x", "w"], ["y"], name="dense"))


@pytest.fixture
def odd_net(tmp_path: Path) -> Path:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="dense"),
        helper.make_node("StringNormalizer", ["a"], ["b"], name="odd\x1b[2J"),
        helper.make_node("StringSplit", ["a"], ["y"], name="second"),
    ]
    return save(tmp_path / "odd.onnx", *nodes)


@pytest.mark.parametrize("command", [[sys.executable, "-m", "compiler.cli"]], ids=["python -m compiler.cli"])
@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_compile_prints_a_complete_report(net: Path, tmp_path: Path, command: list[str]) -> None:
    words = [*command, "compile", str(net), "--json", "-o", str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = Report.model_validate_json(done.stdout)
    assert report.validation is not None
    assert report.validation.passed
    totals = report.totals.model_dump()
    assert {name for name, value in totals.items() if value is None} <= {"cycles_error_percent"}
    assert None not in (*totals["flash"].values(), *totals["ram"].values())
    assert set(report.timings) == {"import", "optimize", "plan", "generate", "build", "emulate", "validate", "report"}


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_an_exceeded_budget_is_status_3_and_the_artifact_is_there(net: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "out"
    status = cli.main(["compile", str(net), "-o", str(out), "--budget", "flash=100,ram=64KiB", "--json"])
    said = capsys.readouterr()
    assert status == 3
    assert "error[E0501]: the budget for flash is exceeded" in said.err
    assert "too many" in said.err
    assert json.loads(said.out)["totals"]["flash"]["total"] > 100
    assert (tmp_path / "out.zip").exists()


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_no_run_builds_and_claims_nothing(net: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "out"
    assert cli.main(["compile", str(net), "-o", str(out), "--no-run", "--json"]) == 0
    report = Report.model_validate_json(capsys.readouterr().out)
    assert report.validation is None
    assert report.totals.instructions is None
    assert report.totals.flash.total is not None
    assert (out / "lib" / "cortex-m4" / "libmodel.a").exists()
    check = "gcc -Iinclude -Isrc src/model.c test/selfcheck.c -o selfcheck && ./selfcheck"
    subprocess.run(["sh", "-c", check], cwd=out, check=True, timeout=120, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words", [("--target", "x86-64", "--budget", "latency=20ms"), ("--budget", "ram=1MiB", "--no-run")]
)
def test_a_budget_that_cannot_be_checked_is_refused_before_any_work(
    net: Path, tmp_path: Path, capsys: Output, words: tuple[str, ...]
) -> None:
    assert cli.main(["compile", str(net), "-o", str(tmp_path / "out"), *words]) == 1
    assert "error[E1005]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_inspect_lists_all_unsupported_nodes_at_once(odd_net: Path, capsys: Output) -> None:
    assert cli.main(["inspect", str(odd_net)]) == 1
    said = capsys.readouterr().out
    assert "2 nodes cannot be compiled" in said
    assert "StringNormalizer" in said
    assert "StringSplit" in said
    assert "\x1b" not in said
    assert "cannot be compiled as it is" in said


def test_compile_refuses_the_same_model_with_a_code(odd_net: Path, tmp_path: Path, capsys: Output) -> None:
    assert cli.main(["compile", str(odd_net), "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "error[E02" in said
    assert "StringNormalizer" in said
    assert "\x1b" not in said
    assert not (tmp_path / "out").exists()


def test_inspect_asks_for_an_open_shape_and_takes_it(tmp_path: Path, capsys: Output) -> None:
    path = save(tmp_path / "open.onnx", helper.make_node("Relu", ["x"], ["y"], name="r"), shape=[1, "n", 4])
    assert cli.main(["inspect", str(path)]) == 1
    assert "--shape x=1,?,4" in capsys.readouterr().out
    assert cli.main(["inspect", str(path), "--shape", "x=1,3,4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["compilable"] is True


def test_a_file_that_is_no_model(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "cat.onnx"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    for words in (["inspect", str(path)], ["compile", str(path), "-o", str(tmp_path / "out")]):
        assert cli.main(words) == 1
        assert "error[E0111]" in capsys.readouterr().err


@pytest.mark.parametrize("size", [0, 1, 7, 100])
def test_truncated_models_are_typed_errors(net: Path, tmp_path: Path, capsys: Output, size: int) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(net.read_bytes()[:size])
    assert cli.main(["compile", str(path), "-o", str(tmp_path / "out")]) == 1
    assert "error[E0" in capsys.readouterr().err


def test_samples_are_listed(capsys: Output) -> None:
    assert cli.main(["samples", "list"]) == 0
    assert "linear" in capsys.readouterr().out


@pytest.mark.needs_torch
def test_samples_can_be_made(tmp_path: Path, capsys: Output) -> None:
    assert cli.main(["samples", "make", str(tmp_path), "--kind", "linear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "linear"
    assert {p.name for p in tmp_path.iterdir()} == {"linear.pth", "linear_state.pth", "linear.onnx", "linear.json"}


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_an_interrupt_is_status_130_and_leaves_nothing(net: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    words = [sys.executable, "-m", "compiler.cli", "compile", str(net), "-o", str(tmp_path / "out")]
    words += ["--vector-count", "64"]  # so that it is far from its end when the signal arrives
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("[1/8]"):
                process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) in (130, -2)  # a shell shows 130 for both
    assert list(scratch.iterdir()) == []
