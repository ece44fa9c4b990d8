"""Resizing quantised images by interpolation becomes arithmetic on integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.integer_arithmetic import Factor
from compiler.ops.quantize import Quantize
from compiler.ops.resample_integer import BITS, ResampleInteger, whole_weights
from compiler.ops.resize import Resample
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.real import constant
from compiler.quant.rules.pattern import fits, stored, target

_MOST = 3.9  # of the absolute weights' sum: 255 * 2**20 * 3.9 < 2**30


@rule(Quantize, effect="interpolated with integers")
def integer_resize(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(Resample(Dequantize(x)))  becomes  ResampleInteger(x). (Resizing to the nearest moves integers.)"""
    found = target(g, node, Resample)
    if isinstance(found, Skip):
        return found
    op, x = found.node.op, stored(g, found.node.inputs[0], ResampleInteger.dtypes)
    assert isinstance(op, Resample)
    if x is None or not op.weighted or not 1 <= len(op.axes) <= 2:
        return Skip("the operand has no 8-bit numbers with one scale, or more than two axes are resized")
    tables: list[Value] = []
    constants: dict[str, Array] = {}
    reach = 1.0
    for i, value in enumerate(found.node.inputs[1:]):
        array = g.constant(value)
        if array is None or value is None:
            return Skip("a table is not constant")
        if i % 2 == 0:
            tables.append(value)
            continue
        reach *= float(np.abs(array).sum(axis=1).max(initial=0.0))
        made, more = constant(f"{node.output.name}:weights{i // 2}", whole_weights(array))
        tables.append(made)
        constants |= more
    if not fits(x.scale / found.scale, 256 * reach):
        return Skip("the scales are too far apart")
    if reach > _MOST:
        return Skip("the weights are too large for 32 bits")
    if (x.scale, x.zero, x.value.type.dtype) == (found.scale, found.zero, found.to) and reach < 1.01:
        integer = ResampleInteger(op.axes, to=found.to, low=found.low, high=found.high)
    else:
        factor = Factor.of(x.scale / found.scale / 2.0 ** (BITS * len(op.axes)))
        integer = ResampleInteger(op.axes, x.zero, factor, found.to, found.zero, found.low, found.high)
    made_node = replace(node, op=integer, inputs=(x.value, *tables), sources=merged(node, *found.replaced))
    return Swap(nodes=(made_node,), constants=constants, removed=found.replaced)


BEFORE_FUSION: tuple[Rule, ...] = (integer_resize,)
