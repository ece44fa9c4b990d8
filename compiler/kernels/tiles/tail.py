"""Operands of a fused tail in kernels that store channels side by side, one or several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compiler.graph.graph import Node
from compiler.graph.types import Array, TensorType
from compiler.kernels.tiles.registers import Registers
from compiler.loop.builder import Kernel, Storage, View
from compiler.loop.nodes import F32, Cast, Expr, Splat
from compiler.ops.base import aligned
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map


def all_float32(node: Node, tail: Map | None) -> bool:
    """Are all operands, the result and every step of the tail float32? Vectors are not converted on the way.

    Weights alone may be int8 (their scale is in the tail): see `usable` and `as_floats`.
    """
    weights = node.value(1) if isinstance(node.op, (Conv, Dense)) else None
    others = {v.type.dtype for v in (*node.present, *node.outputs) if v != weights}
    if others != {"float32"} or (weights is not None and weights.type.dtype not in ("float32", "int8")):
        return False
    kinds = ["float32"] * (0 if tail is None else tail.operands)
    for step in () if tail is None else tail.steps:
        kinds.append(step.op.result(*(kinds[i] for i in step.args)))
    return set(kinds) <= {"float32"}


def usable(files: Sequence[Registers], w: Array) -> list[Registers]:
    """The registers for these weights: integers become floats as they are loaded, one at a time."""
    return [f for f in files if f.lanes == 1 or w.dtype == np.float32]


def as_floats(w: View) -> View:
    """Weights as kernels multiply with them."""
    if w.type.is_float:
        return w
    return replace(w, type=F32, storage=Storage(w.type, F32, lambda e: Cast(e, F32), lambda e: Cast(e, w.type)))


def simple_tail(node: Node, fixed: int) -> bool:
    """Do all operands after the first `fixed` lie like the result, or differ along its channels only?"""
    y = node.output.type
    return all(v is None or _whole(v.type, y) or _per_channel(v.type.shape, y.rank) for v in node.inputs[fixed:])


def operand(v: View, y: View, at: Expr, channel: Expr, lanes: int = 1) -> Expr:
    """The operand's elements for the result's element `at`, which belongs to `channel`, and the lanes after it."""
    if v.buffer is None or v.size == 1:
        return v.vector(v.base, 1) if lanes == 1 else Splat(v.at(0), v.type.of_lanes(lanes))
    if v.size == y.size:
        return v.vector(v.base + at, lanes)
    return v.vector(v.base + channel * aligned(v, y.shape)[1], lanes)


def store_row(
    k: Kernel, tail: Map | None, y: View, at: Sequence[Expr], value: Expr, more: Sequence[View], axis: int
) -> None:
    """`y[at] = tail(value, more...)` for a value whose lanes go along `axis`, where y's elements are neighbours."""
    lanes = value.type.lanes
    if tail is not None:
        operands: list[Expr] = []
        for v in more:
            strides = aligned(v, y.shape)
            offset: Expr = sum((a * s for a, s in zip(at, strides, strict=True) if s), start=v.base)
            one = strides[axis] == 0 or v.buffer is None
            operands.append(
                Splat(v.vector(offset, 1), v.type.of_lanes(lanes)) if one and lanes > 1 else v.vector(offset, lanes)
            )
        value = tail.scalar(k, value, *operands)
    k.store(y, tuple(at), value)


def neighbours(node: Node, fixed: int, axis: int) -> bool:
    """Along `axis`, do the result and each operand of the tail lie element by element, or stay the same?"""
    y = node.output.type
    if y.strides[axis] != 1 and y.shape[axis] != 1:
        return False
    axis %= y.rank
    for v in node.inputs[fixed:]:
        if v is not None:
            own = axis - (y.rank - v.type.rank)
            if own >= 0 and v.type.shape[own] != 1 and v.type.strides[own] != 1:
                return False
    return True


def _whole(v: TensorType, y: TensorType) -> bool:
    return (v.shape, v.strides) == (y.shape, y.strides)


def _per_channel(shape: Sequence[int], rank: int) -> bool:
    """Broadcast to `rank` axes, is every axis but the second of length one?"""
    full = (1,) * (rank - len(shape)) + tuple(shape)
    return all(n == 1 for axis, n in enumerate(full) if axis != 1)
