"""A small network on every target in every language: builds, and computes the same bits as this computer's C build."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler import emit
from compiler.emulator.build import Build, build
from compiler.emulator.measure import run
from compiler.errors import ToolError
from compiler.options import CompileOptions
from compiler.program import Program
from compiler.targets import target, targets
from compiler.targets.base import CompilerName, Qemu
from compiler.toolchain import find, link, select
from compiler.toolchain.find import path_of
from compiler.toolchain.select import installed
from compiler.vectors import draw_vectors
from tests.support.corpus import outputs
from tests.support.onnx_models import compiled, imported

NAMES = [name for name, one in targets().items() if one.llvm.triple]
RUN = [name for name in NAMES if target(name).emulator is not None]
LANGUAGES = list(emit.registry())
COMPILERS: tuple[CompilerName, ...] = ("gcc", "clang")


@cache
def network() -> onnx.ModelProto:
    """Everything that differs between processors: sums of products, a window, exp, a division, a square root."""
    rng = np.random.default_rng(3)
    constants = {
        "w0": rng.standard_normal((4, 2, 3, 3)),
        "b0": rng.standard_normal(4),
        "w1": rng.standard_normal((5, 36)),
        "b1": rng.standard_normal(5),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("MaxPool", ["r"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Sqrt", ["p"], ["q"], "sqrt"),
        helper.make_node("Flatten", ["q"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w1", "b1"], ["g"], "dense", transB=1),
        helper.make_node("Softmax", ["g"], ["y"], "softmax"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@cache
def program(abilities: frozenset[str]) -> Program:
    return compiled(imported(network()), sorted(abilities))


def built(name: str, folder: Path, language: str = "c", **options: object) -> Build:
    one = target(name)
    chosen = CompileOptions(target=name, emit=language, **options)  # type: ignore[arg-type]
    small = program(one.abilities)
    return build(small, emit.get(language).files(small, chosen), one, chosen, folder)


@cache
def on_this_computer(abilities: frozenset[str], folder: Path) -> tuple[bytes, ...]:
    options, small = CompileOptions(target="host"), program(abilities)
    made = build(small, emit.get("c").files(small, options), target("host"), options, folder)
    return outputs(run(made, small, draw_vectors(small.inputs, 1)))


def marked(names: list[str], *marks: pytest.MarkDecorator) -> list[object]:
    return [pytest.param(name, marks=[pytest.mark.needs_target(name), *marks]) for name in names]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", marked(RUN))
def test_every_language_computes_the_same_bits(
    name: str, language: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = built(name, tmp_path, language)
    small = program(target(name).abilities)
    measured = run(made, small, draw_vectors(small.inputs, 1))
    assert outputs(measured) == on_this_computer(target(name).abilities, tmp_path_factory.getbasetemp() / "host")
    assert (measured.runs[0].status, measured.runs[0].guards) == (0, 0)
    if target(name).smaller is not None:
        assert isinstance(made.target.emulator, Qemu)
        assert made.target.emulator.machine == "microbit", "it fits the real core's board"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["cortex-m85", "x86-64-v4"])
def test_what_is_not_run_everywhere_is_built_everywhere(name: str, language: str, tmp_path: Path) -> None:
    if not installed(target(name)):
        pytest.skip(f"needs a compiler for {name}")
    made = built(name, tmp_path, language)
    assert made.sizes.code > 200
    if target(name).memory:
        assert made.sizes.total is not None
        assert made.sizes.static_ram == 0


@pytest.mark.needs_clang
@pytest.mark.parametrize("name", marked([name for name in RUN if not target(name).gcc.links_only]))
def test_both_compilers_compute_the_same_bits(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small = program(target(name).abilities)
    wanted = on_this_computer(target(name).abilities, tmp_path_factory.getbasetemp() / "host")
    for compiler in COMPILERS:
        made = built(name, tmp_path / compiler, compiler=compiler)
        assert outputs(run(made, small, draw_vectors(small.inputs, 1))) == wanted, compiler


@pytest.fixture
def only_clang(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer without any gcc for other processors."""
    for module in (link, select):
        monkeypatch.setattr(module, "path_of", lambda name: None if name.endswith("-gcc") else path_of(name))


@pytest.mark.needs_clang
@pytest.mark.parametrize("name", marked(["cortex-m4", "rv64gcv", "aarch64"]))
def test_clang_and_lld_are_enough_where_there_is_an_fpu(
    name: str, only_clang: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made, small = built(name, tmp_path), program(target(name).abilities)
    measured = run(made, small, draw_vectors(small.inputs, 1))
    assert made.compiler == "clang"
    assert outputs(measured) == on_this_computer(target(name).abilities, tmp_path_factory.getbasetemp() / "host")


@pytest.mark.needs_clang
def test_soft_float_needs_the_library_of_gcc(only_clang: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "path_of", link.path_of)
    with pytest.raises(ToolError) as caught:
        built("cortex-m3", tmp_path)
    assert caught.value.code == "E0701"
    assert "without an FPU" in caught.value.facts["needed for"]


@pytest.mark.needs_target("cortex-m0")
@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m0plus"])
def test_code_for_armv6m_has_no_later_instructions(name: str, tmp_path: Path) -> None:
    """The larger board's core would run them."""
    made = built(name, tmp_path)
    said = subprocess.run(
        [path_of("arm-none-eabi-readelf") or "", "-A", tmp_path / made.object_path],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "Tag_CPU_arch: v6S-M" in said.stdout
