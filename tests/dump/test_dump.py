"""`DEEPMETAL_DUMP` and `DEEPMETAL_DEBUG`: what developers see of a compilation."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from compiler.dump import dump
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import TensorType
from compiler.lower import lower
from compiler.ops.activations import Relu, Tanh
from compiler.passes.order import optimize

X, T, Y = (Value(name, TensorType.of("float32", (1, 4))) for name in "xty")
CHAIN = Graph("chain", (X,), (Y,), (Node(Relu(), (X,), (T,), "r"), Node(Tanh(), (T,), (Y,), "t")))


def test_files_are_numbered_and_earlier_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new"
    monkeypatch.setenv("DEEPMETAL_DUMP", str(folder))
    dump("a.txt", lambda: "first")
    dump("a.txt", lambda: b"second")
    (folder / "notes").write_text("not ours")
    dump("b.txt", lambda: "third")
    assert sorted(f.name for f in folder.iterdir()) == ["000-a.txt", "001-a.txt", "002-b.txt", "notes"]
    assert (folder / "001-a.txt").read_text() == "second"


def test_nothing_is_made_when_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPMETAL_DUMP", raising=False)
    dump("a.txt", lambda: pytest.fail("content was asked for"))


def test_every_pass_that_did_something_leaves_its_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPMETAL_DUMP", str(tmp_path))
    passes = optimize(CHAIN).passes
    names = sorted(f.name.partition("-")[2] for f in tmp_path.iterdir())
    assert names == sorted(["import.graph", *(f"{p.name}.graph" for p in passes)])
    assert "Map(" in next(tmp_path.glob("*-fuse_elementwise.graph")).read_text()


def test_level_five_says_why_a_rule_did_not_fire(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DEEPMETAL_DEBUG", "5")
    with caplog.at_level(logging.INFO, "deepmetal"):
        optimize(CHAIN)
    assert "fuse_elementwise fired at y" in caplog.text
    assert "fuse_tail skipped at y: no operand is produced by a Conv, Dense or Pool" in caplog.text


def test_the_plan_as_text_names_layers_and_buffers() -> None:
    text = lower(optimize(CHAIN).graph).text()
    assert "arena 16, lower bound 16" in text
    assert "[generic]" in text
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("  buffer")] == ["x", "y"]
