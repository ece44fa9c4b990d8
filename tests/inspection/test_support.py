"""What an inspection says of kernels and memory is what the compilation then has."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler import targets
from compiler.inspect import inspect_model
from compiler.inspection import Inspection, KernelUse
from compiler.options import CompileOptions
from compiler.pipeline import lower_model

SAMPLES = Path(__file__).parents[2] / "compiler/samples/data"


def inspect(path: Path, *asked: str, **options: object) -> Inspection:
    return inspect_model(path, CompileOptions.model_validate(options), asked=asked, graphs=False)


@pytest.mark.needs_torch
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4", "cortex-m55", "x86-64-v3"])
@pytest.mark.parametrize("objective", ["balanced", "ram"])
def test_weights_and_arena_are_those_of_the_program(target: str, objective: str) -> None:
    path = SAMPLES / "hybrid.pth"
    program = lower_model(path, CompileOptions(target=target, optimize=objective))
    found = inspect(path, target=target, optimize=objective).estimate
    assert found is not None
    assert (found.weights, found.arena) == (program.weight_bytes(), program.arena_bytes)


@pytest.mark.parametrize("name", ["kws_float", "ic_float", "ad_float", "vww_float"])
def test_so_they_are_for_the_shared_models(shared: Path, name: str) -> None:
    path = shared / "models" / f"{name}.onnx"
    program = lower_model(path, CompileOptions())
    found = inspect(path).estimate
    assert found is not None
    assert (found.weights, found.arena) == (program.weight_bytes(), program.arena_bytes)


def test_targets_with_the_same_instructions_are_one_entry() -> None:
    found = inspect(SAMPLES / "conv.pth", "cortex-m7", "cortex-m0plus", "cortex-m3", "cortex-m4").support
    assert [one.targets for one in found] == [["cortex-m4", "cortex-m7"], ["cortex-m0plus", "cortex-m3"]]
    tuned, plain = found
    assert any(use.kind == "tuned" and use.family == "fpu32" for use in tuned.layers)
    assert not any(use.kind == "tuned" for use in plain.layers)


def test_layers_count_every_multiplication_once(shared: Path) -> None:
    found = inspect(shared / "models" / "vww_float.onnx")
    layers = found.support[0].layers
    assert sum(use.macs or 0 for use in layers) == found.macs
    assert layers[0].kind == "tuned"


def test_operators_of_the_source_say_how_each_node_runs(shared: Path) -> None:
    found = inspect(shared / "models" / "kws_float.onnx")
    uses = {use.op: use for use in found.support[0].operators}
    assert (uses["Conv"].kind, uses["Flatten"].kind, uses["Softmax"].kind) == ("tuned", "view", "generic")
    assert {o.op: o.count for o in found.operators} == total(found.support[0].operators)


def total(uses: list[KernelUse]) -> dict[str, int]:
    return {op: sum(u.nodes for u in uses if u.op == op) for op in {u.op for u in uses}}


def test_a_board_brings_its_target() -> None:
    found = inspect(SAMPLES / "conv.pth", board="nucleo-f411re").estimate
    assert found is not None
    assert found.target in targets.targets()
    assert found.target == "cortex-m4"
