"""What the rules look for: operands behind a Dequantize, and a result that a Quantize makes small again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.activations import Clip, Relu
from compiler.ops.base import Op
from compiler.ops.cast import limits
from compiler.ops.quantize import Dequantize, Quantize
from compiler.passes.rule import Skip

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


def stored(g: Graph, value: Value | None, dtypes: frozenset[str] = STORED) -> Stored | None:
    """The integers behind a real tensor, if there are some with one scale."""
    node = g.producer(value)
    if node is None or not isinstance(node.op, Dequantize) or node.value(0).type.dtype not in dtypes:
        return None
    grid = _grid(g, node)
    return Stored(node.value(0), *grid) if grid and node.value(0).shape == node.output.shape else None


def target(g: Graph, node: Node, *ops: type[Op]) -> Target | Skip:
    """The pattern that ends at a Quantize: one of `ops`, perhaps with clamps behind it."""
    assert isinstance(node.op, Quantize)
    grid, to = _grid(g, node), node.op.to
    if grid is None or to not in STORED or node.value(0).shape != node.output.shape:
        return Skip("the result has not one scale, or no small integer type")
    scale, zero = grid
    low, high = limits(to)
    between: list[Node] = []
    value = node.value(0)
    while True:
        producer = g.producer(value)
        if producer is None or not isinstance(producer.op, (*ops, Relu, Clip)):
            return Skip(f"the result is not that of {', '.join(op.__name__ for op in ops)}")
        if g.only_reader(value) is None:
            return Skip("the real result has a second reader")
        if isinstance(producer.op, ops):
            return Target(producer, tuple(between), to, scale, zero, low, high)
        bounds = (0.0, np.inf) if isinstance(producer.op, Relu) else (producer.op.low, producer.op.high)
        ends = node.op.reference(np.array(bounds, np.float32), np.float32(scale), np.asarray(zero, to))
        low, high = max(low, int(ends[0])), min(high, int(ends[1]))
        between.append(producer)
        value = producer.value(0)


def _grid(g: Graph, node: Node) -> tuple[float, int] | None:
    """Scale and zero point of a Quantize or Dequantize, if they are one number each and known."""
    scale, zero = g.constant(node.inputs[1]), g.constant(node.inputs[2])
    if scale is None or zero is None or scale.size != 1 or zero.size != 1:
        return None
    real = float(scale.reshape(-1)[0])
    return (real, int(zero.reshape(-1)[0])) if np.isfinite(real) and real > 0 else None
