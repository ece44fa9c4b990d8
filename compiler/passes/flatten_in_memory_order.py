"""A flatten between channels-last tensors and a Dense layer costs nothing: the weights are reordered instead."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType, is_fill
from compiler.ops.dense import Dense
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Transpose
from compiler.passes.rule import Skip, Swap, merged, rule


@rule(Dense, effect="reads channels-last; its weights were reordered")
def flatten_in_memory_order(g: Graph, node: Node) -> Swap | Skip:
    """(N, C, H, W) -> Flatten -> Dense  becomes  Transpose to (N, H, W, C) -> Flatten -> Dense with permuted columns.

    The Transpose of a channels-last tensor moves no data, where the original Flatten would have to.
    """
    x = node.value(0)
    reshape = g.producer(x)
    if reshape is None or not isinstance(reshape.op, Reshape):
        return Skip("the input is not produced by a Reshape")
    source = reshape.value(0)
    if source.type.rank < 3 or x.shape != (source.shape[0], prod(source.shape[1:])):
        return Skip("the Reshape does not flatten all but the batch")
    if source.shape[1] == 1 or prod(source.shape[2:]) == 1:
        return Skip("both orders are the same")
    if not _channels_last(g, source):
        return Skip("the tensor does not lie channels-last")
    w = g.constant(node.inputs[1])
    if w is None or g.only_reader(x) is None:
        return Skip("the weights are not constant, or the flat tensor has a second reader")
    rank = source.type.rank
    axes = (0, *range(2, rank), 1)
    turned = Value(f"{x.name}:channels_last", source.type.with_shape(tuple(source.shape[a] for a in axes)))
    flat = Value(f"{x.name}:flat", x.type)
    constants = {f"{node.output.name}:wp": _permuted(w, source.shape[1:])}
    w_value = Value(f"{node.output.name}:wp", TensorType.of(str(w.dtype), w.shape))
    return Swap(
        nodes=(
            Node(Transpose(axes), (source,), (turned,), reshape.name, reshape.sources, ("",)),
            Node(Reshape(x.shape), (turned,), (flat,), reshape.name, reshape.sources, ("",)),
            replace(node, inputs=(flat, w_value, *node.inputs[2:]), sources=merged(node, reshape)),
        ),
        constants=constants,
        removed=(reshape,),
    )


def _permuted(w: Array, shape: tuple[int, ...]) -> Array:
    if is_fill(w):
        return w
    cube = w.reshape(w.shape[0], *shape)
    return np.ascontiguousarray(np.moveaxis(cube, 1, -1).reshape(w.shape))


def _channels_last(g: Graph, value: Value) -> bool:
    """Will the layout pass leave this tensor channels-last?"""
    node = g.producer(value)
    while node is not None and node.op.layout_rule == "same":
        candidates = [v for v in node.present if v.shape == node.output.shape and v.name not in g.constants]
        node = g.producer(candidates[0] if candidates else node.inputs[0])
    return node is not None and node.op.layout_rule == "channels_last"
