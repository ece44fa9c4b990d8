"""The bench, the package's table of errors, and the references agree; a condensed run costs what the run costs."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from compiler.emulator.build import build
from compiler.emulator.cycles import Run, cores, read_run, worst_error
from compiler.emulator.cycles.calibration import TABLE
from compiler.emulator.cycles.condense import Condensed, condense
from compiler.emulator.measure import measure
from compiler.emulator.measure import run as emulate
from compiler.options import CompileOptions
from compiler.targets import target
from compiler.targets.base import FlashTiming
from compiler.timing import time_run, usual_board
from tests.emulator import tiny

ROOT = Path(__file__).resolve().parents[2]
VECTORS = [{"x": np.ones((1, 2, 3, 4), np.float32)}]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """bench/cycles.py, which is a script."""
    spec = importlib.util.spec_from_file_location("bench_cycles", ROOT / "bench" / "cycles.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_cycles"] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_the_bench_finds(bench: ModuleType) -> None:
    assert bench.calibration(bench.rows()) == TABLE.read_text()


def test_cortex_m4_is_within_15_percent(bench: ModuleType) -> None:
    rows = [row for row in bench.rows() if row.core == "cortex_m4"]
    assert len(rows) == 16
    assert max(abs(row.error_percent) for row in rows) <= 15
    assert worst_error("cortex_m4") == max(round(abs(row.error_percent), 1) for row in rows)


def test_the_worst_comes_first(bench: ModuleType) -> None:
    errors = [abs(row.error_percent) for row in bench.rows()]
    assert errors == sorted(errors, reverse=True)


def test_a_core_without_reference_has_no_error() -> None:
    assert worst_error("cortex_m0plus") is None


@pytest.mark.parametrize("path", sorted((ROOT / "bench" / "references").glob("*.json")), ids=lambda path: path.stem)
def test_a_reference_is_numbers_and_says_where_they_are_from(path: Path) -> None:
    data = json.loads(path.read_text())
    told = {"software", "model", "core", "board", "clock_mhz", "flash", "published_ms", "source", "code", "built"}
    counted = {"instructions", "forms", "steps", "jumps", "transfers", "fetches", "reads"}
    assert set(data) == told | counted
    assert all(data[key] for key in told)
    assert sum(step[-1] for step in data["steps"]) == data["instructions"]
    assert Condensed.from_json(data).to_json() == {key: data[key] for key in counted}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tiny")
    built, measured = measure(tiny.program(), tiny.sources(), target("cortex-m4"), CompileOptions(), folder, VECTORS)
    assert measured.histogram is not None
    assert built.harness is not None
    return read_run(built.harness, built.target, [measured.histogram], "cortex_m4")


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
@pytest.mark.parametrize("flash", [FlashTiming(), FlashTiming(5, 8, True, 256, 64), FlashTiming(3, 32, False, 0, 0)])
def test_a_condensed_run_costs_the_same(flash: FlashTiming, run: Run) -> None:
    counted = Condensed.from_json(json.loads(json.dumps(condense(run).to_json())))
    assert round(counted.cycles(cores()["cortex_m4"], flash)) == run.estimate(flash).cycles


TARGETS = [
    pytest.param(name, marks=pytest.mark.needs_target(name))
    for name in ("cortex-m0plus", "cortex-m3", "cortex-m33", "cortex-m7", "cortex-m55", "rv32imc")
]


@pytest.mark.parametrize("name", TARGETS)
def test_every_kind_of_core_is_timed(name: str, tmp_path: Path) -> None:
    built, measured = measure(tiny.program(), tiny.sources(), target(name), CompileOptions(), tmp_path, VECTORS)
    timing = time_run(built, measured, target(name))
    assert timing is not None
    assert timing.layers is not None
    assert sum(timing.layers) == timing.cycles
    assert {insn.kind for insn in timing.run.code.values()}.isdisjoint({"unknown"})
    assert measured.instructions is not None
    assert 0.4 < timing.cycles / measured.instructions < 3
    assert timing.milliseconds is not None
    assert ("uncalibrated" in timing.model) == (timing.error_percent is None)


def test_a_processor_without_model_is_not_timed(tmp_path: Path) -> None:
    built, measured = measure(tiny.program(), tiny.sources(), target("host"), CompileOptions(), tmp_path, VECTORS)
    assert time_run(built, measured, target("host")) is None


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_without_the_plugin_there_are_no_cycles(tmp_path: Path) -> None:
    built = build(tiny.program(), tiny.sources(), target("cortex-m4"), CompileOptions(), tmp_path)
    measured = emulate(built, tiny.program(), VECTORS, counting="timer")
    assert measured.instructions is not None
    assert time_run(built, measured, target("cortex-m4")) is None


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_the_usual_board_is_the_one_of_the_clock(run: Run) -> None:
    board = usual_board(target("cortex-m4"))
    assert board is not None
    assert board.title in target("cortex-m4").clock_of
    assert board.timing is not None
    assert run.estimate(board.timing).cycles > run.estimate().cycles
    assert usual_board(dataclasses.replace(target("cortex-m4"), clock_of="a board that nobody knows")) is None
