"""Each layer of a compiled graph against ONNX Runtime, fed with what ONNX Runtime feeds to that layer.

So differences do not add up from layer to layer: what is found at a layer is the layer's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import FLOATS, Array
from compiler.ops.conv import Conv
from compiler.ops.conv_transpose import ConvTranspose
from compiler.ops.dense import Dense, MatMul
from compiler.quant.fold import before_fusion

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class LayerDifference:
    """`steps`: of integers the largest difference; of floats the largest one as a share of the largest number."""

    layer: str
    tensor: str
    dtype: str
    steps: float

    def within(self, steps: int = 1) -> bool:
        return self.steps <= (1e-5 if self.dtype in FLOATS else steps)


def all_tensors(model: onnx.ModelProto, inputs: Arrays, optimized: bool = False) -> dict[str, Array]:
    """Every tensor that ONNX Runtime computes for these inputs, by name."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output if name]
    del exposed.graph.output[:]
    exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return dict(zip(names, outputs(exposed, inputs, optimized), strict=True))


def outputs(model: onnx.ModelProto, inputs: Arrays, optimized: bool = True) -> list[Array]:
    """What ONNX Runtime computes; `optimized`: with its own integer kernels in the place of float ones."""
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    found: list[Array] = session.run(None, dict(inputs))
    return found


def unfused(graph: Graph) -> Graph:
    """The integer graph before its operators are fused: most tensors of the source still have a counterpart."""
    for rule in before_fusion():
        graph = rule.apply(graph)[0].without_dead_code()
    return graph


def differences(graph: Graph, tensors: Arrays, inputs: Arrays) -> list[LayerDifference]:
    """One entry for each tensor of the graph that equals one of the reference."""
    same = {v.name: e for n in graph.nodes for v, e in zip(n.outputs, n.equals, strict=True) if e in tensors}
    found = []
    for node in graph.nodes:
        known: dict[str, Array] = {**graph.constants, **inputs}
        for value, array in zip(node.outputs, _computed(graph, node, same, tensors, known), strict=True):
            if value.name in same:
                wanted = tensors[same[value.name]].reshape(value.shape)
                assert str(wanted.dtype) == value.type.dtype, f"{value} is {wanted.dtype} in the source"
                found.append(LayerDifference(node.name, value.name, value.type.dtype, _steps(array, wanted)))
    return found


def _computed(
    graph: Graph, node: Node, same: Mapping[str, str], tensors: Arrays, known: dict[str, Array]
) -> list[Array]:
    """The node's results, from the reference's tensors as far up as there are some."""

    def of(value: Value | None) -> Array | None:
        if value is None:
            return None
        if value.name in same and value.name not in known:
            known[value.name] = tensors[same[value.name]].reshape(value.shape)
        if value.name not in known:
            producer = graph.producer(value)
            assert producer is not None
            made = _computed(graph, producer, same, tensors, known)
            known.update((v.name, a) for v, a in zip(producer.outputs, made, strict=True))
        return known[value.name]

    with np.errstate(all="ignore"):
        result = node.op.reference(*map(of, node.inputs))
    results = result if isinstance(result, tuple) else (result,)
    return [np.asarray(a, v.type.dtype).reshape(v.shape) for v, a in zip(node.outputs, results, strict=True)]


def _steps(got: Array, wanted: Array) -> float:
    if got.size == 0:
        return 0.0
    apart = np.abs(got.astype(np.float64) - wanted.astype(np.float64)).max()
    if got.dtype.kind in "iub":
        return float(apart)
    return float(apart / max(1e-3, np.abs(wanted).max()))


def float_products(graph: Graph) -> list[Node]:
    """Convolutions and matrix products that are still computed with floats."""
    kinds = (Conv, ConvTranspose, Dense, MatMul)
    return [n for n in graph.nodes if isinstance(n.op, kinds) and n.value(0).type.dtype in FLOATS]
