"""What the emulator measures and reports, on every processor: counts, stack, crashes, and what the core lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compiler.emulator.build import build
from compiler.emulator.measure import Measurement, run
from compiler.emulator.profile import profile
from compiler.errors import CompilerBug
from compiler.options import CompileOptions
from compiler.targets import target, targets
from compiler.targets.base import Native, Target
from tests.emulator import tiny
from tests.emulator.test_measure import VECTORS, with_body


def some(*names: str) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.needs_target(name)) for name in names]


RUN = [name for name, one in targets().items() if one.emulator is not None and name != "host"]
EMULATED = some(*(name for name in RUN if not isinstance(target(name).emulator, Native)))


def measured(one: Target, folder: Path, source: str = tiny.SOURCE) -> Measurement:
    return run(
        build(tiny.program(), tiny.sources(source=source), one, CompileOptions(), folder), tiny.program(), VECTORS
    )


@pytest.mark.parametrize("name", EMULATED)
def test_every_instruction_is_counted_by_layer_and_by_address(name: str, tmp_path: Path) -> None:
    built = build(tiny.program(), tiny.sources(), target(name), CompileOptions(), tmp_path)
    result = run(built, tiny.program(), VECTORS)
    assert built.harness is not None
    assert result.counting == "plugin"
    assert result.layer_instructions is not None
    assert sum(result.layer_instructions) == result.instructions
    found = profile(built.harness, result.executions, built.target)
    assert found.total == result.instructions
    assert {"scale", "dense", "relu", "model_run"} <= set(found.by_function())
    assert not {"?", ""} & {instruction.opcode for instruction in found.instructions}
    least = 24 * 8 // 16  # multiplications of the first dense layer, were all lanes of the widest vector used
    assert all(count >= least for count in (result.layer_instructions[1], found.by_function()["dense"]))


@pytest.mark.parametrize("name", some(*RUN))
def test_the_stack_is_what_the_deepest_kernel_touches(name: str, tmp_path: Path) -> None:
    def touched(size: int) -> int:
        keep = '__asm volatile("" : : "r"(space) : "memory");'  # else a compiler drops what is not read
        body = f"    volatile unsigned char space[{size}];\n    {keep}\n    space[0] = (unsigned char)y[0];\n    {keep}"
        stack = measured(target(name), tmp_path / str(size), with_body("relu", body)).stack
        assert stack is not None
        return stack

    small, large = touched(400), touched(1424)
    assert 1024 - 16 <= large - small <= 1024 + 16, "but for the alignment of frames"
    assert small >= 400


@pytest.mark.parametrize("name", some(*RUN))
def test_a_crash_names_the_function(name: str, tmp_path: Path) -> None:
    with pytest.raises(CompilerBug) as caught:
        measured(target(name), tmp_path, with_body("relu", "    (void)y;\n    __builtin_trap();"))
    assert caught.value.code == "E0803"
    if not isinstance(target(name).emulator, Native):
        assert caught.value.facts["function"] == "relu"


@pytest.mark.parametrize("name", some("cortex-m0", "cortex-m0plus"))
def test_unaligned_access_traps_on_the_core_that_stands_for_a_smaller_one(name: str, tmp_path: Path) -> None:
    larger = replace(target(name), smaller=None)
    body = '    __asm volatile("ldr r3, [%0, #0]" : : "l"((uintptr_t)y + {}) : "r3");'
    assert measured(larger, tmp_path / "aligned", with_body("relu", body.format(4))).runs[0].status == 0
    with pytest.raises(CompilerBug) as caught:
        measured(larger, tmp_path / "unaligned", with_body("relu", body.format(1)))
    assert caught.value.facts["function"] == "relu"


LOAD_FLOAT = '    __asm volatile(".word 0x00052007" : : "r"(y) : "memory");'  # flw ft0, 0(a0)
LOAD_RESERVED = '    __asm volatile(".word 0x100525af" : : "r"(y) : "a1", "memory");'  # lr.w a1, (a0)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param(name, body, marks=pytest.mark.needs_target(name), id=f"{name}-{what}")
        for name, what, body in (
            ("rv32imc", "float", LOAD_FLOAT),
            ("rv32imc", "atomic", LOAD_RESERVED),
            ("rv32imac", "float", LOAD_FLOAT),
        )
    ],
)
def test_instructions_that_the_core_lacks_trap(name: str, body: str, tmp_path: Path) -> None:
    with pytest.raises(CompilerBug) as caught:
        measured(target(name), tmp_path, with_body("relu", body))
    assert caught.value.facts["function"] == "relu"


@pytest.mark.parametrize("name", some("rv32imafc"))
def test_instructions_that_the_core_has_do_not(name: str, tmp_path: Path) -> None:
    for what, body in (("float", LOAD_FLOAT), ("atomic", LOAD_RESERVED)):
        assert measured(target(name), tmp_path / what, with_body("relu", body)).runs[0].status == 0
