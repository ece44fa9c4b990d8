"""`--board` through the whole pipeline: target, clock, latency, the fit matrix, and a board that is too small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import compiler
from compiler import cli
from compiler.options import CompileOptions
from compiler.pipeline import compile_model, inspect_model
from compiler.report import Report
from compiler.targets.boards import board, boards

pytestmark = [pytest.mark.needs_gcc_arm, pytest.mark.needs_qemu]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One dense layer of 40 x 1700 weights: 272 kB, too much for a chip with 256 KiB of flash."""
    weights = np.random.default_rng(0).normal(size=(40, 1700)).astype(np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="dense")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 40])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1700])
    graph = helper.make_graph([node], "wide", [x], [y], [numpy_helper.from_array(weights, "w")])
    path = tmp_path_factory.mktemp("model") / "wide.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def report(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    options = CompileOptions(board="stm32f407g-disc1", vectors=1)
    return compile_model(model, options, tmp_path_factory.mktemp("out") / "out").report


def test_the_board_brings_target_and_clock(report: Report) -> None:
    assert (report.options["target"], report.options["board"]) == ("cortex-m4", "stm32f407g-disc1")
    assert report.totals.clock_mhz == 168
    assert report.totals.cycles is not None
    assert report.totals.latency_ms == pytest.approx(report.totals.cycles / 168_000, rel=1e-3)


def test_the_matrix_agrees_with_the_totals(report: Report) -> None:
    assert {b.name for b in report.boards} == {b.name for b in boards().values() if b.target == "cortex-m4"}
    own = next(b for b in report.boards if b.name == "stm32f407g-disc1")
    there = board("stm32f407g-disc1")
    assert own.fits is True
    assert own.flash_free == (there.flash or 0) - (report.totals.flash.total or 0)
    assert own.ram_free == (there.ram_bytes or 0) - (report.totals.ram.total or 0)
    assert own.latency_ms == report.totals.latency_ms


def test_latency_is_there_where_the_flash_is_known_and_only_there(report: Report) -> None:
    for fit in report.boards:
        assert (fit.latency_ms is None) == (board(fit.name).timing is None)


def test_a_board_whose_flash_is_not_known_has_cycles_and_no_latency(model: Path, tmp_path: Path) -> None:
    assert board("nrf52840-dk").timing is None, "its flash is known by now: take another board"
    totals = compile_model(model, CompileOptions(board="nrf52840-dk", vectors=1), tmp_path / "out").report.totals
    assert totals.cycles is not None
    assert (totals.latency_ms, totals.clock_mhz) == (None, 64)
    assert "not known" in totals.cycles_model


def test_wait_states_cost_cycles(report: Report) -> None:
    by_name = {b.name: b for b in report.boards}
    slow, fast = by_name["nucleo-g474re"], by_name["stm32f407g-disc1"]
    assert slow.latency_ms is not None
    assert fast.latency_ms is not None
    assert slow.latency_ms * 170 != pytest.approx(fast.latency_ms * 168, rel=1e-3)


def test_the_estimate_before_compiling_is_exact(model: Path, report: Report) -> None:
    needs = inspect_model(model, CompileOptions()).estimate
    assert needs is not None
    assert (needs.target, needs.weights, needs.arena) == (
        "cortex-m4",
        report.totals.flash.weights,
        report.totals.ram.arena,
    )


def test_a_board_that_is_too_small(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    status = cli.main(["compile", str(model), "-o", str(out), "--board", "nucleo-l432kc"])
    error = capsys.readouterr().err
    assert status == 3
    assert "E0501" in error
    assert "NUCLEO-L432KC has too little flash" in error
    assert "weights 272,000" in error
    assert (out / "report.json").is_file()

    roomy = ["--budget", "flash=1MiB", "--name", "again"]
    assert cli.main(["compile", str(model), "-o", str(out), "--board", "nucleo-l432kc", *roomy]) == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--board", "no-such"], "E1020"),
        (["--board", "nucleo-u575zi-q", "--target", "cortex-m4"], "E1021"),
        (["--board", "esp32-s3-devkitc-1"], "E1022"),
    ],
)
def test_wrong_boards_are_refused_at_once(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: str
) -> None:
    assert cli.main(["compile", str(model), "-o", str(tmp_path / "out"), *words]) == 1
    assert code in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_python_door_takes_a_board(model: Path) -> None:
    made = compiler.compile(model, board="nucleo-u575zi-q", run=False)
    assert made.report.options["target"] == "cortex-m33"
    fits = {b.name: b.fits for b in made.report.boards}
    assert fits["nucleo-u575zi-q"] is None  # nothing was run, so the stack is unknown
