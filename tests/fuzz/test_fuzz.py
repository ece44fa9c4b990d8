"""A short, repeatable run of every fuzzer, and the inputs that were findings once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fuzz.mutate import bytes_changed, json_changed, zip_changed
from tests.fuzz.mutate_onnx import onnx_changed
from tests.fuzz.targets import TARGETS, available
from tests.support.needs import ROOT

RUNS = 150
NEED_TORCH = {"torchscript", "pt2"}  # to write good files; the importers read them without it
KINDS = [pytest.param(k, marks=[pytest.mark.needs_torch] if k in NEED_TORCH else []) for k in available()]


def fuzzed(kind: str, out: Path, runs: int = RUNS) -> dict[str, Any]:
    words = [sys.executable, "-m", "tests.fuzz.run", kind, "--out", str(out), "--engine", "random"]
    words += ["--runs", str(runs), "--seconds", "100"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "is refused" not in done.stderr, done.stderr
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_model_errors(kind: str, tmp_path: Path) -> None:
    result = fuzzed(kind, tmp_path)
    assert result["findings"] == {}
    assert result["executions"] == RUNS
    assert len(result["outcomes"]) > 2, "damage of several sorts was noticed"
    if kind != "detect":
        assert result["outcomes"].get("accepted", 0) < RUNS


@pytest.mark.parametrize("kind", [k for k in ("graph", "onnx") if k in TARGETS])
def test_damage_reaches_behind_the_first_check(kind: str, tmp_path: Path) -> None:
    """Mutators that break every checksum would test nothing else."""
    outcomes = fuzzed(kind, tmp_path)["outcomes"]
    deep = {"graph": ("E0180", "E0182"), "onnx": ("E0104", "E0301")}[kind]
    assert all(outcomes.get(code, 0) >= 3 for code in deep), outcomes
    assert outcomes["accepted"] >= 3


@pytest.mark.parametrize("mutate", [bytes_changed, json_changed, zip_changed, onnx_changed], ids=lambda f: f.__name__)
def test_mutators_repeat_themselves(mutate: Any) -> None:
    seeds = [*TARGETS["onnx"].seeds(), *TARGETS["graph"].seeds(), b"", b"{}"]
    first = [mutate(seed, Random(n)) for seed in seeds for n in range(5)]
    assert first == [mutate(seed, Random(n)) for seed in seeds for n in range(5)]
    assert len(set(first)) > len(first) // 2
