"""ONNX models in old spellings, and functions."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from compiler.errors import ModelError
from compiler.graph.run import run
from compiler.importers.onnx import analyse, import_onnx

FLOAT = TensorProto.FLOAT
X = np.float32([[1, -2, 3, 4]])


def model(nodes: list[object], opset: int, **more: object) -> ModelProto:
    x, y = (helper.make_tensor_value_info(name, FLOAT, ["N", 4]) for name in "xy")
    w = helper.make_tensor("w", FLOAT, [4], [1, 2, 3, 5])
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], [w]), opset_imports=imports, **more)


@pytest.mark.parametrize("opset", [1, 5, 6])
def test_an_opset_below_seven_with_a_free_batch_is_read(opset: int) -> None:
    add = helper.make_node("Add", ["x", "w"], ["y"], broadcast=1, axis=1)
    found = analyse(model([add], opset), {})
    assert found.graph is not None
    assert found.outputs[0].shape == [None, 4]
    np.testing.assert_array_equal(run(found.graph, {"x": X})["y"], [[2, 0, 6, 9]])


def test_an_old_model_takes_the_shape_that_is_asked_for() -> None:
    relu = helper.make_node("Relu", ["x"], ["y"])
    graph = import_onnx(model([relu], 6), {"x": (3, 4)})
    assert graph.inputs[0].shape == graph.outputs[0].shape == (3, 4)


def test_an_old_operator_that_does_not_fit_is_named() -> None:
    upsample = helper.make_node("Upsample", ["x"], ["y"], height_scale=2.0, width_scale=2.0)
    with pytest.raises(ModelError, match="Upsample") as caught:
        import_onnx(model([upsample], 1), {})
    assert caught.value.code == "E0303"


def test_functions_of_the_model_are_inlined() -> None:
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    twice = helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    nodes = [helper.make_node("Twice", ["x"], ["t"], domain="own"), helper.make_node("Relu", ["t"], ["y"])]
    graph = import_onnx(model(nodes, 17, functions=[twice]), {})
    np.testing.assert_array_equal(run(graph, {"x": X})["y"], [[2, 0, 6, 8]])
