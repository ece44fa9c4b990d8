"""Hostile ONNX models: typed errors within seconds and a few hundred MB, in a process that may be lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.errors import ModelError
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.source import load
from tests.attacks import onnx_corpus
from tests.attacks.corpus import HOSTILE_NAMES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of each file; a file that ended the process has no entry."""
    folder = tmp_path_factory.mktemp("onnx")
    onnx_corpus.build(folder)
    command = [sys.executable, "-m", "tests.attacks.run_onnx", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["name"]: line for line in lines if "name" in line}


@pytest.mark.parametrize("name", sorted(onnx_corpus.CASES))
def test_is_refused(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    assert name in outcomes, "the process ended before or with this file"
    found = outcomes[name]
    assert found["load"].startswith("model E"), found
    assert not found["inspect"].startswith("raised"), found


def test_nothing_outside_the_file_is_read(outcomes: dict[str, dict[str, Any]]) -> None:
    whole = [
        name for name in outcomes if name.startswith("external-") and "-in-" not in name and name != "external-sparse"
    ]
    assert len(whole) == 10
    assert {outcomes[name]["load"] for name in whole} == {"model E0105"}


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_corpus.odd_names(HOSTILE_NAMES).SerializeToString())
    graph = load(path, CompileOptions()).graph
    assert [node.name for node in graph.nodes] == list(HOSTILE_NAMES[1:])


def _good() -> bytes:
    weights = onnx_corpus.floats("w", 3, 1, 3, 3)
    nodes = [onnx_corpus.node("Conv", ("x", "w"), ("c",), pads=[1, 1, 1, 1]), onnx_corpus.node("Relu", ("c",))]
    made = onnx_corpus.model(nodes, [weights], x=onnx_corpus.value("x", (1, 1, 4, 4)))
    assert isinstance(made, onnx.ModelProto)
    data: bytes = made.SerializeToString()
    return data


GOOD = _good()


def opened(data: bytes, folder: Path) -> None:
    """Anything but success and `ModelError` fails the test."""
    path = folder / "model.onnx"
    path.write_bytes(data)
    for function in (inspect_model, load):
        try:
            function(path, CompileOptions())
        except ModelError as error:
            assert error.code[:3] in {"E01", "E02", "E03"}  # noqa: PT017 - success is as good an outcome


@settings(max_examples=200)
@given(flips=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_damaged_bytes(flips: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    data = bytearray(GOOD)
    for at, byte in flips:
        data[at] = byte
    opened(bytes(data), tmp_path_factory.getbasetemp())


@settings(max_examples=100)
@given(at=st.integers(0, len(GOOD) - 1), extra=st.binary(max_size=20))
def test_cut_or_stretched(at: int, extra: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    opened(GOOD[:at] + extra + GOOD[at + len(extra) // 2 :], tmp_path_factory.getbasetemp())
