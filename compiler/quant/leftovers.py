"""What stays between integers and floats: weights that alone are integers, and constants that float operators read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import TensorType
from compiler.ops.arithmetic import Add, Mul
from compiler.ops.conv import INTEGER_WEIGHTS, Conv
from compiler.ops.dense import Dense, MatMul
from compiler.ops.elementwise import Map, Step
from compiler.ops.quantize import Dequantize
from compiler.passes.rule import Skip, Swap, rule
from compiler.quant.real import constant, real


@rule(MatMul, effect="with constant weights")
def dense_of_constants(g: Graph, node: Node) -> Swap | Skip:
    """x @ constant matrix  is a dense layer."""
    w = g.constant(node.inputs[1])
    if w is None or w.ndim != 2 or node.value(0).type.dtype != node.value(1).type.dtype:
        return Skip("the second operand is no constant matrix")
    turned, constants = constant(f"{node.output.name}:w", np.ascontiguousarray(w.T))
    return Swap(nodes=(replace(node, op=Dense(), inputs=(node.inputs[0], turned, None)),), constants=constants)


@rule(Conv, Dense, effect="keeps its weights as integers")
def integer_weights(g: Graph, node: Node) -> Swap | Skip:
    """op(x, Dequantize(w), bias)  becomes  op(x, w) * scale + bias with float x."""
    op = node.op
    assert isinstance(op, (Conv, Dense))
    w = real(g, node.inputs[1])
    if w is None or op.tail is not None or node.value(0).type.dtype != "float32":
        return Skip("the weights are not quantised, or something is fused behind it")
    stored = g.constant(w.stored)
    each = (w.stored.shape[0], *[1] * (w.stored.type.rank - 1))
    if stored is None or str(stored.dtype) not in INTEGER_WEIGHTS or w.zero.any() or w.scale.shape not in ((), each):
        return Skip("the weights are not constant, have a zero point, or several scales for a channel")
    y, rank = node.output, node.output.type.rank
    channel = (-1, *[1] * (rank - 2)) if isinstance(op, Conv) else (-1,)
    scale, constants = constant(
        f"{y.name}:scale", w.scale.astype(np.float32).reshape(channel if w.scale.size > 1 else ())
    )
    operands = [scale]
    if node.inputs[2] is not None:
        known = g.constant(node.inputs[2])
        if known is None and (b := real(g, node.inputs[2])) is not None and (whole := g.constant(b.stored)) is not None:
            known = ((whole.astype(np.int64) - b.zero) * b.scale).astype(np.float32)
        if known is None:
            return Skip("the bias is computed at run time")
        bias, more = constant(f"{y.name}:bias", known.reshape(channel))
        constants |= more
        operands.append(bias)
    scaled = Step(Mul(), (0, 1))
    steps = (scaled,) if len(operands) == 1 else (scaled, Step(Add(), (3, 2)))
    tail = Map(1 + len(operands), steps)
    inputs = (node.inputs[0], w.stored, None, *operands)
    return Swap(nodes=(replace(node, op=replace(op, tail=tail), inputs=inputs),), constants=constants)


@rule(Dequantize, effect="computed at compile time")
def dequantize_constants(g: Graph, node: Node) -> Swap | Skip:
    """A constant that nothing reads as integers is a float constant."""
    known = [g.constant(v) for v in node.inputs]
    if any(a is None for a in known):
        return Skip("it is computed at run time")
    if g.is_output(node.output):
        return Skip("an output must be a tensor of its own")
    array = np.asarray(node.op.reference(*known)).astype(node.output.type.dtype).reshape(node.output.shape)
    value = Value(node.output.name, TensorType.of(node.output.type.dtype, node.output.shape))
    return Swap(constants={value.name: array}, alias={node.output.name: value})


@rule(Dequantize, effect="got float32 scales")
def scales_of_sums(g: Graph, node: Node) -> Swap | Skip:
    """Scales are kept in float64 only until multipliers are made of them."""
    scale = g.constant(node.inputs[1])
    if scale is None or scale.dtype != np.float64 or node.op.to != "float32":  # type: ignore[attr-defined]
        return Skip("it has float32 scales")
    value, constants = constant(f"{node.output.name}:scale32", scale.astype(np.float32))
    return Swap(nodes=(replace(node, inputs=(node.inputs[0], value, node.inputs[2])),), constants=constants)
