"""Softmax of 8-bit numbers becomes fixed-point arithmetic."""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node
from compiler.ops.integer_arithmetic import Factor
from compiler.ops.quantize import Quantize
from compiler.ops.softmax import Softmax
from compiler.ops.softmax_integer import LONGEST, SoftmaxInteger, difference_scale
from compiler.ops.softmax_sixteen import LONGEST as LONGEST_SIXTEEN
from compiler.ops.softmax_sixteen import REACH, SoftmaxSixteen, exponentials, reciprocals
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.real import constant
from compiler.quant.rules.pattern import fits, stored, target


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
    if not fits(1 / found.scale, 1):
        return Skip("the scale of the result is out of range")
    plain = found.scale == 1 / 256 and found.to != "int16"
    factor = None if plain else Factor.of(2.0**-16 / found.scale)
    made = SoftmaxInteger(
        op.axis, scale, reach, 8 if plain else 16, factor, found.to, found.zero, found.low, found.high
    )
    node = replace(node, op=made, inputs=(x.value,), sources=merged(node, *found.replaced))
    return Swap(nodes=(node,), removed=found.replaced)


@rule(Quantize, effect="computed by tables")
def softmax_of_sixteen_bits(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(Softmax(Dequantize(x)))  of 16 bits, with steps of 2**-15, becomes  SoftmaxSixteen(x)."""
    found = target(g, node, Softmax)
    if isinstance(found, Skip):
        return found
    op, x = found.node.op, stored(g, found.node.inputs[0], SoftmaxSixteen.dtypes)
    assert isinstance(op, Softmax)
    if x is None or op.log or x.value.shape[op.axis] > LONGEST_SIXTEEN or x.scale > 1:
        return Skip("it is a logarithm, too long, or the operand has no 16-bit numbers with one scale up to 1")
    if (found.to, found.scale, found.zero, found.bounded) != ("int16", 2.0**-15, 0, False):
        return Skip("the result is not 16 bits in steps of 2**-15")
    made = SoftmaxSixteen(op.axis, Factor.of(x.scale / (REACH / 65535.0)))
    name = node.output.name
    powers, first = constant(f"{name}:exponentials", exponentials())
    shares, second = constant(f"{name}:reciprocals", reciprocals())
    node = replace(node, op=made, inputs=(x.value, powers, shares), sources=merged(node, *found.replaced))
    return Swap(nodes=(node,), constants=first | second, removed=found.replaced)


BEFORE_FUSION: tuple[Rule, ...] = (integer_softmax, softmax_of_sixteen_bits)
