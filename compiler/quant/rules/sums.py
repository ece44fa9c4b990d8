"""Means and sums of quantised tensors, over windows or along axes, become integer operators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.activations import Clip
from compiler.ops.elementwise import Map, Step
from compiler.ops.pool import AveragePool
from compiler.ops.quantize import Quantize
from compiler.ops.reduce import Reduce
from compiler.ops.requantize import Requantize
from compiler.ops.sum_integer import SumInteger, SumPool
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.fixed_point import quantize_multiplier
from compiler.quant.real import constant
from compiler.quant.rules.pattern import Stored, Target, fits, stored, target


@rule(Quantize, effect="averaged with integers")
def integer_pool(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(AveragePool(Dequantize(x)))  becomes  an AveragePool of integers; other scales are put on sums."""
    found = target(g, node, AveragePool)
    if isinstance(found, Skip):
        return found
    pool, x = found.node.op, stored(g, found.node.inputs[0])
    assert isinstance(pool, AveragePool)
    if x is None or pool.tail is not None:
        return Skip("the operand has no integers with one scale, or something is fused behind the pool")
    counts = pool.counts(x.value.shape)
    if any((c == 0).any() for c in counts):
        return Skip("a window lies in the padding alone")
    same = (x.scale, x.zero, x.value.type.dtype) == (found.scale, found.zero, found.to)
    if same and (x.zero == 0 or not pool.include_pad):
        tail = Map(1, (Step(Clip(float(found.low), float(found.high)), (0,)),)) if found.bounded else None
        made = replace(node, op=replace(pool, tail=tail), inputs=(x.value,), sources=merged(node, *found.replaced))
        return Swap(nodes=(made,), removed=found.replaced)
    sums = SumPool(pool.kernel, pool.strides, pool.pads, pool.dilations, pool.ceil, zero=x.zero)
    return _rescaled(node, sums, x, found, _product(counts, x.value.type.rank))


@rule(Quantize, effect="added up with integers")
def integer_reduction(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(mean or sum of Dequantize(x))  becomes  sums of integers and one factor."""
    found = target(g, node, Reduce)
    if isinstance(found, Skip):
        return found
    op, x = found.node.op, stored(g, found.node.inputs[0])
    assert isinstance(op, Reduce)
    if x is None or op.kind not in ("mean", "sum"):
        return Skip("it is neither mean nor sum, or the operand has no integers with one scale")
    shape, rank = x.value.shape, x.value.type.rank
    count = int(np.prod([shape[a] for a in op.axes], dtype=np.int64))
    if not count:
        return Skip("the mean of nothing")
    spatial = tuple(range(2, rank))
    sums: SumPool | SumInteger = SumInteger(op.axes, x.zero)
    if rank > 2 and op.axes == spatial:  # channels lie side by side there
        n = len(spatial)
        sums = SumPool(shape[2:], (1,) * n, (0,) * (2 * n), (1,) * n, zero=x.zero)
    if op.kind == "sum":
        return _rescaled(node, sums, x, found, np.array(1), count)
    return _rescaled(node, sums, x, found, np.array(count))


def _product(counts: list[Array], rank: int) -> Array:
    """How many numbers each window has: one number, or (1, 1, spatial...)."""
    total = np.ones((), np.int64)
    for a, each in enumerate(counts):
        total = total * each.reshape([-1 if i == a + 2 else 1 for i in range(rank)])
    return total if total.size and (total != total.flat[0]).any() else total.reshape(-1)[:1].reshape(())


def _rescaled(
    node: Node, sums: SumPool | SumInteger, x: Stored, to: Target, counts: Array, summands: int = 1
) -> Swap | Skip:
    """The sums, of so many times `counts` numbers, with a Requantize in their tail."""
    if not fits(x.scale / to.scale, 2.0 ** (8 * x.value.type.itemsize) * summands):
        return Skip("the scales are too far apart")
    pairs = [divided(x.scale / to.scale, int(n)) for n in counts.reshape(-1)]
    multiplier, shift = (np.array([p[i] for p in pairs], np.int32).reshape(counts.shape) for i in (0, 1))
    name = node.output.name
    m, first = constant(f"{name}:multiplier", multiplier)
    s, second = constant(f"{name}:shift", shift)
    tail = Map(3, (Step(Requantize(to.to, to.zero, to.low, to.high), (0, 1, 2)),))
    inputs: tuple[Value, ...] = (x.value, m, s)
    made = replace(node, op=replace(sums, tail=tail), inputs=inputs, sources=merged(node, *to.replaced))
    return Swap(nodes=(made,), constants=first | second, removed=to.replaced)


def divided(real: float, count: int) -> tuple[int, int]:
    """Multiplier and shift of real / count, as TensorFlow Lite makes them (`QuantizedMeanOrSum`): the multiplier of
    `real` is divided as a whole number, after a shift that keeps its bits."""
    multiplier, shift = quantize_multiplier(real)
    if count == 1:
        return multiplier, shift
    more = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << more) // count, shift - more


BEFORE_FUSION: tuple[Rule, ...] = (integer_pool, integer_reduction)
