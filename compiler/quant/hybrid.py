"""`--precision int8-weights`: weights are int8 in flash, activations stay float32, results are re-scaled at the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType
from compiler.ops.quantize import Dequantize
from compiler.quant.forms import weighted
from compiler.quant.grid import along_first
from compiler.quant.insert import nearest
from compiler.quant.prepare import prepare
from compiler.quant.quantize import NOTHING


def with_int8_weights(graph: Graph, floats: frozenset[str] = frozenset()) -> tuple[Graph, list[str]]:
    """The graph whose convolutions and dense layers have int8 weights, ±127, with a scale for each output channel.

    Returns it with the names of the layers' results. The passes move the scale behind the sum of products. `floats` are
    results of layers that keep their float32 weights.
    """
    graph = prepare(graph)
    constants: dict[str, Array] = dict(graph.constants)
    nodes: list[Node] = []
    changed: list[str] = []
    for node in graph.nodes:
        if not weighted(graph, node) or node.output.name in floats:
            nodes.append(node)
            continue
        changed.append(node.output.name)
        w = graph.constants[node.value(1).name]
        given = nearest(w)
        name = f"{node.output.name}:weights"
        parts = {
            f"{name}:stored": given.numbers,
            f"{name}:scale": along_first(given.scales, w.ndim),
            f"{name}:zero": np.zeros((), np.int8),
        }
        constants |= parts
        operands = tuple(Value(n, TensorType.of(str(a.dtype), a.shape)) for n, a in parts.items())
        real = Value(name, node.value(1).type)
        nodes.append(Node(Dequantize(), operands, (real,), name, (), ("",)))
        nodes.append(replace(node, inputs=(node.inputs[0], real, *node.inputs[2:])))
    if not changed:
        raise ModelError(
            NOTHING,
            "there is nothing to quantise: the model has no convolution or dense layer with constant float32 weights",
            where=graph.name,
            help="leave --precision int8-weights out",
        )
    return replace(graph, nodes=tuple(nodes), constants=constants).without_dead_code(), changed
