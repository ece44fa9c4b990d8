"""Results whose size depends on the data: their largest size, and a count beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler.errors import ModelError
from compiler.importers.onnx import import_onnx
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.passes.order import optimize

CHANCE = np.random.default_rng(7)


def model(op: str, inputs: dict[str, Any], outputs: int = 1, constants: tuple[str, ...] = (), **attributes: Any) -> Any:
    """A model of one node; all sizes of results are open."""
    names = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, list(inputs), names, **attributes)
    values = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in inputs.items()
        if n not in constants
    ]
    results = [helper.make_empty_tensor_value_info(n) for n in names]
    graph = helper.make_graph([node], op, values, results, [numpy_helper.from_array(inputs[n], n) for n in constants])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    inferred = onnx.shape_inference.infer_shapes(made)
    known = {v.name: v for v in inferred.graph.output}
    del made.graph.output[:]
    made.graph.output.extend(known[n] for n in names)
    return made


CASES = {
    "NonZero": ({"x": (CHANCE.random((3, 4)) < 0.4).astype(np.float32)}, 1, (), {}, 1),
    "Compress": (
        {"x": CHANCE.random((5, 3)).astype(np.float32), "c": np.array([1, 0, 1, 1, 0], bool)},
        1, (), {"axis": 0}, 0,
    ),
    "Unique": ({"x": CHANCE.integers(0, 4, 9)}, 4, (), {"sorted": 0}, 0),
    "NonMaxSuppression": (
        {
            "b": CHANCE.random((1, 9, 4)).astype(np.float32), "s": CHANCE.random((1, 2, 9)).astype(np.float32),
            "k": np.array(4, np.int64), "o": np.array(0.3, np.float32), "t": np.array(0.2, np.float32),
        },
        1, ("k",), {}, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("op", CASES)
def test_what_counts_is_what_onnxruntime_finds(op: str) -> None:
    inputs, outputs, constants, attributes, axis = CASES[op]
    made = model(op, inputs, outputs, constants, **attributes)
    given = {n: a for n, a in inputs.items() if n not in constants}
    wanted = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, given)
    graph = optimize(import_onnx(made, {}, "m")).graph
    got = Jitted(lower(graph)).run(given)
    assert [v.name for v in graph.outputs] == [f"y{i}" for i in range(outputs)] + ["y0_count"]
    assert got["y0_count"].tolist() == [wanted[0].shape[axis]]
    for i, want in enumerate(wanted):
        part = tuple(slice(n) for n in want.shape)
        np.testing.assert_array_equal(got[f"y{i}"][part], want)


def test_a_known_result_gets_its_own_size() -> None:
    made = model("NonZero", {"x": np.array([[1, 0], [0, 2]], np.float32)}, constants=("x",))
    graph = import_onnx(made, {}, "m")
    assert [v.shape for v in graph.outputs] == [(2, 2)]


def test_two_counts_have_two_names() -> None:
    made = model("NonZero", {"x": np.ones((2, 2), np.float32)})
    made.graph.node.add().CopyFrom(helper.make_node("Compress", ["x", "c"], ["y0_count"], axis=0))
    made.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, (2,)))
    made.graph.output.append(helper.make_tensor_value_info("y0_count", TensorProto.FLOAT, ("n", 2)))
    names = [v.name for v in import_onnx(made, {}, "m").outputs]
    assert len(set(names)) == len(names) == 4


def test_within_control_flow_nobody_could_be_told() -> None:
    body = helper.make_graph(
        [helper.make_node("NonZero", ["x"], ["z"]), helper.make_node("ReduceSum", ["z"], ["r"], keepdims=0)],
        "then", [], [helper.make_tensor_value_info("r", TensorProto.INT64, ())],
    )  # fmt: skip
    other = helper.make_graph(
        [helper.make_node("Constant", [], ["q"], value_int=3)],
        "else", [], [helper.make_tensor_value_info("q", TensorProto.INT64, ())],
    )  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=other)],
        "g",
        [
            helper.make_tensor_value_info("c", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, (3,)),
        ],
        [helper.make_tensor_value_info("y", TensorProto.INT64, ())],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelError, match="within control flow"):
        import_onnx(made, {}, "m")
