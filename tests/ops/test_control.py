"""If, Loop and Scan whose conditions, bounds and states are only known at run time, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from compiler.errors import ModelError
from compiler.importers.onnx import import_onnx
from compiler.onnx_backend import OnnxBackend
from compiler.ops.control import If, Repeat

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
WEIGHTS = np.float32([[0.5, -1, 2], [1, 0.25, -0.5], [0, 1, 1]])


def value(name: str, kind: int, shape: list[int] | None) -> object:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: list[object], inputs: list[object], outputs: list[object]) -> ModelProto:
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(WEIGHTS, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def agree(m: ModelProto, *inputs: np.ndarray) -> None:
    names = [v.name for v in m.graph.input]
    want = onnxruntime.InferenceSession(m.SerializeToString()).run(None, dict(zip(names, inputs, strict=True)))
    for got, expected in zip(OnnxBackend.run_model(m, list(inputs)), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)
        assert got.dtype == expected.dtype


def branch(op: str, name: str) -> object:
    """x through an operator, then a product with weights of the outer graph."""
    nodes = [helper.make_node(op, ["x"], [f"{name}_t"]), helper.make_node("MatMul", [f"{name}_t", "w"], [name])]
    return helper.make_graph(nodes, name, [], [value(name, FLOAT, [2, 3])])


@pytest.mark.parametrize("chosen", [True, False])
def test_a_condition_that_is_known_at_run_time_only(chosen: bool) -> None:
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("Relu", "a"), else_branch=branch("Neg", "b"))
    m = model([node], [value("c", BOOL, []), value("x", FLOAT, [2, 3])], [value("y", FLOAT, [2, 3])])
    assert [type(n.op) for n in import_onnx(m, {}).nodes] == [If]
    agree(m, np.asarray(chosen), np.float32([[1, -2, 3], [-4, 5, -6]]))


def counting(condition: list[object], scans: bool = False) -> object:
    """state = state @ w + round; the condition as given; with `scans` the state of each round is collected."""
    nodes = [
        helper.make_node("MatMul", ["s", "w"], ["p"]),
        helper.make_node("Cast", ["i"], ["f"], to=FLOAT),
        helper.make_node("Add", ["p", "f"], ["s_out"]),
        *condition,
    ]
    outputs = [value("c_out", BOOL, []), value("s_out", FLOAT, [1, 3])]
    if scans:
        nodes.append(helper.make_node("Identity", ["s_out"], ["kept"]))
        outputs.append(value("kept", FLOAT, [1, 3]))
    return helper.make_graph(
        nodes, "body", [value("i", INT64, []), value("c", BOOL, []), value("s", FLOAT, [1, 3])], outputs
    )


KEEP = [helper.make_node("Identity", ["c"], ["c_out"])]
BELOW_TEN = [
    helper.make_node("ReduceMax", ["s_out"], ["m"], keepdims=0),
    helper.make_node("Constant", [], ["ten"], value_float=10.0),
    helper.make_node("Less", ["m", "ten"], ["c_out"]),
]
START = np.float32([[1, 0.5, 0.25]])


@pytest.mark.parametrize("rounds", [0, 1, 5])
def test_a_number_of_rounds_that_is_known_at_run_time_only(rounds: int) -> None:
    node = helper.make_node("Loop", ["n", "", "x"], ["y"], body=counting(KEEP))
    m = model([node], [value("n", INT64, []), value("x", FLOAT, [1, 3])], [value("y", FLOAT, [1, 3])])
    assert [type(n.op) for n in import_onnx(m, {}).nodes] == [Repeat]
    agree(m, np.asarray(rounds), START)


def test_a_loop_that_ends_by_itself() -> None:
    node = helper.make_node("Loop", ["n", "", "x"], ["y"], body=counting(BELOW_TEN))
    m = model([node], [value("n", INT64, []), value("x", FLOAT, [1, 3])], [value("y", FLOAT, [1, 3])])
    agree(m, np.asarray(100), START)
    agree(m, np.asarray(2), START)


def test_slices_are_collected_where_the_number_of_rounds_is_known() -> None:
    count = helper.make_node("Constant", [], ["n"], value_int=4)
    node = helper.make_node("Loop", ["n", "", "x"], ["y", "all"], body=counting(KEEP, scans=True))
    outputs = [value("y", FLOAT, [1, 3]), value("all", FLOAT, [4, 1, 3])]
    agree(model([count, node], [value("x", FLOAT, [1, 3])], outputs), START)


def test_a_loop_without_a_bound_is_refused() -> None:
    node = helper.make_node("Loop", ["", "c", "x"], ["y"], body=counting(BELOW_TEN))
    m = model([node], [value("c", BOOL, []), value("x", FLOAT, [1, 3])], [value("y", FLOAT, [1, 3])])
    with pytest.raises(ModelError, match="no bound"):
        import_onnx(m, {})


def test_a_scan_along_another_axis_backwards() -> None:
    nodes = [helper.make_node("Add", ["s", "e"], ["s_out"]), helper.make_node("Mul", ["s_out", "e"], ["z"])]
    body = helper.make_graph(
        nodes,
        "body",
        [value("s", FLOAT, [2]), value("e", FLOAT, [2])],
        [value("s_out", FLOAT, [2]), value("z", FLOAT, [2])],
    )
    node = helper.make_node(
        "Scan", ["init", "x"], ["last", "y"], body=body, num_scan_inputs=1, scan_input_axes=[1],
        scan_input_directions=[1], scan_output_axes=[1], scan_output_directions=[1],
    )  # fmt: skip
    inputs = [value("init", FLOAT, [2]), value("x", FLOAT, [2, 5])]
    m = model([node], inputs, [value("last", FLOAT, [2]), value("y", FLOAT, [2, 5])])
    agree(m, np.float32([1, 2]), np.arange(10, dtype=np.float32).reshape(2, 5))
