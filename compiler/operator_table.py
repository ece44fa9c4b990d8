"""Facts about each operator for tables: where it has tuned kernels, and what the ONNX project's tests found.

Nothing is declared: the kernel files are asked what they offer for small examples.
`ops/conformance.json` is written by the conformance bench; without it, nothing is said about cases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from compiler.graph.graph import Graph
from compiler.importers.onnx import import_onnx
from compiler.kernels.base import Situation, candidates
from compiler.memory.lifetimes import is_view
from compiler.ops.base import registry
from compiler.ops.elementwise import Elementwise
from compiler.passes.order import optimize
from compiler.targets import targets

CONFORMANCE = Path(__file__).parent / "ops" / "conformance.json"


@cache
def tuned() -> Mapping[str, tuple[str, ...]]:
    """ONNX operator -> the families of processors that have a kernel of their own for its example."""
    kinds = sorted({target.abilities for target in targets().values()}, key=sorted)
    found: dict[str, set[str]] = {}
    for op, graph in examples():
        for features in kinds:
            for node in (n for n in graph.nodes if not is_view(n) and op in n.sources):
                offered = candidates(node, Situation(graph, features, "balanced"))
                found.setdefault(op, set()).update(s.family for s in offered if s.family != "generic")
    return {op: tuple(sorted(names)) for op, names in found.items()}


@cache
def fused() -> frozenset[str]:
    """ONNX operators that may be computed as another layer's results are stored, in its kernel."""
    return frozenset(name for op in registry() if issubclass(op, Elementwise) for name in op.onnx)


def examples() -> Iterator[tuple[str, Graph]]:
    """Layers of usual shapes, each the optimised graph of one node, which is called as its operator."""
    image, vector = [1, 16, 16, 16], [1, 64]
    yield _example("Conv", image, pads=[1, 1, 1, 1], w=(16, 16, 3, 3))
    yield _example("Conv", image, pads=[1, 1, 1, 1], w=(16, 1, 3, 3), group=16)
    yield _example("MaxPool", image, kernel_shape=[2, 2], strides=[2, 2])
    yield _example("AveragePool", image, kernel_shape=[2, 2], strides=[2, 2])
    yield _example("GlobalMaxPool", image)
    yield _example("GlobalAveragePool", image)
    yield _example("Gemm", vector, w=(64, 32))
    yield _example("MatMul", vector, w=(64, 32))
    yield _quantised("Conv", image, pads=[1, 1, 1, 1], w=(16, 16, 3, 3))
    yield _quantised("Conv", image, pads=[1, 1, 1, 1], w=(16, 1, 3, 3), group=16)
    yield _quantised("MaxPool", image, kernel_shape=[2, 2], strides=[2, 2])
    yield _quantised("AveragePool", image, kernel_shape=[2, 2], strides=[2, 2])
    yield _quantised("GlobalMaxPool", image)
    yield _quantised("GlobalAveragePool", image)
    yield _quantised("Gemm", vector, w=(64, 32))
    yield _quantised("MatMul", vector, w=(64, 32))
    yield _quantised("Add", image, operands=2)
    yield _quantised("Sub", image, operands=2)
    yield _quantised("Sigmoid", image)


def _example(op: str, shape: list[int], *, w: tuple[int, ...] = (), **attributes: Any) -> tuple[str, Graph]:
    node = helper.make_node(op, ["x", *(("w",) if w else ())], ["y"], name=op, **attributes)
    return op, optimize(import_onnx(_model(node, shape, w), {}, "example"), native_io=True).graph


def _model(node: NodeProto, shape: list[int], weights: tuple[int, ...]) -> ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    array = np.arange(np.prod(weights), dtype=np.float32).reshape(weights)
    given = [numpy_helper.from_array(array, "w")] if weights else []
    graph = helper.make_graph([node], "example", [x], [y], given)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _quantised(
    op: str, shape: list[int], *, w: tuple[int, ...] = (), operands: int = 1, **attributes: Any
) -> tuple[str, Graph]:
    """The operator between int8 tensors."""
    constants: dict[str, Any] = {"s": np.float32(0.05), "z": np.int8(3), "ws": np.float32(0.01), "wz": np.int8(0)}
    names = [f"x{i}" for i in range(operands)]
    read = [f"{name}_real" for name in names]
    nodes = [helper.make_node("DequantizeLinear", [n, "s", "z"], [r]) for n, r in zip(names, read, strict=True)]
    if w:
        constants["w"] = (np.arange(np.prod(w)) % 201 - 100).astype(np.int8).reshape(w)
        nodes.append(helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["w_real"]))
        read.append("w_real")
    nodes.append(helper.make_node(op, read, ["y_real"], name=op, **attributes))
    nodes.append(helper.make_node("QuantizeLinear", ["y_real", "s", "z"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "example",
        [helper.make_tensor_value_info(name, TensorProto.INT8, shape) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.INT8, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return op, optimize(import_onnx(model, {}, "example"), native_io=True).graph


@cache
def conformance() -> Mapping[str, Mapping[str, Any]]:
    """ONNX operator -> {"cases": n, "passed": m, "dtypes": {dtype: the same}}; the last may be absent."""
    if not CONFORMANCE.is_file():
        return {}
    return dict(json.loads(CONFORMANCE.read_text(encoding="utf-8")))
