"""Scales and shifts by constants move into the weights of the operator before them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType, fill, is_fill
from compiler.ops.arithmetic import Add, Div, Mul, Sub
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.normalize import BatchNorm
from compiler.passes.rule import Skip, Swap, merged, rule


@rule(BatchNorm, effect="folded into the weights before it")
def fold_batch_norm(g: Graph, node: Node) -> Swap | Skip:
    """Conv or Dense -> BatchNorm  becomes  the same operator with scaled weights and a shifted bias."""
    affine = _batch_norm_affine(g, node)
    return affine if isinstance(affine, Skip) else _fold(g, node, *affine)


@rule(BatchNorm, effect="became a scale and a shift")
def split_batch_norm(g: Graph, node: Node) -> Swap | Skip:
    """A BatchNorm that stands alone becomes Mul and Add, which fuse with their neighbours."""
    affine = _batch_norm_affine(g, node)
    if isinstance(affine, Skip):
        return affine
    x, y = node.value(0), node.output
    shape = (-1, *[1] * (x.type.rank - 2)) if x.type.rank > 1 else (-1,)
    gain, shift = (a.reshape(shape) for a in affine)
    scaled = Value(f"{y.name}:scaled", x.type)
    constants = {f"{y.name}:gain": gain, f"{y.name}:shift": shift}
    g_value, s_value = (Value(k, TensorType.of(str(a.dtype), a.shape)) for k, a in constants.items())
    mul = Node(Mul(), (x, g_value), (scaled,), node.name, node.sources, ("",))
    add = Node(Add(), (scaled, s_value), (y,), node.name, node.sources, node.equals)
    return Swap(nodes=(mul, add), constants=constants)


@rule(Add, Sub, Mul, Div, effect="folded into the weights before it")
def fold_scale_and_shift(g: Graph, node: Node) -> Swap | Skip:
    """Conv or Dense, then + - * / a constant for each channel, becomes the operator with other weights."""
    a, b = node.value(0), node.value(1)
    left = g.constant(a)
    array = left if left is not None else g.constant(b)
    if array is None or (left is not None and g.constant(b) is not None):
        return Skip("neither operand is a constant")
    x = b if left is not None else a
    if left is not None and isinstance(node.op, Div):
        return Skip("a constant is divided by the tensor")
    axis = 1 if isinstance(getattr(g.producer(x), "op", None), Conv) else x.type.rank - 1
    vector = _per_channel(array, x, node.output, axis)
    if vector is None:
        return Skip("the constant is not one number for each channel")
    ones, zeros = np.ones_like(vector), np.zeros_like(vector)
    with np.errstate(all="ignore"):
        match node.op:
            case Add():
                gain, shift = ones, vector
            case Sub():
                gain, shift = (-ones, vector) if left is not None else (ones, -vector)
            case Mul():
                gain, shift = vector, zeros
            case _:
                gain, shift = ones / vector, zeros
    if not (np.isfinite(gain).all() and np.isfinite(shift).all()):
        return Skip("the scale is not finite")
    return _fold(g, node, gain, shift)


def _batch_norm_affine(g: Graph, node: Node) -> tuple[Array, Array] | Skip:
    assert isinstance(node.op, BatchNorm)
    if {v.type.dtype for v in node.present} != {"float32"}:
        return Skip("it is not all float32")
    params = [g.constant(v) for v in node.inputs[1:]]
    if any(p is None for p in params):
        return Skip("a parameter is not a constant")
    gamma, beta, mean, var = (np.asarray(p, np.float64) for p in params)
    gain = gamma / np.sqrt(var + node.op.eps)
    return gain.astype(np.float32), (beta - mean * gain).astype(np.float32)


def _per_channel(array: Array, x: Value, y: Value, axis: int) -> Array | None:
    """The constant as one number for each channel of `x`, when that is what it is."""
    if y.shape != x.shape or not x.shape:
        return None
    shape = (1,) * (x.type.rank - array.ndim) + array.shape
    if any(n != 1 for i, n in enumerate(shape) if i != axis):
        return None
    return np.broadcast_to(array.reshape(-1), (x.shape[axis],)).astype(np.float32)


def _fold(g: Graph, node: Node, gain: Array, shift: Array) -> Swap | Skip:
    """y = gain * producer(x) + shift, with `gain` and `shift` one number for each output channel."""
    x = node.value(0) if g.constant(node.inputs[0]) is None else node.value(1)
    producer = g.producer(x)
    if producer is None or not isinstance(producer.op, (Conv, Dense)):
        return Skip("the input is not produced by a Conv or Dense")
    if x.type.dtype != "float32":
        return Skip("weights of other types than float32 would be rounded")
    if isinstance(node.op, BatchNorm) and isinstance(producer.op, Dense) and x.type.rank != 2:
        return Skip("the channels of the BatchNorm are not those of the Dense")
    if producer.op.tail is not None:
        return Skip("an activation comes between")
    if g.only_reader(x) is None:
        return Skip("the result before it has a second reader")
    w, b = g.constant(producer.inputs[1]), g.constant(producer.inputs[2])
    if w is None or (producer.inputs[2] is not None and b is None):
        return Skip("the weights are not constants")
    y = node.output
    bias = shift if b is None else (b.astype(np.float64) * gain + shift).astype(np.float32)
    constants = {f"{y.name}:w": _scaled(w, gain), f"{y.name}:b": bias}
    w_value, b_value = (Value(k, TensorType.of(str(a.dtype), a.shape)) for k, a in constants.items())
    folded = replace(
        producer,
        inputs=(producer.inputs[0], w_value, b_value),
        outputs=(y,),
        sources=merged(node, producer),
        equals=node.equals,
    )
    return Swap(nodes=(folded,), constants=constants, removed=(producer,))


def _scaled(w: Array, gain: Array) -> Array:
    if (gain == 1).all():
        return w
    if is_fill(w) and (gain == gain[0]).all():
        return fill(w.reshape(-1)[0] * gain[0], "float32", w.shape)
    return w * gain.reshape(-1, *[1] * (w.ndim - 1))
