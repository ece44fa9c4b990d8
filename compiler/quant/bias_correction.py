"""What rounding shifts on average goes into the bias (Nagel et al., 2019, section 4.2, the empirical form).

The expectation of a layer's error is that of its weights' error times the mean input, plus that of its input's error
times the weights: both are known for each layer by itself, so that no layer waits for the ones before it.
"""

from __future__ import annotations

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.graph.types import Array
from compiler.ops.conv import Conv
from compiler.quant.forms import weighted
from compiler.quant.grid import along_first
from compiler.quant.insert import Choice, Weights, nearest
from compiler.quant.measure import FloatSide
from compiler.quant.points import Points, stored_as

SAMPLES = 16


def correct_biases(graph: Graph, points: Points, choice: Choice, floats: FloatSide) -> dict[str, Weights]:
    """The weights of all integer layers, with corrected biases."""
    result = dict(choice.weights)
    for node in graph.nodes:
        if node.output.name not in points.integer or not weighted(graph, node):
            continue
        exact_inputs = layer_inputs(graph, node, floats, SAMPLES)
        if not exact_inputs:
            continue
        w = graph.constants[node.value(1).name]
        given = choice.weights.get(node.output.name) or nearest(w)
        rough_w = given.numbers * along_first(given.scales, w.ndim)
        grid = choice.grids[stored_as(graph, node.value(0)).name]
        error = np.zeros(w.shape[0], np.float64)
        for x in exact_inputs:
            y, z = products(node, x, w), products(node, grid.rounded(x), rough_w)
            error += per_channel(node, (z - y).astype(np.float64)) / len(exact_inputs)
        before = graph.constant(node.inputs[2]) if len(node.inputs) > 2 else None
        bias = (np.zeros(w.shape[0]) if before is None else before.astype(np.float64)) - error
        result[node.output.name] = Weights(given.numbers, given.scales, bias.astype(np.float32))
    return result


def layer_inputs(graph: Graph, node: Node, floats: FloatSide, most: int) -> list[Array]:
    """What the layer reads in the float graph, for some samples."""
    source = stored_as(graph, node.value(0))
    found = []
    for t in floats.tensors[:most]:
        if source.name not in t:
            return []
        x = t[source.name]
        moved = [node.value(0)]
        while moved[-1] != source:
            before = graph.producer(moved[-1])
            assert before is not None
            moved.append(before.value(0))
        for value in reversed(moved[:-1]):
            before = graph.producer(value)
            assert before is not None
            x = np.asarray(before.op.reference(x, *(graph.constants[o.name] for o in before.present[1:])))
        found.append(x)
    return found


def products(node: Node, x: Array, w: Array) -> Array:
    """The layer without its bias."""
    return np.asarray(node.op.reference(x, w.astype(np.float32), None))


def per_channel(node: Node, y: Array) -> Array:
    """The mean for each output channel."""
    axis = 1 if isinstance(node.op, Conv) else y.ndim - 1
    return np.asarray(y.mean(axis=tuple(a for a in range(y.ndim) if a != axis)))
