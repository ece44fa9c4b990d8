"""A quantiser that uses less than all of a type clamps what it has rounded: the rounding clamps already."""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node
from compiler.ops.arithmetic import Max, Min
from compiler.ops.requantize import Requantize
from compiler.passes.rule import Rule, Skip, Swap, merged, rule


@rule(Max, Min, effect="a bound of the rounding before it")
def bounds_of_requantize(g: Graph, node: Node) -> Swap | Skip:
    """Max(Requantize(sums), constant)  becomes  Requantize(sums) with a bound."""
    for place in (0, 1):
        before, bound = g.producer(node.value(place)), g.constant(node.value(1 - place))
        if before is None or bound is None or not isinstance(before.op, Requantize):
            continue
        if bound.size != 1 or node.output.shape != before.output.shape or g.only_reader(before.output) is None:
            return Skip("not one bound, or the rounded sums have a second reader")
        low, high, to = before.op.low, before.op.high, int(bound.reshape(-1)[0])
        if isinstance(node.op, Max):
            low, high = max(low, to), max(high, to)
        else:
            low, high = min(low, to), min(high, to)
        made = replace(
            node, op=replace(before.op, low=low, high=high), inputs=before.inputs, sources=merged(node, before)
        )
        return Swap(nodes=(made,), removed=(before,))
    return Skip("no operand is a rounded sum")


BEFORE_FUSION: tuple[Rule, ...] = (bounds_of_requantize,)
