"""Sums, differences and products of two quantised tensors become integer operators."""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node
from compiler.ops.arithmetic import Add, Mul, Sub
from compiler.ops.integer_arithmetic import AddInteger, Factor, IntegerArithmetic, MulInteger
from compiler.ops.quantize import Quantize
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.rules.pattern import Stored, Target, fits, stored, target


@rule(Quantize, effect="computed with integers")
def integer_arithmetic(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(clamp?(Dequantize(x) + Dequantize(y)))  becomes  AddInteger(x, y); - and * alike."""
    found = target(g, node, Add, Sub, Mul)
    if isinstance(found, Skip):
        return found
    operands = [stored(g, v) for v in found.node.inputs]
    x, y = operands
    if x is None or y is None:
        return Skip("an operand has no integers with one scale")
    if not _in_range(x, y, found):
        return Skip("the scales are too far apart")
    op = _product(x, y, found) if isinstance(found.node.op, Mul) else _sum(x, y, found)
    made = replace(node, op=op, inputs=(x.value, y.value), sources=merged(node, *found.replaced))
    return Swap(nodes=(made,), removed=found.replaced)


def _in_range(x: Stored, y: Stored, to: Target) -> bool:
    first, second = (2.0 ** (8 * v.value.type.itemsize) for v in (x, y))
    if isinstance(to.node.op, Mul):
        return fits(x.scale * y.scale / to.scale, first * second)
    return fits(2 * max(x.scale, y.scale) / to.scale, max(first, second))


def _sum(x: Stored, y: Stored, to: Target) -> IntegerArithmetic:
    left = 15 if "int16" in (x.value.type.dtype, y.value.type.dtype) else 20
    twice = 2 * max(x.scale, y.scale)
    return AddInteger(
        x.zero, y.zero, Factor.of(twice / (2**left * to.scale)), to.to, to.zero, to.low, to.high,
        x_factor=Factor.of(x.scale / twice), y_factor=Factor.of(y.scale / twice), left=left,
        subtract=isinstance(to.node.op, Sub),
    )  # fmt: skip


def _product(x: Stored, y: Stored, to: Target) -> IntegerArithmetic:
    factor = Factor.of(x.scale * y.scale / to.scale)
    return MulInteger(x.zero, y.zero, factor, to.to, to.zero, to.low, to.high)


BEFORE_FUSION: tuple[Rule, ...] = (integer_arithmetic,)
