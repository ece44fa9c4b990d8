"""Weights that are whole numbers, and scaled behind the product: torchao's spelling of 8-bit weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.ops.arithmetic import Mul
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map, Step
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.real import constant


@rule(Mul, effect="keeps weights as integers")
def whole_weights(g: Graph, node: Node) -> Swap | Skip:
    """Dense(x, whole numbers of float32) * scale  becomes  Dense(x, int8) * scale: the products are the same."""
    for place in (0, 1):
        layer = g.producer(node.value(place))
        scale = node.value(1 - place)
        if g.constant(scale) is None or layer is None or not isinstance(layer.op, Dense):
            continue
        if layer.op.tail is not None or g.only_reader(layer.output) is None or layer.output.shape != node.output.shape:
            return Skip("the product has a second reader, or something is fused behind it")
        w = g.constant(layer.inputs[1])
        if w is None or w.dtype != np.float32 or layer.value(0).type.dtype != "float32":
            return Skip("the weights are no float32 constants")
        if not w.size or w.min() < -128 or w.max() > 127 or not (w == np.rint(w)).all():
            return Skip("the weights are no whole numbers of 8 bits")
        stored, constants = constant(f"{layer.output.name}:w", w.astype(np.int8))
        tail = Map(2, (Step(Mul(), (0, 1)),))  # a scale that were a node could be folded into the weights again
        made = replace(node, op=Dense(tail), inputs=(layer.inputs[0], stored, layer.inputs[2], scale))
        return Swap(nodes=(replace(made, sources=merged(node, layer)),), constants=constants, removed=(layer,))
    return Skip("no operand is a dense layer, or there is no constant scale")


BEFORE_FUSION: tuple[Rule, ...] = (whole_weights,)
