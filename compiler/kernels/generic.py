"""The operator's own loops: right for every shape and layout, tuned for none."""

from __future__ import annotations

from compiler.graph.graph import Node
from compiler.graph.types import Layout
from compiler.kernels.base import Overlap, Schedule, Situation, in_place


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    inputs, outputs = [None if v is None else v.type for v in node.inputs], [v.type for v in node.outputs]
    overlap = in_place(node, Overlap(exact=True, forward=0 if _upwards(node) else None))
    return [Schedule("generic", node.op.lower, scratch=node.op.scratches(inputs, outputs), overlap=overlap)]


def _upwards(node: Node) -> bool:
    """Do the loops write the result from the first element in memory to the last? Windows go pixel by pixel."""
    y = node.output.type
    pixels = node.op.layout_rule != "channels_last" or y.layout.same_memory(Layout.channels_last(y.rank), y.shape)
    return node.op.in_order and pixels
