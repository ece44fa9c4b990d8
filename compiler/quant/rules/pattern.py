"""What the rules look for: operands behind a Dequantize, and a result that a Quantize makes small again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.activations import Clip, Relu
from compiler.ops.base import Op
from compiler.ops.quantize import Quantize
from compiler.passes.rule import Skip
from compiler.quant.real import grid, real

STORED = frozenset({"int8", "uint8", "int16"})


@dataclass(frozen=True)
class Stored:
    """A real tensor known by its integers: real = scale * (value - zero)."""

    value: Value
    scale: float
    zero: int


@dataclass(frozen=True)
class Target:
    """Where a pattern ends: `node` computes reals, and they are stored with scale and zero between low and high."""

    node: Node
    between: tuple[Node, ...]  # what is computed after it, before the Quantize: clamps, which are now bounds
    to: str
    scale: float
    zero: int
    low: int
    high: int

    @property
    def replaced(self) -> tuple[Node, ...]:
        """All nodes that the pattern's integer form makes superfluous, in execution order."""
        return (self.node, *reversed(self.between))

    @property
    def bounded(self) -> bool:
        """Are there narrower bounds than the type's?"""
        info = np.iinfo(self.to)
        return (self.low, self.high) != (info.min, info.max)


def fits(factor: float, largest: float) -> bool:
    """Does a sum of at most this size, times the factor, stay within 32 bits in both modes of rounding?"""
    return factor * largest < 2.0**30


def stored(g: Graph, value: Value | None, dtypes: frozenset[str] = STORED) -> Stored | None:
    """The integers behind a real tensor, if there are some with one scale."""
    found = real(g, value)
    if found is None or not found.per_tensor or found.stored.type.dtype not in dtypes or found.one_scale <= 0:
        return None
    if found.stored.shape != found.node.output.shape:
        return None
    return Stored(found.stored, found.one_scale, found.one_zero)


def target(g: Graph, node: Node, *ops: type[Op]) -> Target | Skip:
    """The pattern that ends at a Quantize: one of `ops`, perhaps with clamps behind it."""
    assert isinstance(node.op, Quantize)
    to = grid(g, node)
    if to is None or to.to not in STORED or node.value(0).shape != node.output.shape:
        return Skip("the result has not one scale, or no small integer type")
    low, high = to.low, to.high
    between: list[Node] = []
    value = node.value(0)
    while True:
        producer = g.producer(value)
        if producer is None or not isinstance(producer.op, (*ops, Relu, Clip)):
            return Skip(f"the result is not that of {', '.join(op.__name__ for op in ops)}")
        if g.only_reader(value) is None:
            return Skip("the real result has a second reader")
        if isinstance(producer.op, ops):
            return Target(producer, tuple(between), to.to, to.scale, to.zero, low, high)
        bounds = (producer.op.low, producer.op.high) if isinstance(producer.op, Clip) else (0.0, np.inf)
        # the clamps seen so far come later: they decide
        low, high = (min(max(to.nearest(b), low), high) for b in bounds)
        between.append(producer)
        value = producer.value(0)
