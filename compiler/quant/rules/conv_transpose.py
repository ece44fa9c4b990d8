"""Transposed convolutions of quantised tensors, with the rounding of their sums in one step.

Which taps reach a result depends on where it lies, so the zero point stays an attribute of the operator; only then the
bias is the layer's own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.conv import result_type
from compiler.ops.conv_transpose import ConvTranspose
from compiler.ops.elementwise import Map, Step
from compiler.ops.quantize import Quantize
from compiler.ops.requantize import Requantize
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.fixed_point import quantize_multipliers
from compiler.quant.real import constant, real
from compiler.quant.rules.pattern import stored, target
from compiler.quant.sums import bias_in_sums, centred


@rule(Quantize, effect="computed with integers")
def integer_conv_transpose(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(ConvTranspose(Dequantize(x), Dequantize(w), bias))  becomes  one ConvTranspose of integers."""
    found = target(g, node, ConvTranspose)
    if isinstance(found, Skip):
        return found
    op, layer = found.node.op, found.node
    assert isinstance(op, ConvTranspose)
    x, w = stored(g, layer.inputs[0]), real(g, layer.inputs[1])
    whole = None if w is None else g.constant(w.stored)
    if op.tail is not None or x is None or w is None or whole is None:
        return Skip("the operands are not both quantised, or something is fused behind it")
    each = (1, whole.shape[1], *[1] * (whole.ndim - 2))
    if any(a.size > 1 and a.shape != each for a in (w.scale, w.zero)) or (weights := centred(whole, w.zero)) is None:
        return Skip("the weights have several scales for a channel, or no type that holds them without a zero point")
    scales = w.scale.reshape(-1)
    outputs = whole.shape[1] * op.groups
    per_output = np.tile(scales, op.groups) if scales.size > 1 else scales  # groups share the scales along axis 1
    factors = x.scale * per_output
    sums = result_type(x.value.type)
    bias = bias_in_sums(g, layer.inputs[2], factors, outputs)
    if isinstance(bias, str):
        return Skip(bias)
    if bias is not None and sums == "int32" and (np.abs(bias) >= 2**31).any():
        return Skip("the bias does not fit into 32 bits")
    multiplier, shift = quantize_multipliers((factors / found.scale).reshape(-1, *[1] * (whole.ndim - 2)))
    if scales.size == 1:
        multiplier, shift = multiplier.reshape(()), shift.reshape(())
    name = node.output.name
    wv, constants = constant(f"{name}:w", weights)
    m, more = constant(f"{name}:multiplier", multiplier)
    constants |= more
    s, more = constant(f"{name}:shift", shift)
    constants |= more
    b: Value | None = None
    if bias is not None:
        b, more = constant(f"{name}:b", bias.astype(sums))
        constants |= more
    tail = Map(3, (Step(Requantize(found.to, found.zero, found.low, found.high), (0, 1, 2)),))
    made = replace(
        node,
        op=replace(op, tail=tail, zero=x.zero),
        inputs=(x.value, wv, b, m, s),
        sources=merged(node, *found.replaced),
    )
    return Swap(nodes=(made,), constants=constants, removed=found.replaced)


BEFORE_FUSION: tuple[Rule, ...] = (integer_conv_transpose,)
