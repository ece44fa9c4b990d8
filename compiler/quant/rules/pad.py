"""Padding with the zero point before an integer convolution becomes the convolution's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.ops.conv import INTEGER_INPUTS, Conv, result_type
from compiler.ops.index_map import Pad
from compiler.ops.shaping import Identity
from compiler.passes.rule import Rule, Skip, Swap, rule
from compiler.quant.real import constant


@rule(Conv, effect="counts from the number it is padded with")
def zero_of_padding(g: Graph, node: Node) -> Swap | Skip:
    """Conv(Pad(x, value))  with the zero point in its bias  becomes  one with `zero` = value, which takes the Pad in.

    The bias loses what the zero point added: sum over all taps of (x - 0) w = sum of (x - value) w + value * sum of w.
    """
    op, pad = node.op, g.producer(node.value(0))
    assert isinstance(op, Conv)
    while pad is not None and isinstance(pad.op, Identity):
        pad = g.producer(pad.value(0))
    if op.zero or any(op.pads) or node.value(0).type.dtype not in INTEGER_INPUTS:
        return Skip("it has a zero point or padding of its own, or floats")
    if pad is None or not isinstance(pad.op, Pad) or pad.op.mode != "constant" or not pad.op.value:
        return Skip("no padding with a number that is not 0 comes before it")
    w, b = g.constant(node.inputs[1]), g.constant(node.inputs[2])
    if w is None or (node.inputs[2] is not None and b is None):
        return Skip("weights or bias are not constants")
    value = int(pad.op.value)
    bias = value * w.reshape(w.shape[0], -1).astype(np.int64).sum(axis=1)
    bias = bias if b is None else bias + b.astype(np.int64)
    sums = result_type(node.value(0).type)
    if (np.abs(bias) > np.iinfo(sums).max).any():
        return Skip("the bias does not fit into the sums")
    made, constants = constant(f"{node.output.name}:counted", bias.astype(sums))
    inputs = (*node.inputs[:2], made, *node.inputs[3:])
    return Swap(nodes=(replace(node, op=replace(op, zero=value), inputs=inputs),), constants=constants)


BEFORE_FUSION: tuple[Rule, ...] = (zero_of_padding,)
