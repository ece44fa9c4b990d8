"""Models that are large in bytes or in nodes, for whoever waits for an inspection."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def ten_megabytes() -> bytes:
    """Eighteen blocks with 128 channels: 10.6 MB of weights."""
    return blocks(18, channels=128, size=16)


def two_thousand_nodes() -> bytes:
    """Five hundred blocks of four nodes in a row."""
    return blocks(500, channels=4, size=8)


def blocks(count: int, channels: int, size: int) -> bytes:
    """Convolution, Relu, Add of what went in, Sigmoid; again and again."""
    random = np.random.default_rng(0)
    nodes, weights, x = [], [], "x"
    for i in range(count):
        w = (random.normal(size=(channels, channels, 3, 3)) / np.sqrt(9 * channels)).astype(np.float32)
        weights.append(numpy_helper.from_array(w, f"w{i}"))
        nodes += [
            helper.make_node("Conv", [x, f"w{i}"], [f"c{i}"], name=f"block{i}/conv", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{i}"], [f"r{i}"], name=f"block{i}/relu"),
            helper.make_node("Add", [f"r{i}", x], [f"a{i}"], name=f"block{i}/add"),
            helper.make_node("Sigmoid", [f"a{i}"], [f"s{i}"], name=f"block{i}/sigmoid"),
        ]
        x = f"s{i}"
    shape = [1, channels, size, size]
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()
