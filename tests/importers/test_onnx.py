"""The ONNX importer beyond single operators: what is refused and how, open shapes, old opsets, constants, names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler.errors import ModelError
from compiler.graph.types import is_fill
from compiler.importers.onnx import analyse, import_onnx, read
from compiler.importers.onnx_draft import LIMIT
from compiler.onnx_backend import OnnxBackend
from compiler.ops.arithmetic import Add
from tests.support.onnx_models import by_numpy, imported, one_node, theirs

F = TensorProto.FLOAT


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[int | str]],
    outputs: list[str],
    known: dict[str, np.ndarray] | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, F, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, F, None) for n in outputs],
        [numpy_helper.from_array(a, n) for n, a in (known or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(op: str, inputs: str, outputs: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), name=f"{op}_{outputs.split()[0]}", **attributes)


def refused(m: onnx.ModelProto, shapes: dict[str, tuple[int, ...]] | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        import_onnx(m, shapes or {})
    return caught.value


def test_everything_unsupported_is_listed_at_once() -> None:
    m = model(
        [
            node("Relu", "x", "a"),
            node("StringNormalizer", "a", "b"),
            node("Relu", "b", "c"),  # behind an unsupported node: not a finding of its own
            node("Gradient", "x", "d", domain="ai.onnx.preview.training"),
            node("Reshape", "x sizes", "e"),
            node("Add", "c e", "y"),
        ],
        {"x": [1, 2, 3], "sizes": [3]},
        ["y"],
    )
    found = analyse(m, {}).unsupported
    assert [(u.node, u.code) for u in found] == [
        ("StringNormalizer_b", "E0201"), ("Gradient_d", "E0201"), ("Reshape_e", "E0202")
    ]  # fmt: skip
    assert all(u.reason and u.help for u in found)
    error = refused(m)
    assert error.code == "E0201"
    assert "3 nodes cannot be compiled" in str(error)
    assert all(name in str(error) for name in ("StringNormalizer_b", "Gradient_d", "Reshape_e"))


def test_one_unsupported_node_is_named() -> None:
    error = refused(model([node("StringNormalizer", "x", "y")], {"x": [2]}, ["y"]))
    assert (error.code, error.where) == ("E0201", "node 'StringNormalizer_y' (StringNormalizer)")


def test_an_operator_of_another_domain_is_not_ours() -> None:
    relu = helper.make_node("Relu", ["x"], ["y"], name="theirs", domain="com.example")
    error = refused(model([relu], {"x": [2]}, ["y"]))
    assert error.code == "E0201"
    assert "com.example" in error.title


def test_a_free_batch_becomes_one_and_other_free_dimensions_are_asked_for() -> None:
    m = model([node("Relu", "x", "y")], {"x": ["N", 3]}, ["y"])
    assert imported(m).inputs[0].shape == (1, 3)
    assert imported(m, {"x": (5, 3)}).inputs[0].shape == (5, 3)
    m = model([node("Relu", "x", "y")], {"x": ["N", 3, "H", "W"]}, ["y"])
    error = refused(m)
    assert error.code == "E0308"
    assert "--shape x=1,3,H,W" in error.help
    assert analyse(m, {}).open_inputs == {"x": [1, 3, None, None]}
    assert imported(m, {"x": (1, 3, 8, 9)}).outputs[0].shape == (1, 3, 8, 9)
    assert imported(m, {"": (1, 3, 8, 9)}).outputs[0].shape == (1, 3, 8, 9)


@pytest.mark.parametrize("shapes", [{"x": (1, 4)}, {"x": (1, 3, 1)}, {"z": (1, 3)}])
def test_a_shape_that_does_not_fit_is_refused(shapes: dict[str, tuple[int, ...]]) -> None:
    assert refused(model([node("Relu", "x", "y")], {"x": ["N", 3]}, ["y"]), shapes).code == "E1004"


def test_external_data_is_refused(tmp_path: Path) -> None:
    m, _ = one_node("Add", 17, [np.zeros((2, 3), np.float32)], [np.ones((2, 3), np.float32)])
    onnx.save(m, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0, location="m.bin")
    with pytest.raises(ModelError) as caught:
        read(tmp_path / "m.onnx")
    assert caught.value.code == "E0105"


@pytest.mark.parametrize("data", [b"", b"\x08", b"not a model at all", bytes(range(256))])
def test_what_is_no_model_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ModelError) as caught:
        read(tmp_path / "m.onnx")
    assert caught.value.code == "E0103"


MALFORMED = {
    "a missing operand": ([node("Add", "x", "y")], "E0304"),
    "one operand too many": ([node("Sub", "x x x", "y")], "E0304"),
    "no operand": ([node("Relu", "", "y")], "E0304"),
    "an operand nobody writes": ([node("Add", "x ghost", "y")], "E0104"),
    "a wrong attribute type": ([node("LeakyRelu", "x", "y", alpha="much")], "E0104"),
    "an axis outside the tensor": ([node("Concat", "x x", "y", axis=7)], "E0303"),
    "shapes that do not fit": ([node("MatMul", "x x", "y")], "E0301"),
    "written twice": ([node("Relu", "x", "y"), node("Relu", "x", "y")], "E0104"),
    "no permutation": ([node("Transpose", "x", "y", perm=[0, 0])], "E0303"),
    "a pool larger than the image": ([node("MaxPool", "x", "y", kernel_shape=[9])], None),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_nodes_are_findings_not_crashes(name: str) -> None:
    nodes, code = MALFORMED[name]
    error = refused(model(nodes, {"x": [2, 3]}, ["y"]))
    assert error.code == code if code else error.code.startswith("E0")


def test_an_output_that_is_a_constant_or_an_input_is_copied() -> None:
    m = model([node("Relu", "x", "y")], {"x": [2]}, ["y", "c", "x"], {"c": np.ones(2, np.float32)})
    y, c, x = OnnxBackend.run_model(m, [np.float32([-1, 2])])
    assert (y.tolist(), c.tolist(), x.tolist()) == ([0, 2], [1, 1], [-1, 2])


def test_an_output_that_is_listed_twice_is_refused() -> None:
    assert refused(model([node("Relu", "x", "y")], {"x": [2]}, ["y", "y"])).code == "E0104"


def test_local_functions_are_inlined() -> None:
    twice = helper.make_function(
        "local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    m = model([helper.make_node("Twice", ["x"], ["y"], domain="local")], {"x": [3]}, ["y"])
    m.functions.append(twice)
    m.opset_import.append(helper.make_opsetid("local", 1))
    x = np.array([1, 2, 3], np.float32)
    assert by_numpy(imported(m), {"x": x})[0].tolist() == [2, 4, 6]


@pytest.mark.parametrize("opset", [1, 5, 6])
def test_old_opsets_are_converted(opset: int) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
    m, values = one_node("LeakyRelu", opset, [x], alpha=0.5)
    np.testing.assert_allclose(by_numpy(imported(m), values)[0], np.where(x < 0, x / 2, x))


@pytest.mark.parametrize("opset", [0, 99])
def test_unknown_opsets_are_refused(opset: int) -> None:
    m = model([node("Relu", "x", "y")], {"x": [2]}, ["y"], opset=17)
    m.opset_import[0].version = opset
    assert refused(m).code == "E0106"


def test_shape_arithmetic_of_exporters_is_folded() -> None:
    """Shape -> Gather -> Concat -> Reshape: a flatten as PyTorch used to write it."""
    m = model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n", axis=0),
            node("Unsqueeze", "n axes", "n1"),
            node("Concat", "n1 rest", "wanted", axis=0),
            node("Reshape", "x wanted", "y"),
        ],
        {"x": [2, 3, 4]},
        ["y"],
        {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])},
    )
    graph = imported(m)
    assert graph.outputs[0].shape == (2, 12)
    assert len(graph.nodes) == 1


def test_a_constant_fill_stays_symbolic() -> None:
    m = model(
        [
            node("ConstantOfShape", "n", "c", value=numpy_helper.from_array(np.array([2], np.float32))),
            node("Mul", "x c", "y"),
        ],
        {"x": [4, 500]},
        ["y"],
        {"n": np.array([4, 500])},
    )
    graph = imported(m)
    (array,) = [graph.constants[v.name] for v in graph.nodes[0].present if v.name in graph.constants]
    assert is_fill(array)
    assert array.base is None or array.base.size <= 1


@pytest.mark.parametrize("op", ["Tile", "Expand", "Range"])
def test_constants_cannot_grow_without_bound(op: str) -> None:
    known = {
        "Tile": {"a": np.ones(2**10, np.float32), "b": np.array([2**20])},
        "Expand": {"a": np.ones(2, np.float32), "b": np.array([LIMIT, 2])},
        "Range": {"a": np.array(0), "b": np.array(LIMIT * 8), "c": np.array(1)},
    }[op]
    m = model([node(op, " ".join(known), "big"), node("Add", "x big", "y")], {"x": [1]}, ["y"], known)
    assert refused(m).code in {"E0202", "E0310"}


def test_names_of_tensors_are_kept_for_validation() -> None:
    m = model([node("Relu", "x", "inner"), node("Neg", "inner", "y")], {"x": [2]}, ["y"])
    graph = imported(m)
    assert [n.equals for n in graph.nodes] == [("inner",), ("y",)]
    assert [n.sources for n in graph.nodes] == [("Relu_inner",), ("Neg_y",)]


def test_initializers_that_are_also_inputs_are_constants() -> None:
    m = model([node("Add", "x c", "y")], {"x": [2], "c": [2]}, ["y"], {"c": np.ones(2, np.float32)})
    graph = imported(m)
    assert [v.name for v in graph.inputs] == ["x"]
    assert isinstance(graph.nodes[0].op, Add)


def test_several_outputs_of_a_network_agree_with_onnx_runtime() -> None:
    chance = np.random.default_rng(0)
    known = {"w": chance.normal(size=(4, 2, 3, 3)).astype(np.float32), "sizes": np.array([1, 3])}
    m = model(
        [
            node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
            node("Split", "c sizes", "a b", axis=1),
            node("GlobalAveragePool", "b", "p"),
            node("Sigmoid", "p", "q"),
            node("Mul", "b q", "m"),
        ],
        {"x": [1, 2, 6, 5]},
        ["a", "m", "q"],
        known,
    )
    x = chance.normal(size=(1, 2, 6, 5)).astype(np.float32)
    for got, want in zip(by_numpy(imported(m), {"x": x}), theirs(m, {"x": x}), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
