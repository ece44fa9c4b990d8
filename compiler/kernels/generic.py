"""The operator's own loops: right for every shape and layout, tuned for none."""

from __future__ import annotations

from compiler.graph.graph import Node
from compiler.kernels.base import Overlap, Schedule, Situation


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    y = node.output.type
    overlap = {}
    for index in node.op.in_place():
        if index >= len(node.inputs):
            continue
        x = node.inputs[index]
        alike = x is not None and x.type.bytes == y.bytes and x.type.shape == y.shape and x.type.strides == y.strides
        if alike and len(node.outputs) == 1:
            overlap[index] = Overlap(exact=True, forward=0)
    return [Schedule("generic", node.op.lower, overlap=overlap)]
