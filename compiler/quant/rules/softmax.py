"""Softmax of 8-bit numbers becomes fixed-point arithmetic."""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node
from compiler.ops.integer_arithmetic import Factor
from compiler.ops.quantize import Quantize
from compiler.ops.softmax import Softmax
from compiler.ops.softmax_integer import LONGEST, SoftmaxInteger, difference_scale
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.rules.pattern import stored, target


@rule(Quantize, effect="computed in fixed point")
def integer_softmax(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(Softmax(Dequantize(x)))  becomes  SoftmaxInteger(x); of scales other than 1/256 by a factor."""
    found = target(g, node, Softmax)
    if isinstance(found, Skip):
        return found
    op, x = found.node.op, stored(g, found.node.inputs[0], SoftmaxInteger.dtypes)
    assert isinstance(op, Softmax)
    if x is None or op.log:
        return Skip("it is a logarithm, or the operand has no 8-bit numbers with one scale")
    if x.value.shape[op.axis] > LONGEST:
        return Skip(f"it is over more than {LONGEST} numbers")
    scale, reach = difference_scale(x.scale)
    if scale.shift < 0 or reach < 1:
        return Skip("the scale of the operand is out of range")
    plain = found.scale == 1 / 256 and found.to != "int16"
    factor = None if plain else Factor.of(2.0**-16 / found.scale)
    made = SoftmaxInteger(
        op.axis, scale, reach, 8 if plain else 16, factor, found.to, found.zero, found.low, found.high
    )
    node = replace(node, op=made, inputs=(x.value,), sources=merged(node, *found.replaced))
    return Swap(nodes=(node,), removed=found.replaced)


BEFORE_FUSION: tuple[Rule, ...] = (integer_softmax,)
