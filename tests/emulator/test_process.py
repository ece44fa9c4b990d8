"""Programs of an operating system: sizes of the smallest one, and counts on this computer itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.emulator.build import build
from compiler.emulator.measure import run
from compiler.options import CompileOptions
from compiler.targets import target
from compiler.toolchain.sizes import object_sizes
from tests.emulator import tiny
from tests.emulator.test_measure import VECTORS


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs_target(name)) for name in ("x86-64", "aarch64")]
)
def test_the_parts_of_the_smallest_program_add_up(name: str, tmp_path: Path) -> None:
    built = build(tiny.program(), tiny.sources(), target(name), CompileOptions(target=name), tmp_path)
    sizes, alone = built.sizes, object_sizes(tmp_path / built.object_path, 0)
    assert sizes.other is not None
    assert sizes.total == sizes.code + sizes.weights + sizes.other
    assert sizes.other > 0
    assert 0 < sizes.code <= alone.code, "functions that nobody calls are dropped"
    assert sizes.weights <= alone.weights
    assert sizes.static_ram < 256, "the arena is no static RAM"


@pytest.mark.needs_target("x86-64")
def test_this_computers_code_is_counted_in_a_second_run(tmp_path: Path) -> None:
    """The same object: as many instructions as the processor's emulation executes, layer by layer."""
    if "simd512" in target("host").features:
        pytest.skip("this computer's code may use AVX-512, which QEMU does not emulate")
    built = build(tiny.program(), tiny.sources(), target("host"), CompileOptions(target="host"), tmp_path)
    assert built.counter is not None, "user-mode QEMU is installed, so there should be a program to count"
    measured = run(built, tiny.program(), VECTORS)
    assert measured.counting == "plugin"
    assert measured.instructions is not None
    assert measured.layer_instructions is not None
    assert sum(measured.layer_instructions) == measured.instructions
    assert measured.stack is not None
    assert 0 < measured.stack < 4096
    assert len(measured.runs) == len(VECTORS), "what is compared ran natively, all of it"


@pytest.mark.needs_target("x86-64")
def test_sanitized_code_is_not_counted(tmp_path: Path) -> None:
    flags = ("-fsanitize=undefined",)
    built = build(tiny.program(), tiny.sources(), target("host"), CompileOptions(), tmp_path, extra_flags=flags)
    measured = run(built, tiny.program(), VECTORS)
    assert (built.counter, built.sizes.total, measured.instructions, measured.stack) == (None, None, None, None)


@pytest.mark.needs_target("x86-64")
def test_a_folder_serves_two_builds(tmp_path: Path) -> None:
    for _ in range(2):
        built = build(tiny.program(), tiny.sources(), target("host"), CompileOptions(target="host"), tmp_path)
        assert run(built, tiny.program(), VECTORS).runs
