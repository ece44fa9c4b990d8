"""Small float networks with known weights for the tests of post-training quantisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compiler.graph.graph import Graph
from compiler.importers.onnx import import_onnx


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    outputs: Mapping[str, Sequence[int]],
    constants: Mapping[str, np.ndarray],
) -> onnx.ModelProto:
    def declared(tensors: Mapping[str, Sequence[int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in tensors.items()]

    initializers = [numpy_helper.from_array(a, n) for n, a in constants.items()]
    graph = helper.make_graph(list(nodes), "net", declared(inputs), declared(outputs), initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def network(seed: int = 0) -> onnx.ModelProto:
    """Conv, ReLU, depthwise Conv, ReLU6, 1x1 Conv, addition, ReLU, global mean, dense, softmax."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        fan_in = int(np.prod(shape[1:]))
        return (rng.normal(size=shape) * np.sqrt(2 / fan_in)).astype(np.float32)

    constants = {
        "w1": weights(8, 2, 3, 3), "b1": rng.normal(size=8).astype(np.float32) * np.float32(0.2),
        "w2": weights(8, 1, 3, 3), "b2": rng.normal(size=8).astype(np.float32) * np.float32(0.2),
        "w3": weights(8, 8, 1, 1), "b3": rng.normal(size=8).astype(np.float32) * np.float32(0.2),
        "w4": weights(5, 8), "b4": rng.normal(size=5).astype(np.float32) * np.float32(0.2),
        "zero": np.float32(0), "six": np.float32(6),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Clip", ["c2", "zero", "six"], ["r2"], "relu6"),
        helper.make_node("Conv", ["r2", "w3", "b3"], ["c3"], "conv3"),
        helper.make_node("Add", ["c3", "r1"], ["a"], "add"),
        helper.make_node("Relu", ["a"], ["r3"], "relu3"),
        helper.make_node("GlobalAveragePool", ["r3"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "w4", "b4"], ["logits"], "dense", transB=1),
        helper.make_node("Softmax", ["logits"], ["y"], "softmax", axis=1),
    ]
    return model(nodes, {"x": [1, 2, 6, 6]}, {"y": [1, 5]}, constants)


def graph(of: onnx.ModelProto) -> Graph:
    return import_onnx(of, {}, "net")


def inputs(count: int = 24, seed: int = 1, scale: float = 1.0) -> np.ndarray:
    """(count, 1, 2, 6, 6), each sample with a brightness of its own."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 1, 2, 6, 6)) + rng.normal(size=(count, 1, 2, 1, 1))
    return (x * scale).astype(np.float32)


def saved(path: Path, of: onnx.ModelProto) -> Path:
    onnx.save(of, str(path))
    return path
