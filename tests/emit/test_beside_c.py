"""The sentence that compares LLVM's code with C's: both were measured, and the numbers are theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler import emit, targets
from compiler.beside_c import _difference, beside_c
from compiler.emulator.build import Build, build
from compiler.emulator.measure import run
from compiler.options import CompileOptions
from compiler.program import Program
from compiler.timing import Timing, time_run
from compiler.vectors import draw_vectors
from tests.emit.test_c import FPU, conv, program

TARGET = targets.target("cortex-m4")


def timed(p: Program, options: CompileOptions, folder: Path) -> tuple[Build, Timing]:
    folder.mkdir()
    built = build(p, emit.get(options.emit).files(p, options), TARGET, options, folder)
    timing = time_run(built, run(built, p, draw_vectors(p.inputs, 1)), TARGET)
    assert timing is not None
    return built, timing


@pytest.mark.needs_target("cortex-m4")
def test_both_are_measured(tmp_path: Path) -> None:
    p, options = program(conv(), FPU), CompileOptions(emit="llvm")
    built, timing = timed(p, options, tmp_path / "llvm")
    theirs, other = timed(p, CompileOptions(), tmp_path / "c")
    said = beside_c(p, options, TARGET, draw_vectors(p.inputs, 1), built, timing, tmp_path)
    assert said is not None
    assert f"as C take {other.cycles:,} cycles and {theirs.sizes.code:,} bytes" in said
    assert f"LLVM IR takes {timing.cycles:,} cycles ({_difference(timing.cycles, other.cycles)})" in said


def test_only_llvm_is_compared_and_only_with_cycles(tmp_path: Path) -> None:
    p = program(conv(), FPU)
    for options in (CompileOptions(), CompileOptions(emit="llvm")):
        assert beside_c(p, options, TARGET, [], None, None, tmp_path) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [(90, 100, "10.0 % fewer"), (103, 100, "3.0 % more"), (100, 100, "as many"), (10_001, 10_000, "as many")],
)
def test_differences(ours: int, theirs: int, said: str) -> None:
    assert _difference(ours, theirs) == said
