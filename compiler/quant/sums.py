"""Products of quantised tensors become sums of integers, and the sums are made 8 bits again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType
from compiler.ops.activations import Clip, Relu
from compiler.ops.arithmetic import Add, Div, Mul
from compiler.ops.conv import INTEGER_INPUTS, INTEGER_WEIGHTS, Conv, result_type
from compiler.ops.dense import Dense, MatMul
from compiler.ops.quantize import Quantize
from compiler.ops.requantize import SUMS, Requantize
from compiler.ops.shaping import Identity
from compiler.passes.rule import Skip, Swap, merged, rule
from compiler.quant.fixed_point import quantize_multipliers
from compiler.quant.real import Real, constant, dequantized, grid, numbers, real


@rule(Conv, Dense, MatMul, effect="computed with integers")
def integer_sums(g: Graph, node: Node) -> Swap | Skip:
    """op(Dequantize(x), Dequantize(w), bias)  becomes  Dequantize(op(x, w, integer bias))."""
    op = node.op
    assert isinstance(op, (Conv, Dense, MatMul))
    x, w = real(g, node.inputs[0]), real(g, node.inputs[1])
    if x is None or w is None or x.stored.type.dtype not in INTEGER_INPUTS:
        return Skip("an operand is not quantised to 8 or 16 bits")
    if isinstance(op, (Conv, Dense)) and op.tail is not None:
        return Skip("something is fused behind it")
    stored = g.constant(w.stored)
    if stored is None or not x.per_tensor:
        return Skip("the weights are not constant, or the operand has several scales")
    if isinstance(op, MatMul):
        if stored.ndim != 2 or x.stored.type.rank < 2:
            return Skip("the second operand is no matrix")
        stored, w = stored.T, replace(w, scale=_turned(w.scale), zero=_turned(w.zero))
    found = _channels(w, stored)
    if found is None:
        return Skip("the scales of the weights are not one for each output channel")
    scales, weights = found
    float_sums = float(np.float32(x.one_scale) * np.float32(scales[0])) if scales.size == 1 else 0.0
    # TensorFlow Lite multiplies the scales of a whole tensor in float32 for dense layers, all others in float64.
    dense = not isinstance(op, Conv)
    factor = np.array([float_sums]) if dense and scales.size == 1 else x.one_scale * scales
    sums = result_type(x.stored.type)
    bias = bias_in_sums(g, node.inputs[2] if len(node.inputs) > 2 else None, factor, weights.shape[0])
    if isinstance(bias, str):
        return Skip(bias)
    padded = isinstance(op, Conv) and any(op.pads)
    if x.one_zero and not padded:
        moved = x.one_zero * weights.reshape(weights.shape[0], -1).astype(np.int64).sum(axis=1)
        bias = (0 if bias is None else bias) - moved
    if bias is not None and sums == "int32" and (np.abs(bias) >= 2**31).any():
        return Skip("the bias does not fit into 32 bits")
    y = node.output
    wv, constants = constant(f"{y.name}:w", weights)
    if sums == "int32" and _largest(x.stored.type.dtype, weights, bias) >= 2**31:
        return Skip("the sums may not fit into 32 bits")
    bv: Value | None = None
    if bias is not None:
        bv, more = constant(f"{y.name}:b", bias.astype(sums))
        constants |= more
    integer = replace(op, zero=x.one_zero if padded else 0) if isinstance(op, Conv) else Dense()
    acc = Value(f"{y.name}:sums", TensorType.of(sums, y.shape))
    product = Node(integer, (x.stored, wv, bv), (acc,), acc.name, node.sources, ("",))
    axis = 1 if isinstance(op, Conv) else -1
    behind, more = dequantized(acc, _along(factor, y.type.rank, axis), np.zeros(()), y, node.sources, node.equals[0])
    return Swap(nodes=(product, behind), constants=constants | more)


def _largest(dtype: str, weights: Array, bias: Array | None) -> int:
    """No sum of products is further from zero: the operand's integers, less its zero point, span 8 bits."""
    reach = np.iinfo(dtype).max - int(np.iinfo(dtype).min)
    each = np.abs(weights.reshape(weights.shape[0], -1).astype(np.int64)).sum(axis=1) * reach
    return int((each + (0 if bias is None else np.abs(bias))).max(initial=0))


def _turned(array: Array) -> Array:
    return array.T if array.ndim == 2 else array


def _channels(w: Real, stored: Array) -> tuple[Array, Array] | None:
    """One scale for each output channel (the first axis) or for all, and the weights without their zero point."""
    for each in (w.scale, w.zero):
        if each.size != 1 and each.shape != (stored.shape[0], *[1] * (stored.ndim - 1)):
            return None
    scales = w.scale.reshape(-1)
    if scales.size and (scales == scales[0]).all():
        scales = scales[:1]
    weights = centred(stored, w.zero if w.zero.size > 1 else w.zero.reshape(()))
    return None if weights is None else (scales, weights)


def centred(stored: Array, zero: Array) -> Array | None:
    """Weights without their zero point, in the smallest type that holds them; None: there is none."""
    if not zero.any() and str(stored.dtype) in INTEGER_WEIGHTS:
        return stored
    moved = stored.astype(np.int64) - zero
    for dtype in ("int8", "int16"):
        info = np.iinfo(dtype)
        if moved.size == 0 or (info.min <= moved.min() and moved.max() <= info.max):
            return moved.astype(dtype)
    return None


def bias_in_sums(g: Graph, value: Value | None, factor: Array, outputs: int) -> Array | str | None:
    """The bias in units of the sums, or why there is none."""
    if value is None:
        return None
    known = numbers(g, value)
    if known is None:
        return "the bias is computed at run time"
    with np.errstate(all="ignore"):
        return _whole(np.broadcast_to(known.reshape(-1), (outputs,)) / factor)


