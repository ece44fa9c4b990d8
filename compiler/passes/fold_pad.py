"""Explicit zero padding before a convolution becomes the convolution's own."""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node
from compiler.ops.conv import Conv
from compiler.ops.index_map import Pad
from compiler.passes.rule import Skip, Swap, merged, rule


@rule(Conv, effect="absorbed by the convolution")
def fold_pad_into_conv(g: Graph, node: Node) -> Swap | Skip:
    """Pad with zeros -> Conv  becomes  Conv with larger pads."""
    assert isinstance(node.op, Conv)
    pad = g.producer(node.value(0))
    if pad is None or not isinstance(pad.op, Pad):
        return Skip("the input is not produced by a Pad")
    op, rank = pad.op, pad.value(0).type.rank
    if op.mode != "constant" or op.value is None or op.value != node.op.zero or min(op.pads) < 0:
        return Skip("the padding is not with zeros, or of integers with their zero point")
    if any(op.pads[a] or op.pads[rank + a] for a in (0, 1)):
        return Skip("batch or channels are padded")
    if g.only_reader(node.value(0)) is None:
        return Skip("the padded tensor has a second reader")
    extra = (*op.pads[2:rank], *op.pads[rank + 2 :])
    conv = replace(node.op, pads=tuple(a + b for a, b in zip(node.op.pads, extra, strict=True)))
    inputs = (pad.inputs[0], *node.inputs[1:])
    return Swap(nodes=(replace(node, op=conv, inputs=inputs, sources=merged(node, pad)),), removed=(pad,))
