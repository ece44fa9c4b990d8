"""Quantising and dequantising change places with operators that only move data, which then move integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import TensorType
from compiler.ops.base import Op
from compiler.ops.gather import Gather, GatherElements, GatherND
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.pool import MaxPool
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.rearrange import ReverseSequence
from compiler.ops.reduce import Reduce
from compiler.ops.requantize import SUMS
from compiler.ops.resize import Resample
from compiler.ops.select import ArgBest
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.tile import Tile
from compiler.ops.transpose import Copy, Transpose
from compiler.passes.rule import Skip, Swap, rule
from compiler.quant.real import Real, dequantized, grid, real

# The first operand is what they move; scales are positive, so that the largest number stays the largest.
MOVES: tuple[type[Op], ...] = (
    Reshape, Transpose, Identity, Copy, Slice, Tile, Gather, GatherElements, GatherND, ReverseSequence, Pad, Resample,
    MaxPool, Reduce, Concat,
)  # fmt: skip


@rule(Op, effect="dequantises for itself")
def own_dequantize(g: Graph, node: Node) -> Swap | Skip:
    """Every reader of a Dequantize gets one of its own, so that it may become integer by itself."""
    for v in node.present:
        made = g.producer(v)
        if made is None or not isinstance(made.op, Dequantize) or (g.only_reader(v) is not None):
            continue
        if all(r is node for r in g.readers(v)) and not g.is_output(v):
            continue  # one node that reads it twice
        copy = Value(f"{v.name}:{node.output.name}", v.type)
        inputs = tuple(copy if x == v else x for x in node.inputs)
        again = replace(made, outputs=(copy,), name=copy.name, equals=("",))
        return Swap(nodes=(again, replace(node, inputs=inputs)))
    return Skip("no operand is dequantised for others, too")


@rule(*MOVES, effect="moves integers")
def dequantize_later(g: Graph, node: Node) -> Swap | Skip:
    """f(Dequantize(x))  becomes  Dequantize(f(x))."""
    if len(node.outputs) != 1 or getattr(node.op, "tail", None) is not None:
        return Skip("something is fused behind it")
    joined = isinstance(node.op, Concat)
    parts = [real(g, v) for v in (node.inputs if joined else node.inputs[:1])]
    first = parts[0]
    if first is None or any(p is None or (joined and not p.same_grid(first)) for p in parts):
        return Skip("an operand is not dequantised, or from another scale")
    if first.stored.type.dtype in SUMS:
        return Skip("sums are rounded to 8 bits first")
    if isinstance(node.op, (MaxPool, Reduce)) and not (first.scale > 0).all():
        return Skip("the scale is not positive")
    turned, op = _turned(node, first), on_integers(node.op, first.one_zero if first.per_tensor else 0)
    if turned is None or op is None:
        return Skip("the scales do not move along, or it does more than to move")
    inputs = tuple(
        p.stored if p is not None else v
        for p, v in zip([*parts, *[None] * len(node.inputs)], node.inputs, strict=False)
    )
    y = node.output
    types = [None if v is None else v.type for v in inputs]
    inferred = op.infer(*types)
    assert isinstance(inferred, TensorType)
    quant = first.stored.type.quant if first.per_tensor else None
    moved = Value(f"{y.name}:stored", replace(inferred, quant=quant))
    behind, constants = dequantized(moved, turned.scale, turned.zero, y, node.sources, node.equals[0])
    known = [g.constant(v) for v in inputs]
    if all(v is None or a is not None for v, a in zip(inputs, known, strict=True)):
        constants[moved.name] = np.asarray(op.reference(*known))
        return Swap(nodes=(behind,), constants=constants)
    # with its scale, the integer tensor means the very tensor of the source that the Dequantize behind it restores
    mover = replace(node, op=op, inputs=inputs, outputs=(moved,), equals=node.equals if quant is not None else ("",))
    return Swap(nodes=(mover, behind), constants=constants)


def _turned(node: Node, x: Real) -> Real | None:
    """Scale and zero point behind the operator."""
    if x.per_tensor:
        return replace(x, scale=x.scale.reshape(()), zero=x.zero.reshape(()))
    full = x.scale.ndim in (0, x.stored.type.rank) and x.zero.ndim in (0, x.stored.type.rank)
    if isinstance(node.op, Transpose) and full:
        axes = node.op.axes
        scale, zero = (a if a.ndim == 0 else np.transpose(a, axes) for a in (x.scale, x.zero))
        return replace(x, scale=scale, zero=zero)
    return x if isinstance(node.op, (Identity, Copy)) else None


def on_integers(op: Op, zero: int) -> Op | None:
    """The operator for stored numbers, in which `zero` means 0; None when it does more than to move and to compare."""
    match op:
        case Pad(mode="constant"):
            return replace(op, value=float(zero)) if op.value == 0 else None
        case Resample():
            return None if op.weighted else op
        case Reduce():
            return op if op.kind in ("max", "min") else None
    return op


@rule(Quantize, effect="rounded before they are moved")
def quantize_earlier(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(f(x))  becomes  f(Quantize(x)): what follows a convolution is fused into it."""
    mover = g.producer(node.value(0))
    if mover is None or not isinstance(mover.op, MOVES) or isinstance(mover.op, Concat) or len(mover.outputs) != 1:
        return Skip("nothing is moved before it")
    target = grid(g, node)
    if target is None or g.only_reader(node.value(0)) is None:
        return Skip("several scales, or a second reader")
    op = on_integers(mover.op, target.zero)
    if op is None:
        return Skip("it does more than to move")
    if getattr(mover.op, "tail", None) is not None or g.constant(mover.value(0)) is not None:
        return Skip("something is fused behind it, or it is constant")
    before, y = mover.value(0), node.output
    early = Value(f"{y.name}:early", TensorType.of(y.type.dtype, before.shape))
    early = replace(early, type=replace(early.type, quant=y.type.quant))
    quantize = replace(node, inputs=(before, *node.inputs[1:]), outputs=(early,), name=early.name, equals=("",))
    moved = replace(mover, op=op, inputs=(early, *mover.inputs[1:]), outputs=node.outputs, equals=node.equals)
    return Swap(nodes=(quantize, moved), removed=(mover,))


@rule(ArgBest, effect="compares integers")
def arg_best_of_integers(g: Graph, node: Node) -> Swap | Skip:
    """The place of the largest of Dequantize(x)  is that of x."""
    x = real(g, node.value(0))
    if x is None or not x.per_tensor or x.one_scale <= 0:
        return Skip("the operand has no integers with one scale")
    return Swap(nodes=(replace(node, inputs=(x.stored,)),))


@rule(Quantize, effect="removed: the integers are the same")
def same_grid(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(Dequantize(x)) with one scale and zero point is x."""
    x, target = real(g, node.inputs[0]), grid(g, node)
    if x is None or target is None or not x.per_tensor or x.stored.type.dtype != target.to:
        return Skip("not the same type before and after")
    if (np.float32(x.one_scale), x.one_zero) != (np.float32(target.scale), target.zero):
        return Skip("another scale or zero point")
    return Swap(nodes=(replace(node, op=Identity(), inputs=(x.stored,)),))
