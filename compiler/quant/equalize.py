"""Cross-layer equalisation: range moves between channels of neighbouring layers (Nagel et al., 2019, section 4.1).

f(s x) = s f(x) for ReLU and s > 0, so a channel may be scaled down in one layer and up again in the next. Weights have
a scale for each output channel anyway; what profits is the tensor between, whose channels share one grid, and the next
layer's weights, whose input channels do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.activations import Relu
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.quant.forms import weighted

ROUNDS = 20
_LIMIT = 1e3  # of one channel's factor


def equalize(graph: Graph) -> tuple[Graph, int]:
    """The graph with other weights that computes the same, and the number of pairs that were evened out."""
    pairs = [p for node in graph.nodes if (p := _pair(graph, node)) is not None]
    constants = dict(graph.constants)
    names: dict[str, str] = {}  # a constant may serve several layers: each changed one gets its own

    def own(node: Node, index: int) -> str:
        v = node.value(index)
        key = f"{node.output.name}:even:{index}"
        if key not in names:
            names[key] = v.name
            constants[key] = np.array(graph.constants[v.name], np.float32)
        return key

    scaled: set[str] = set()
    for _ in range(ROUNDS):
        for first, second, between in pairs:
            w1, w2 = own(first, 1), own(second, 1)
            s = _factors(first, second, constants[w1], constants[w2])
            constants[w1] = constants[w1] / _shaped(s, constants[w1].ndim, 0)
            if len(first.inputs) > 2 and first.inputs[2] is not None:
                b1 = own(first, 2)
                constants[b1] = (constants[b1] / s).astype(np.float32)
            constants[w2] = _times_inputs(second, constants[w2], s)
            scaled |= between
    nodes = tuple(_with_constants(n, names, constants, scaled) for n in graph.nodes)
    return replace(graph, nodes=nodes, constants=constants).without_dead_code(), len(pairs)


def _pair(graph: Graph, first: Node) -> tuple[Node, Node, set[str]] | None:
    """A layer and the one behind it, with nothing but a ReLU between, and the tensors between."""
    if not weighted(graph, first):
        return None
    between = {first.output.name}
    reader = graph.only_reader(first.output)
    if reader is not None and isinstance(reader.op, Relu):
        between.add(reader.output.name)
        reader = graph.only_reader(reader.output)
    if reader is None or not weighted(graph, reader) or type(reader.op) is not type(first.op):
        return None
    if reader.value(0).name not in between:
        return None
    op = reader.op
    if isinstance(op, Conv) and op.groups not in (1, reader.value(1).shape[0]):
        return None
    if isinstance(op, Dense) and first.output.type.rank < 2:
        return None
    return first, reader, between


def _factors(first: Node, second: Node, w1: Array, w2: Array) -> Array:
    """s = r1 / sqrt(r1 r2): afterwards both layers have the same range in each channel."""
    r1 = np.abs(w1.reshape(w1.shape[0], -1)).max(axis=1)
    if isinstance(second.op, Conv) and second.op.groups > 1:
        r2 = np.abs(w2.reshape(w2.shape[0], -1)).max(axis=1)
        r2 = r2.reshape(r1.size, -1).max(axis=1) if r2.size != r1.size else r2
    else:
        r2 = np.abs(w2).max(axis=tuple(a for a in range(w2.ndim) if a != 1))
    with np.errstate(all="ignore"):
        s = np.sqrt(r1 / r2)
    s = np.where(np.isfinite(s) & (s > 0), s, 1.0)
    return np.clip(s, 1 / _LIMIT, _LIMIT).astype(np.float32)


def _times_inputs(second: Node, w: Array, s: Array) -> Array:
    if isinstance(second.op, Conv) and second.op.groups > 1:
        return np.asarray(w * _shaped(s, w.ndim, 0))
    return np.asarray(w * _shaped(s, w.ndim, 1))


def _shaped(s: Array, rank: int, axis: int) -> Array:
    return s.reshape([-1 if a == axis else 1 for a in range(rank)])


def _with_constants(node: Node, names: dict[str, str], constants: dict[str, Array], scaled: set[str]) -> Node:
    """The node with its own weights; tensors between are no longer those of the source model."""
    inputs = tuple(
        Value(key, replace(v.type)) if v is not None and (key := f"{node.output.name}:even:{i}") in names else v
        for i, v in enumerate(node.inputs)
    )
    equals = ("",) * len(node.outputs) if node.output.name in scaled else node.equals
    return replace(node, inputs=inputs, equals=equals)
