"""Products of two quantised matrices that are computed at run time become integer products."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.dense import MatMul
from compiler.ops.elementwise import Map, Step
from compiler.ops.product_integer import ProductInteger
from compiler.ops.quantize import Quantize
from compiler.ops.requantize import Requantize
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.fixed_point import quantize_multiplier
from compiler.quant.real import constant, dequantized
from compiler.quant.rules.pattern import Stored, fits, stored, target


@rule(Quantize, effect="multiplied as integers")
def integer_product(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(Dequantize(a) @ Dequantize(b))  becomes  an integer product with a Requantize in its tail."""
    found = target(g, node, MatMul)
    if isinstance(found, Skip):
        return found
    operands = _operands(g, found.node)
    if isinstance(operands, Skip):
        return operands
    a, b = operands
    largest = a.value.shape[-1] * 2.0 ** (8 * (a.value.type.itemsize + b.value.type.itemsize))
    if not fits(_scale(a, b) / found.scale, largest):
        return Skip("the scales are too far apart")
    multiplier, shift = quantize_multiplier(_scale(a, b) / found.scale)
    m, first = constant(f"{node.output.name}:multiplier", np.asarray(multiplier, np.int32))
    s, second = constant(f"{node.output.name}:shift", np.asarray(shift, np.int32))
    tail = Map(3, (Step(Requantize(found.to, found.zero, found.low, found.high), (0, 1, 2)),))
    op = ProductInteger(a.zero, b.zero, tail)
    made = replace(node, op=op, inputs=(a.value, b.value, m, s), sources=merged(node, *found.replaced))
    return Swap(nodes=(made,), constants=first | second, removed=found.replaced)


@rule(MatMul, effect="multiplied as integers")
def real_product_of_integers(g: Graph, node: Node) -> Swap | Skip:
    """Dequantize(a) @ Dequantize(b), whose result stays real, becomes Dequantize(integer product)."""
    operands = _operands(g, node)
    if isinstance(operands, Skip):
        return operands
    a, b = operands
    y, op = node.output, ProductInteger(a.zero, b.zero)
    sums = Value(f"{y.name}:sums", op.infer(a.value.type, b.value.type))
    scale = np.asarray(_scale(a, b), np.float64)
    behind, constants = dequantized(sums, scale, np.zeros(()), y, node.sources, node.equals[0])
    product = replace(node, op=op, inputs=(a.value, b.value), outputs=(sums,), equals=("",))
    return Swap(nodes=(product, behind), constants=constants)


def _operands(g: Graph, node: Node) -> tuple[Stored, Stored] | Skip:
    a, b = (stored(g, v) for v in node.inputs)
    if a is None or b is None:
        return Skip("an operand has no integers with one scale")
    return a, b


def _scale(a: Stored, b: Stored) -> float:
    """Of the sums, in float32, as TensorFlow Lite multiplies the scales of whole tensors."""
    return float(np.float32(a.scale) * np.float32(b.scale))


BEFORE_FUSION: tuple[Rule, ...] = (integer_product, real_product_of_integers)
