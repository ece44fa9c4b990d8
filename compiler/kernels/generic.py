"""The operator's own loops: right for every shape and layout, tuned for none."""

from __future__ import annotations

from compiler.graph.graph import Node
from compiler.kernels.base import Overlap, Schedule, Situation, in_place


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    inputs, outputs = [None if v is None else v.type for v in node.inputs], [v.type for v in node.outputs]
    overlap = in_place(node, Overlap(exact=True, forward=0 if node.op.in_order else None))
    return [Schedule("generic", node.op.lower, scratch=node.op.scratches(inputs, outputs), overlap=overlap)]
