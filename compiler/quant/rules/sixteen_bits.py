"""Functions of one 16-bit tensor: another scale is a factor, everything smooth is a table with lines between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.activations import Clip, Relu
from compiler.ops.arithmetic import Sub
from compiler.ops.cast import Convert
from compiler.ops.elementwise import Elementwise, Map, Step
from compiler.ops.interpolate import Interpolate, table_of
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.requantize import Requantize
from compiler.passes.rule import Rule, Skip, Swap, merged, rule
from compiler.quant.fixed_point import quantize_multiplier
from compiler.quant.real import constant, grid
from compiler.quant.rules.pattern import STORED, fits, stored

FARTHEST = 4  # steps between a function and its table; what is further stays real


@rule(Quantize, effect="became a factor")
def rescale_sixteen_bits(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(clamp?(Dequantize(x)))  with 16-bit x  becomes  Requantize(x - zero)."""
    to = grid(g, node)
    if to is None or to.to not in STORED:
        return Skip("the result has not one scale, or no small integer type")
    low, high, between, value = to.low, to.high, [], node.value(0)
    while (before := g.producer(value)) is not None and isinstance(before.op, (Relu, Clip)):
        if g.only_reader(value) is None:
            return Skip("a tensor between has a second reader")
        bounds = (before.op.low, before.op.high) if isinstance(before.op, Clip) else (0.0, np.inf)
        low, high = (min(max(to.nearest(b), low), high) for b in bounds)
        between.append(before)
        value = before.value(0)
    x = stored(g, value, frozenset({"int16"}))
    if x is None:
        return Skip("no 16-bit numbers with one scale come before it")
    if not fits(x.scale / to.scale, 2.0**16):
        return Skip("the scales are too far apart")
    if (x.scale, x.zero, "int16") == (to.scale, to.zero, to.to) and not between:
        return Skip("nothing changes")
    name = node.output.name
    constants: dict[str, Array] = {}
    operands = [x.value]
    for hint, number in zip(
        ("zero", "multiplier", "shift"), (x.zero, *quantize_multiplier(x.scale / to.scale)), strict=True
    ):
        made, more = constant(f"{name}:{hint}", np.asarray(number, np.int32))
        operands.append(made)
        constants |= more
    steps = (
        Step(Convert("int32"), (0,)),
        Step(Sub(), (4, 1)),
        Step(Requantize(to.to, to.zero, low, high), (5, 2, 3)),
    )
    sources = merged(node, *reversed(between))
    swapped = replace(node, op=Map(4, steps), inputs=tuple(operands), sources=sources)
    return Swap(nodes=(swapped,), constants=constants, removed=tuple(between))


@rule(Elementwise, Map, effect="became a table of 513 entries")
def interpolate(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(f(Dequantize(x)))  of 16 bits becomes  lines between 513 values, where they are close to f."""
    assert isinstance(node.op, (Elementwise, Map))
    steps = node.op.steps if isinstance(node.op, Map) else (Step(node.op, ()),)
    if not any(isinstance(s.op, Dequantize) for s in steps) or node.output.type.dtype != "int16":
        return Skip("it is no function from and to 16 bits by way of reals")
    running: list[Value] = [v for v in node.present if g.constant(v) is None]
    others = [g.constant(v) for v in node.inputs]
    if len(running) != 1 or any(a is not None and a.size != 1 for a in others):
        return Skip("not exactly one operand is computed at run time, or a constant is not one number")
    (x,) = running
    if x.type.dtype != "int16" or x.shape != node.output.shape:
        return Skip("the operand has no 16-bit numbers, or is broadcast")
    every = np.arange(-32768, 32768).astype(np.int16)
    with np.errstate(all="ignore"):
        values = np.asarray(node.op.reference(*(every if a is None else a.reshape(()) for a in others)))
    table = table_of(values)
    error = np.abs(Interpolate().reference(every, table).astype(np.int64) - values.astype(np.int64)).max()
    if error > FARTHEST:
        return Skip(f"lines would be up to {error} steps away from it")
    made, constants = constant(f"{node.output.name}:table", table)
    return Swap(nodes=(replace(node, op=Interpolate(), inputs=(x, made)),), constants=constants)


BEFORE_FUSION: tuple[Rule, ...] = (rescale_sixteen_bits,)
AFTER_FUSION: tuple[Rule, ...] = (interpolate,)
