"""The graph before and after optimisation: what people see of it, and that no file can make it unbounded or unsafe."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

import compiler.inspect
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.picture import Picture, PictureNode, Pictures


def save(path: Path, nodes: list[NodeProto], shape: list[int | str], **weights: tuple[int, ...]) -> Path:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    given = [numpy_helper.from_array(np.full(s, 0.1, np.float32), n) for n, s in weights.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], given)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A convolution and its Relu become one layer; the Identity goes away."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="second"),
        helper.make_node("Identity", ["r"], ["i"], name="third"),
        helper.make_node("Softmax", ["i"], ["y"], name="fourth", axis=-1),
    ]
    return save(tmp_path / "net.onnx", nodes, ["N", 1, 8, 8], w=(4, 1, 3, 3))


def pictures(path: Path, **options: object) -> Pictures:
    found = inspect_model(path, CompileOptions.model_validate(options)).graphs
    assert found is not None
    return found


def named(picture: Picture | None, name: str) -> PictureNode:
    assert picture is not None
    return next(n for n in picture.nodes if n.name == name)


def test_before_is_the_file_and_after_is_what_runs(net: Path) -> None:
    found = pictures(net)
    assert found.before is not None
    assert found.after is not None
    assert [n.op for n in found.before.nodes] == ["Conv", "Relu", "Identity", "Softmax"]
    assert set(found.after.nodes[0].sources) == {"first", "second"}
    assert len(found.after.nodes) < len(found.before.nodes)
    assert found.missing == ""


def test_a_node_has_attributes_tensors_and_costs(net: Path) -> None:
    found = pictures(net)
    before, after = found.before, found.after
    assert before is not None
    assert after is not None
    conv = named(before, "first")
    assert conv.attributes["pads"] == "1, 1, 1, 1"
    assert conv.weights == 4 * 9 * 4
    x, w = (before.tensors[i] for i in conv.inputs if i is not None)
    assert (x.name, x.dtype, x.shape, x.constant) == ("x", "float32", [1, 1, 8, 8], False)
    assert (w.name, w.shape, w.bytes, w.constant) == ("w", [4, 1, 3, 3], 144, True)
    assert [before.tensors[i].shape for i in conv.outputs] == [[1, 4, 8, 8]]
    layer = next(n for n in after.nodes if "first" in n.sources)
    assert layer.macs == 4 * 9 * 64
    assert (layer.kind, layer.kernel.partition(" ")[0]) == ("tuned", "fpu32")


def test_every_edge_leads_from_a_writer_to_a_reader(net: Path) -> None:
    found = pictures(net)
    for picture in (found.before, found.after):
        assert picture is not None
        written = set(picture.inputs)
        for node in picture.nodes:
            read = {i for i in node.inputs if i is not None and not picture.tensors[i].constant}
            assert read <= written
            written |= set(node.outputs)
        assert set(picture.outputs) <= written


def test_a_model_that_cannot_be_compiled_is_drawn_with_its_problem(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], name="fine"),
        helper.make_node("StringNormalizer", ["r"], ["y"], name="odd"),
    ]
    found = pictures(save(tmp_path / "m.onnx", nodes, [1, 4]))
    assert "StringNormalizer" in named(found.before, "odd").problem
    assert named(found.before, "fine").problem == ""
    assert found.after is None
    assert "cannot be compiled" in found.missing


def test_names_and_attributes_are_plain_and_bounded(tmp_path: Path) -> None:
    hostile = "\x1b[2J<script>" + "x" * 100_000
    nodes = [
        helper.make_node("Concat", ["x"], ["c"], name=hostile, axis=0, note=hostile, many=[7] * 100_000),
        helper.make_node("Relu", ["c"], ["y"], name="ok"),
    ]
    found = pictures(save(tmp_path / "m.onnx", nodes, [1, 4]))
    assert "\x1b" not in found.model_dump_json()
    assert len(found.model_dump_json()) < 20_000


def test_a_graph_of_too_many_nodes_is_not_drawn(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler.inspect, "MOST_NODES", 1)
    found = pictures(net)
    assert (found.before, found.after) == (None, None)
    assert "not drawn" in found.missing


def test_a_thousand_nodes_stay_far_below_what_a_result_may_hold(tmp_path: Path) -> None:
    names = ["x", *(f"t{i}" for i in range(999)), "y"]
    nodes = [helper.make_node("Softmax", [a], [b], name=f"block{b}/softmax") for a, b in pairwise(names)]
    found = pictures(save(tmp_path / "m.onnx", nodes, [1, 4]))
    assert found.after is not None
    assert len(found.after.nodes) == 1000
    assert len(found.model_dump_json()) < 1_000_000
