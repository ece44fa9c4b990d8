"""The registry of targets, and what every target file must get right."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import pytest

from compiler.errors import ModelError
from compiler.targets import target, targets
from compiler.targets.base import KiB, MHz, MiB, Qemu, Timer

ALL = sorted(targets())


def test_every_module_with_a_target_is_registered() -> None:
    folder = Path(__file__).parents[2] / "compiler" / "targets"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "boards", "computer", "machines"}
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
