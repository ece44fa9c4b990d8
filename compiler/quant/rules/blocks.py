"""Weights with a scale for each block of inputs stay integers: one layer that scales block by block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.block_dense import BlockDense
from compiler.ops.conv import INTEGER_WEIGHTS
from compiler.ops.dense import MatMul
from compiler.ops.quantize import Dequantize
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Transpose
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.real import constant


@rule(MatMul, effect="keeps its weights as integers in blocks")
def block_products(g: Graph, node: Node) -> Swap | Skip:
    """x @ Reshape(Dequantize(w in blocks))  becomes  one BlockDense."""
    value, turned = node.value(1), False
    transpose = g.producer(value)
    if transpose is not None and isinstance(transpose.op, Transpose) and transpose.op.axes == (1, 0):
        value, turned = transpose.value(0), True
    joined = g.producer(value)
    opened = g.producer(joined.value(0)) if joined is not None and isinstance(joined.op, Reshape) else None
    if joined is None or opened is None or not isinstance(opened.op, Dequantize) or value.type.rank != 2:
        return Skip("the weights are no matrix in blocks")
    stored, scale, zero = (g.constant(v) for v in opened.inputs)
    x = node.value(0)
    if stored is None or scale is None or zero is None or x.type.dtype != "float32":
        return Skip("the weights or their scales are computed at run time")
    if str(stored.dtype) not in INTEGER_WEIGHTS:
        return Skip("the weights are no small integers")
    if stored.ndim == 2 and turned and value.shape[1] % stored.shape[1] == 0:  # each block is a row
        blocks = (value.shape[0], -1)
        scale, zero = (np.broadcast_to(a, (stored.shape[0], 1)).reshape(*blocks, 1) for a in (scale, zero))
        stored = stored.reshape(*blocks, stored.shape[1])
    if stored.ndim != 3:
        return Skip("the weights are in no blocks")
    # (O, blocks, block) with scales (O, blocks, 1); a matrix (I, O) in blocks lies (blocks, block, O)
    axis = 2 if scale.shape == (*stored.shape[:2], 1) else 1 if scale.shape[1:2] == (1,) else 0
    if (axis == 2) != turned or axis == 0 or scale.shape != _collapsed(stored.shape, axis):
        return Skip("the blocks do not lie along the inputs")
    w, s, z = (a if turned else np.moveaxis(a, 2, 0) for a in (stored, scale, np.broadcast_to(zero, scale.shape)))
    w = w.reshape(w.shape[0], -1)
    s, z = s.reshape(w.shape[0], -1), z.reshape(w.shape[0], -1)
    y = node.output.name
    operands, constants = _constants(y, w, s, z)
    made = replace(
        node, op=BlockDense(w.shape[1] // s.shape[1]), inputs=(x, *operands), sources=merged(node, opened, joined)
    )
    return Swap(nodes=(made,), constants=constants)


def _narrow(w: Array) -> Array:
    """In 4 bits where they suffice: PyTorch keeps such weights in bytes."""
    fits = w.dtype == np.int8 and w.size > 0 and w.min() >= -8 and w.max() <= 7
    return w.astype("int4") if fits else w


def _collapsed(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(1 if a == axis else n for a, n in enumerate(shape))


def _constants(name: str, w: Array, scale: Array, zero: Array) -> tuple[list[Value | None], dict[str, Array]]:
    stored, constants = constant(f"{name}:w", np.ascontiguousarray(_narrow(w)))
    scales, more = constant(f"{name}:scale", np.ascontiguousarray(scale, np.float32))
    constants |= more
    if not zero.astype(np.int64).any():
        return [stored, scales, None], constants
    zeros, more = constant(f"{name}:zero", np.ascontiguousarray(zero.astype(np.float32)))
    return [stored, scales, zeros], constants | more


BEFORE_FUSION: tuple[Rule, ...] = (block_products,)
