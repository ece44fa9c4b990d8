"""`deepmetal inspect --analyse`: three tables, or the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.analysis import Analysis
from compiler.cli import main
from tests.host.models import small_net


def test_tables_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(small_net(tmp_path / "net.onnx")), "--analyse"]) == 0
    said = capsys.readouterr().out
    for needed in ("can be compiled", "contraction over a window", "MACs/B", "reuse", "last layer", "arena"):
        assert needed in said


def test_json_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["inspect", str(small_net(tmp_path / "net.onnx")), "--analyse", "--json", "--target", "cortex-m7"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    analysed = Analysis.model_validate(found["analysis"])
    assert analysed.target == "cortex-m7"
    assert [x.pattern for x in analysed.layers if "contraction" in x.pattern] == [
        "contraction over a window",
        "contraction",
        "contraction",
    ]
    assert sum(x.macs for x in analysed.layers) == found["macs"]
    assert max(t.last for t in analysed.tensors) == len(analysed.layers) - 1


def test_a_model_that_cannot_be_compiled_is_only_inspected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import onnx

    path = small_net(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.node[1].op_type = "NonZero"
    onnx.save(model, path)
    assert main(["inspect", str(path), "--analyse", "--json"]) == 1
    assert "analysis" not in json.loads(capsys.readouterr().out)
