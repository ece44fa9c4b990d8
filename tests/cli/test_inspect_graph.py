"""`deepmetal inspect --graph`, its options, and the table of operators."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.cli import main
from compiler.picture import Pictures

Output = pytest.CaptureFixture[str]
SAMPLE = Path(__file__).parents[2] / "compiler/samples/data/conv.pth"


def test_the_graph_is_written_as_json(tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "graph.json"
    assert main(["inspect", str(SAMPLE), "--graph", str(out), "--json"]) == 0
    found = Pictures.model_validate_json(out.read_text())
    assert found.before is not None
    assert found.after is not None
    assert len(found.after.nodes) < len(found.before.nodes)
    assert "graphs" not in json.loads(capsys.readouterr().out)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path, capsys: Output) -> None:
    assert main(["inspect", str(SAMPLE), "--graph", str(tmp_path / "no" / "folder.json")]) == 1
    assert "error[E1009]" in capsys.readouterr().err


def test_kernels_are_those_of_the_target(capsys: Output) -> None:
    assert main(["inspect", str(SAMPLE), "--target", "cortex-m4"]) == 0
    assert "tuned for fpu32" in capsys.readouterr().out
    assert main(["inspect", str(SAMPLE), "--target", "cortex-m0"]) == 0
    assert "tuned" not in capsys.readouterr().out


def test_a_board_brings_its_target(capsys: Output) -> None:
    assert main(["inspect", str(SAMPLE), "--board", "nucleo-f411re", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["estimate"]["target"] == "cortex-m4"


def test_operators_name_their_kernels(capsys: Output) -> None:
    assert main(["ops", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"fpu32", "simd128", "simd256", "simd512"} <= set(rows["Conv"]["tuned"])
    assert rows["Relu"]["fused"]
    assert rows["Softmax"]["tuned"] == []
