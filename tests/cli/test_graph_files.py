"""`deepmetal convert`, `optimize` and `verify`, and graph files as models of the other verbs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler import cli
from compiler.graph.disk import read
from compiler.graph.graph import Graph, Node
from compiler.ops.activations import Relu
from compiler.ops.shaping import Identity
from compiler.passes import order
from compiler.passes.rule import Rule, Skip, Swap, rule

Output = pytest.CaptureFixture[str]


def model(path: Path, scale: float = 1.0, features: int = 4) -> Path:
    weights = numpy_helper.from_array(np.linspace(-1, scale, 3 * features, dtype=np.float32).reshape(features, 3), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", features])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["d"], name="dense"), helper.make_node("Relu", ["d"], ["y"])]
    graph = helper.make_graph(nodes, "net", [x], [y], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def graph_file(tmp_path: Path) -> Path:
    path = tmp_path / "m.graph.json"
    assert cli.main(["convert", str(model(tmp_path / "net.onnx")), "-o", str(path)]) == 0
    return path


def test_convert_writes_two_files_or_one(graph_file: Path, tmp_path: Path, capsys: Output) -> None:
    weights = tmp_path / "m.weights.bin"
    stored = read(graph_file.read_bytes(), weights.read_bytes())
    assert [type(n.op).__name__ for n in stored.graph.nodes] == ["Dense", "Relu"]
    assert stored.graph.inputs[0].shape == (1, 4)
    both = tmp_path / "both.graph.zip"
    assert cli.main(["convert", str(graph_file), "-o", str(both), "--text"]) == 0
    assert "%y: float32[1,3] = Relu(%d)" in capsys.readouterr().out
    first = both.read_bytes()
    assert cli.main(["convert", str(both), "-o", str(tmp_path / "a.graph.json"), str(tmp_path / "a.bin")]) == 0
    assert json.loads((tmp_path / "a.graph.json").read_text())["weights"]["file"] == "a.bin"
    assert (tmp_path / "a.bin").read_bytes() == weights.read_bytes()
    assert cli.main(["convert", str(tmp_path / "net.onnx"), "-o", str(both)]) == 0
    assert both.read_bytes() == first, "equal graphs are equal files"


def test_passes_one_by_one(graph_file: Path, tmp_path: Path, capsys: Output) -> None:
    out, stages = tmp_path / "o.graph.json", tmp_path / "stages"
    words = ["optimize", str(graph_file), "--passes", "fuse_tail,choose_layouts", "--verify"]
    assert cli.main([*words, "--stages", str(stages), "-o", str(out)]) == 0
    assert "1 × computed as results are stored" in capsys.readouterr().out
    assert sorted(p.name for p in stages.glob("*.json")) == [
        f"{stage}.graph.json" for stage in ("00-import", "01-fuse_tail", "02-choose_layouts")
    ]
    assert json.loads(out.read_text())["passes"] == ["fuse_tail", "choose_layouts"]
    assert cli.main(["optimize", str(out), "--passes", "none", "-o", str(tmp_path / "again.graph.json")]) == 0
    assert json.loads((tmp_path / "again.graph.json").read_text())["nodes"] == json.loads(out.read_text())["nodes"]


def test_a_pass_that_there_is_not(graph_file: Path, capsys: Output) -> None:
    assert cli.main(["optimize", str(graph_file), "--passes", "make_fast", "-o", "x.graph.json"]) == 1
    said = capsys.readouterr().err
    assert "E0185" in said
    assert "fuse_tail" in said


def test_the_same_function(graph_file: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "o.graph.json"
    assert cli.main(["optimize", str(graph_file), "-o", str(out)]) == 0
    assert cli.main(["verify", str(tmp_path / "net.onnx"), str(out), "--jit"]) == 0
    assert "the same on 4 vectors" in capsys.readouterr().out
    assert cli.main(["verify", str(graph_file)]) == 0


@pytest.mark.parametrize("other", [{"scale": 1.01}, {"features": 5}], ids=["weights", "inputs"])
def test_another_function(graph_file: Path, tmp_path: Path, capsys: Output, other: dict[str, float]) -> None:
    path = model(tmp_path / "other.onnx", **other)  # type: ignore[arg-type]
    assert cli.main(["verify", str(graph_file), str(path)]) == 4
    assert "E0188" in capsys.readouterr().err


def test_vectors_decide(graph_file: Path, tmp_path: Path) -> None:
    """Two models that agree on some inputs and not on others."""
    path, vectors = model(tmp_path / "other.onnx", scale=1.5), tmp_path / "v.npz"
    np.savez(vectors, x=np.zeros((2, 4), np.float32))
    assert cli.main(["verify", str(graph_file), str(path), "--vectors", str(vectors)]) == 0
    np.savez(vectors, x=np.ones((2, 4), np.float32))
    assert cli.main(["verify", str(graph_file), str(path), "--vectors", str(vectors)]) == 4


@rule(Relu, effect="wrong on purpose")
def drop_relu(g: Graph, node: Node) -> Swap | Skip:
    return Swap(nodes=(Node(Identity(), node.inputs, node.outputs, node.name, node.sources, node.equals),))


@pytest.mark.parametrize("words", [["verify"], ["optimize", "--verify", "-o", "unused.graph.json"]], ids=lambda w: w[0])
def test_the_first_pass_that_changes_the_result_is_named(
    graph_file: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    rules: tuple[Rule, ...] = (order.RULES[0], drop_relu, *order.RULES[1:])
    monkeypatch.setattr(order, "RULES", rules)
    names = (*(r.name for r in rules), order.LAYOUTS)
    monkeypatch.setattr("compiler.stages.NAMES", names)
    assert cli.main([words[0], str(graph_file), *words[1:]]) == 4
    said = capsys.readouterr().err
    assert "E0189" in said
    assert "the pass drop_relu changes what the graph computes" in said


def test_other_verbs_take_graph_files(graph_file: Path, tmp_path: Path, capsys: Output) -> None:
    assert cli.main(["inspect", str(graph_file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["parameters"]) == ("graph", 12)
    inputs, answers = tmp_path / "in.npz", {}
    np.savez(inputs, x=np.arange(4, dtype=np.float32).reshape(1, 4))
    for name in ("net.onnx", "m.graph.json"):
        out = tmp_path / "out.npz"
        assert cli.main(["run", str(tmp_path / name), "--input", str(inputs), "-o", str(out)]) == 0
        answers[name] = np.load(out)["y"]
    np.testing.assert_array_equal(answers["net.onnx"], answers["m.graph.json"])


def test_weights_that_are_not_there(graph_file: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "m.weights.bin").unlink()
    assert cli.main(["inspect", str(graph_file)]) == 1
    said = capsys.readouterr().err
    assert "E0182" in said
    assert "zip" in said
    (tmp_path / "m.weights.bin").symlink_to("/etc/hostname")
    assert cli.main(["inspect", str(graph_file)]) == 1
    assert "E0182" in capsys.readouterr().err


def test_a_graph_has_its_shapes(graph_file: Path, capsys: Output) -> None:
    assert cli.main(["inspect", str(graph_file), "--shape", "x=1,4"]) == 0
    assert cli.main(["inspect", str(graph_file), "--shape", "x=2,4"]) == 1
    assert "E1004" in capsys.readouterr().err


@pytest.mark.needs_gcc_arm
@pytest.mark.needs_qemu
def test_compile_proves_it_against_the_definitions(graph_file: Path, tmp_path: Path, capsys: Output) -> None:
    assert cli.main(["compile", str(graph_file), "--json", "-o", str(tmp_path / "out")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["model"]["format"] == "graph"
    assert report["validation"]["reference"].startswith("numpy")
    assert report["validation"]["passed"]
    assert all(layer["error"] for layer in report["layers"])
