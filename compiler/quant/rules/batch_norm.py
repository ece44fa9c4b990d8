"""A batch norm that stands alone between quantised tensors: one factor and one bias for each channel, in integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.ops.conv import Conv, result_type
from compiler.ops.elementwise import Map, Step
from compiler.ops.normalize import BatchNorm
from compiler.ops.quantize import Quantize
from compiler.ops.requantize import Requantize
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.fixed_point import quantize_multipliers
from compiler.quant.real import constant, numbers
from compiler.quant.rules.pattern import stored, target

UNIT = 127  # the weight that stands for 1: a bias has so many times finer steps than the operand


@rule(Quantize, effect="normalised with integers")
def integer_batch_norm(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(BatchNorm(Dequantize(x)))  becomes  a depthwise convolution of one tap, with a bias."""
    found = target(g, node, BatchNorm)
    if isinstance(found, Skip):
        return found
    op, x = found.node.op, stored(g, found.node.inputs[0])
    assert isinstance(op, BatchNorm)
    known = [a for v in found.node.inputs[1:] if (a := numbers(g, v)) is not None]
    if x is None or x.value.type.rank < 3 or len(known) != 4:
        return Skip("the operand has no integers with one scale, or the statistics are computed at run time")
    scale, shift, mean, variance = known
    gain = scale / np.sqrt(variance + op.eps)
    rank, channels = x.value.type.rank, x.value.shape[1]
    if not np.isfinite(gain).all() or (gain == 0).any():
        return Skip("a channel has no factor")
    weights = np.where(gain > 0, UNIT, -UNIT).astype(np.int8)
    factors = x.scale * np.abs(gain) / UNIT
    bias = np.rint((shift - mean * gain) / factors) - x.zero * weights.astype(np.float64)
    multiplier, exponent = quantize_multipliers((factors / found.scale).reshape(-1, *[1] * (rank - 2)))
    if (np.abs(bias) >= 2.0**30).any() or (exponent > 30).any():
        return Skip("a bias does not fit into 32 bits")
    name, n = node.output.name, rank - 2
    w, constants = constant(f"{name}:w", weights.reshape(channels, 1, *[1] * n))
    b, more = constant(f"{name}:b", bias.astype(result_type(x.value.type)))
    constants |= more
    m, more = constant(f"{name}:multiplier", multiplier)
    constants |= more
    s, more = constant(f"{name}:shift", exponent)
    constants |= more
    tail = Map(3, (Step(Requantize(found.to, found.zero, found.low, found.high), (0, 1, 2)),))
    conv = Conv((1,) * n, (0,) * (2 * n), (1,) * n, channels, tail)
    made = replace(node, op=conv, inputs=(x.value, w, b, m, s), sources=merged(node, *found.replaced))
    return Swap(nodes=(made,), constants=constants, removed=found.replaced)


BEFORE_FUSION: tuple[Rule, ...] = (integer_batch_norm,)
