"""The registry of targets, and what every target file must get right."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import compiler.targets
from compiler.emulator import native
from compiler.emulator.measure import measure
from compiler.emulator.native import why_not_run
from compiler.emulator.soft_float import ARITHMETIC
from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.targets import aliases, target, targets
from compiler.targets.base import KiB, MHz, MiB, Native, Qemu, Timer
from compiler.targets.boards import boards
from compiler.toolchain.select import select
from tests.emulator import tiny

FOLDER = Path(__file__).parents[2] / "compiler" / "targets"

ALL = sorted(targets())


def test_every_module_with_a_target_is_registered() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py") if "\nTARGET = Target(" in path.read_text()}
    assert {name.replace("-", "_") for name in targets()} == modules
    assert "cortex-m4" in targets()


def test_an_unknown_target_names_the_nearest_and_lists_all() -> None:
    with pytest.raises(ModelError) as caught:
        target("cortex_m44")
    assert caught.value.code == "E1001"
    assert "cortex-m4" in caught.value.help
    assert caught.value.facts["targets"] == ", ".join(targets())


def test_a_target_unlike_any_other_still_lists_all() -> None:
    with pytest.raises(ModelError) as caught:
        target("zzz")
    assert "did you mean" not in caught.value.help


@pytest.mark.parametrize("name", ALL)
def test_target_is_data(name: str) -> None:
    one = target(name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "other"  # type: ignore[misc]
    triple = one.llvm.triple
    assert triple == "" or triple.count("-") == 3, "a three-part triple loses the hard-float ABI"
    spans = sorted((region.at, region.at + region.size) for region in one.memory)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), "regions overlap"


@pytest.mark.parametrize("name", ALL)
def test_the_timer_tells_single_instructions_apart(name: str) -> None:
    emulator = target(name).emulator
    if isinstance(emulator, Qemu) and emulator.timer is not None:
        assert emulator.timer.ticks_per_instruction >= 1


def test_units() -> None:
    assert (KiB(2), MiB(1), MHz(2.5)) == (2048, 1048576, 2500000)
    assert Timer(at=0, hertz=MHz(25), icount_shift=6).ticks_per_instruction == 1.6


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The target that README.md describes, added as the one file that it shows."""
    text = (FOLDER / "README.md").read_text()
    (tmp_path / "rv32imafdc.py").write_text(text.split("```python\n")[1].split("```")[0])
    monkeypatch.setattr(compiler.targets, "__path__", [*compiler.targets.__path__, str(tmp_path)])
    for registry in (targets, aliases):
        registry.cache_clear()
    yield "rv32imafdc"
    sys.modules.pop("compiler.targets.rv32imafdc", None)
    for registry in (targets, aliases):
        registry.cache_clear()


@pytest.mark.needs_target("rv32imafc")
def test_a_new_target_is_one_file(described: str, tmp_path: Path) -> None:
    vector = {"x": np.ones((1, tiny.C, tiny.H, tiny.W), np.float32)}
    built, measured = measure(
        tiny.program(), tiny.sources(), target(described), CompileOptions(target=described), tmp_path / "work", [vector]
    )
    np.testing.assert_allclose(measured.runs[0].whole[0], tiny.reference(vector["x"])["y"], rtol=1e-5)
    assert measured.instructions is not None
    assert built.sizes.total is not None
    assert built.object_path == "lib/rv32imafdc/model.o"


@pytest.mark.parametrize(
    ("alias", "name"), [("sse", "x86-64"), ("avx2", "x86-64-v3"), ("avx512", "x86-64-v4"), ("neon", "aarch64")]
)
def test_an_alias_is_a_target(alias: str, name: str) -> None:
    assert target(alias) is target(name)
    assert alias in target(name).aliases


@pytest.mark.parametrize("name", ALL)
def test_a_target_says_what_a_reader_wants_to_know(name: str) -> None:
    one = target(name)
    assert one.description
    assert one.clock_of
    assert name == "host" or (one.clock_mhz or 0) > 0
    assert bool(one.memory) == (one.family in ("Arm Cortex-M", "RISC-V"))
    assert (one.emulator is None) == (why_not_run(one) is not None) or isinstance(one.emulator, Native)


def test_what_is_not_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not_run(target("cortex-m4")) is None
    assert "Cortex-M85" in (why_not_run(target("cortex-m85")) or "")
    monkeypatch.setattr(native, "machine", lambda: "x86_64")
    monkeypatch.setattr(native, "cpu_flags", lambda: frozenset({"avx512f", "avx2"}))
    assert "lacks avx512bw, avx512cd" in (why_not_run(target("avx512")) or "")
    monkeypatch.setattr(native, "cpu_flags", lambda: frozenset(target("avx512").emulator.flags))  # type: ignore[union-attr]
    assert why_not_run(target("avx512")) is None
    monkeypatch.setattr(native, "machine", lambda: "riscv64")
    assert "no x86-64" in (why_not_run(target("avx512")) or "")


@pytest.mark.needs_clang
@pytest.mark.parametrize("name", ["cortex-m85", "rv64gcv"])
def test_a_compiler_that_does_not_know_the_processor_is_refused(name: str) -> None:
    assert select(target(name)).kind == "clang"
    with pytest.raises(ModelError) as caught:
        select(target(name), "gcc")
    assert caught.value.code == "E1014"


def test_the_share_of_soft_float() -> None:
    names = "__aeabi_fadd __mulsf3 __lesf2 __aeabi_cfcmple __floatsisf __fixsfsi __extendsfdf2 __clzsi2 __aeabi_i2f"
    assert all(ARITHMETIC.match(name) for name in names.split())
    others = "__aeabi_idiv __udivsi3 __mulsi3 __aeabi_lmul memcpy __aeabi_memcpy4 model_run __lshrdi3"
    assert not any(ARITHMETIC.match(name) for name in others.split())


MICROCONTROLLERS = [name for name in ALL if target(name).family == "Arm Cortex-M" or name.startswith("rv32")]


@pytest.mark.parametrize("name", MICROCONTROLLERS)
def test_the_clock_is_that_of_a_board_whose_figures_were_read(name: str) -> None:
    clocks = {board.clock_mhz for board in boards().values() if board.target == name and board.verified}
    assert target(name).clock_mhz in clocks