def _whole(x: Array) -> Array | str:
    rounded = np.rint(x)
    if not np.isfinite(x).all() or (np.abs(rounded) >= 2.0**62).any():
        return "the bias is too large for the sums"
    return rounded.astype(np.int64)


def _along(array: Array, rank: int, axis: int) -> Array:
    """Numbers for an axis, in a shape that broadcasts from it; one number as a scalar."""
    if array.size == 1:
        return array.reshape(())
    return array.reshape(-1, *[1] * (rank - 1 - axis % rank))


@rule(Mul, Div, effect="part of the scale of integer sums")
def factor_into_sums(g: Graph, node: Node) -> Swap | Skip:
    """Dequantize(sums) * constant, or / constant  becomes  Dequantize(sums) with another scale."""
    for place in (0, 1) if isinstance(node.op, Mul) else (0,):
        sums, factor = real(g, node.inputs[place]), g.constant(node.inputs[1 - place])
        if sums is None or factor is None or sums.stored.type.dtype not in SUMS or sums.zero.any():
            continue
        if factor.size != 1 or not 0 < float(factor.reshape(-1)[0]) < np.inf or node.output.shape != sums.stored.shape:
            return Skip("it is not one positive number")
        if g.only_reader(sums.node.output) is None:
            return Skip("the sums have a second reader")
        by = float(factor.reshape(-1)[0])
        scale = sums.scale * by if isinstance(node.op, Mul) else sums.scale / by
        behind, constants = dequantized(sums.stored, scale, np.zeros(()), node.output, node.sources, node.equals[0])
        return Swap(nodes=(behind,), constants=constants, removed=(sums.node,))
    return Skip("no operand is a dequantised sum, or the other is computed at run time")


@rule(Add, effect="added to the integer sums")
def bias_into_sums(g: Graph, node: Node) -> Swap | Skip:
    """Dequantize(sums) + constant  becomes  Dequantize(sums with a bias)."""
    for place in (0, 1):
        sums, other = real(g, node.inputs[place]), node.inputs[1 - place]
        product = g.producer(sums.stored) if sums else None
        if sums is None or product is None or not isinstance(product.op, (Conv, Dense)) or product.op.tail:
            continue
        if g.only_reader(sums.stored) is None or g.only_reader(sums.node.output) is None:
            return Skip("the sums have a second reader")
        rank = node.output.type.rank
        axis = 1 if isinstance(product.op, Conv) else rank - 1
        if other is None or sums.stored.shape != node.output.shape:
            continue
        wide = (*[1] * (rank - other.type.rank), *other.shape)
        if len(wide) != rank or any(n != 1 and a != axis for a, n in enumerate(wide)):
            return Skip("the constant is not one number for each channel")
        outputs = product.value(1).shape[0]
        added = bias_in_sums(g, other, sums.scale.reshape(-1), outputs)
        if added is None or isinstance(added, str):
            return Skip(str(added))
        before = g.constant(product.inputs[2])
        total = added if before is None else added + before.astype(np.int64)
        if sums.stored.type.dtype == "int32" and (np.abs(total) >= 2**31).any():
            return Skip("the bias does not fit into 32 bits")
        bias, constants = constant(f"{node.output.name}:b", total.astype(sums.stored.type.dtype))
        merged_product = replace(product, inputs=(*product.inputs[:2], bias), sources=merged(node, product))
        behind = replace(sums.node, outputs=node.outputs, equals=node.equals)
        return Swap(nodes=(merged_product, behind), constants=constants, removed=(product, sums.node))
    return Skip("no operand is a dequantised sum")


@rule(Quantize, effect="rounded with integers")
def requantize_sums(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(clamp(Dequantize(sums)))  becomes  Requantize(sums), whose bounds are the clamp's."""
    target = grid(g, node)
    if target is None:
        return Skip("not one constant scale and zero point")
    low, high, removed, x = -np.inf, np.inf, [], node.value(0)
    while (before := g.producer(x)) is not None and isinstance(before.op, (Relu, Clip, Identity)):
        if g.only_reader(x) is None:
            return Skip("the tensor before has a second reader")
        bounds = (0.0, np.inf) if isinstance(before.op, Relu) else (-np.inf, np.inf)
        if isinstance(before.op, Clip):
            bounds = (before.op.low, before.op.high)
        # the clamps seen so far come later: they decide
        low, high = (min(max(b, low), high) for b in bounds)
        removed.append(before)
        x = before.value(0)
    sums = real(g, x)
    if sums is None or sums.stored.type.dtype not in SUMS or sums.zero.any():
        return Skip("no sums of integers before it")
    if removed and g.only_reader(x) is None:
        return Skip("the sums have a second reader")
    factors = sums.scale / target.scale
    if not (factors >= 0).all():
        return Skip("a scale is negative")
    multiplier, shift = quantize_multipliers(factors)
    if (shift > 30).any():
        return Skip("a scale is out of range")
    op = Requantize(
        target.to,
        target.zero,
        target.nearest(low),
        target.nearest(high),
    )
    name = node.output.name
    m, first = constant(f"{name}:multiplier", multiplier)
    s, second = constant(f"{name}:shift", shift)
    gone = tuple(n for n in (*removed, sums.node) if g.only_reader(n.output) is not None)
    made = replace(node, op=op, inputs=(sums.stored, m, s), sources=merged(node, sums.node, *reversed(removed)))
    return Swap(nodes=(made,), constants=first | second, removed=gone)
