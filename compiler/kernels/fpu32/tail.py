"""Operands of a fused tail in kernels that store channels-last: a tensor, one number per channel, or one number."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.graph.graph import Node
from compiler.graph.types import TensorType
from compiler.loop.builder import View
from compiler.loop.nodes import Expr
from compiler.ops.base import aligned


def simple_tail(node: Node, fixed: int) -> bool:
    """Do all operands after the first `fixed` lie like the result, or differ along its channels only?"""
    y = node.output.type
    return all(v is None or _whole(v.type, y) or _per_channel(v.type.shape, y.rank) for v in node.inputs[fixed:])


def operand(v: View, y: View, at: Expr, channel: Expr) -> Expr:
    """The operand's element for the result's element `at`, which belongs to `channel`."""
    if v.buffer is None or v.size == 1:
        return v.at(0)
    if v.size == y.size:
        return v.at(at)
    return v.at(channel * aligned(v, y.shape)[1])


def _whole(v: TensorType, y: TensorType) -> bool:
    return (v.shape, v.strides) == (y.shape, y.strides)


def _per_channel(shape: Sequence[int], rank: int) -> bool:
    """Broadcast to `rank` axes, is every axis but the second of length one?"""
    full = (1,) * (rank - len(shape)) + tuple(shape)
    return all(n == 1 for axis, n in enumerate(full) if axis != 1)
