"""Every target compiles and, where it has an emulator, runs the corpus: the same bits as this computer's C build.

The C build of the same program on this computer is compared with ONNX Runtime once; what a target computes then only
has to equal it. On processors without an FPU a network takes billions of instructions: there the large ones run
without the counting plugin, which is four times as quick, and their instructions come from the timer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler import emit
from compiler.emulator.build import build
from compiler.emulator.measure import run
from compiler.options import CompileOptions
from compiler.targets import target, targets
from compiler.targets.base import Qemu
from tests.support.corpus import CORPUS, KINDS, TINY, Lowered, outputs

RUN = [name for name, one in targets().items() if one.emulator is not None and name != "host"]
BUILT_ONLY = [name for name, one in targets().items() if one.emulator is None]
LARGE = ("kws", "ic", "vww")

# Nothing of the corpus is larger than what the other emulated boards have. Of the micro:bit's 256 KiB of flash and
# 16 KiB of RAM, in bytes: weights, arena of the plain kernels.
TOO_LARGE_FOR_THE_MICROBIT = {
    "linear": (437_544, 3_648),
    "conv": (24_872, 31_360),
    "hybrid": (110_760, 23_040),
    "kws": (90_416, 64_000),
    "ic": (310_824, 131_072),
    "ad": (1_063_456, 3_072),
    "vww": (843_400, 221_184),
}


def needs(model: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.needs_torch] if model in KINDS else []


def pairs(names: list[str]) -> list[object]:
    return [
        pytest.param(name, model, id=f"{name}-{model}", marks=[pytest.mark.needs_target(name), *needs(model)])
        for model in CORPUS
        for name in names
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), pairs(RUN))
def test_a_target_computes_the_same_bits(name: str, model: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if model in TINY:
        request.getfixturevalue("shared")
    one = target(name)
    lowered = Lowered.of(model, one.abilities)
    program, options = lowered.program, CompileOptions(target=name)
    hasty = one.float_unit == "none" and model in LARGE
    built = build(program, emit.get("c").files(program, options), one, options, tmp_path, thorough=0 if hasty else 2)
    measured = run(built, program, lowered.vectors, counting="timer" if hasty else "auto")
    assert outputs(measured) == lowered.outputs
    assert (measured.runs[0].status, measured.runs[0].guards) == (0, 0)
    assert measured.stack is not None
    assert 0 <= measured.stack < 2048
    if measured.emulator is None:
        return  # run on this computer itself: nothing is counted
    assert measured.instructions is not None
    assert measured.layer_instructions is not None
    assert len(measured.layer_instructions) == len(program.layers)
    if measured.counting == "plugin":
        assert sum(measured.layer_instructions) == measured.instructions == sum(measured.executions.values())
    if one.memory:
        sizes = built.sizes
        assert sizes.other is not None
        assert sizes.total == sizes.code + sizes.weights + sizes.other
        assert program.weight_bytes() <= sizes.code + sizes.weights, "small constants may lie in the code"
        assert 0 < sizes.other < 8_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), pairs(BUILT_ONLY))
def test_what_no_emulator_runs_is_built(name: str, model: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if model in TINY:
        request.getfixturevalue("shared")
    one = target(name)
    program, options = Lowered.of(model, one.abilities).program, CompileOptions(target=name)
    built = build(program, emit.get("c").files(program, options), one, options, tmp_path)
    assert built.harness is None
    assert built.sizes.total is not None
    assert program.weight_bytes() < built.sizes.total


@pytest.mark.slow
@pytest.mark.parametrize("model", [pytest.param(model, marks=needs(model)) for model in CORPUS])
@pytest.mark.needs_target("cortex-m0")
def test_what_the_smaller_machine_cannot_hold(model: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if model in TINY:
        request.getfixturevalue("shared")
    one = target("cortex-m0")
    program, options = Lowered.of(model, one.abilities).program, CompileOptions(target=one.name)
    assert (program.weight_bytes(), program.arena_bytes) == TOO_LARGE_FOR_THE_MICROBIT[model]
    built = build(program, emit.get("c").files(program, options), one, options, tmp_path)
    assert isinstance(built.target.emulator, Qemu)
    assert built.target.emulator.machine == "mps2-an385"
