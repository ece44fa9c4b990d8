"""What a tensor of the graph means when it comes out of a Dequantize: stored integers, scale and zero point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType
from compiler.ops.quantize import Dequantize, Quantize


@dataclass(frozen=True)
class Real:
    """real = scale * (stored - zero); scale (float64) and zero (int64) are single numbers or broadcast to `stored`."""

    stored: Value
    scale: Array
    zero: Array
    node: Node  # the Dequantize

    @property
    def per_tensor(self) -> bool:
        return self.scale.size == 1 and self.zero.size == 1

    @property
    def one_scale(self) -> float:
        return float(self.scale.reshape(-1)[0])

    @property
    def one_zero(self) -> int:
        return int(self.zero.reshape(-1)[0])

    def same_grid(self, other: Real) -> bool:
        """Do equal integers of both mean equal numbers?"""
        alike = self.stored.type.dtype == other.stored.type.dtype and self.per_tensor and other.per_tensor
        return alike and self.one_scale == other.one_scale and self.one_zero == other.one_zero


def real(g: Graph, value: Value | None) -> Real | None:
    """The integers behind a float tensor, or None. Blockwise scales, whose result is reshaped, are none of these."""
    node = g.producer(value)
    if node is None or not isinstance(node.op, Dequantize):
        return None
    stored, (scale, zero) = node.value(0), (g.constant(node.value(i)) for i in (1, 2))
    whole = stored.type.dtype.startswith(("int", "uint"))
    if not whole or scale is None or zero is None or not np.isfinite(scale.astype(np.float64)).all():
        return None
    return Real(stored, scale.astype(np.float64), zero.astype(np.int64), node)


def numbers(g: Graph, value: Value | None) -> Array | None:
    """The real numbers of a constant (float64), which may be stored as integers."""
    known = g.constant(value)
    if known is not None:
        return known.astype(np.float64)
    found = real(g, value)
    whole = None if found is None else g.constant(found.stored)
    return None if found is None or whole is None else (whole.astype(np.int64) - found.zero) * found.scale


@dataclass(frozen=True)
class Grid:
    """Where a per-tensor Quantize puts its results."""

    to: str
    scale: float
    zero: int

    @property
    def low(self) -> int:
        return int(np.iinfo(self.to).min)

    @property
    def high(self) -> int:
        return int(np.iinfo(self.to).max)

    def nearest(self, number: float) -> int:
        """The integer for a real number, clamped; halves away from zero, as TensorFlow Lite's bounds of activations."""
        if not np.isfinite(number):
            return self.low if number < 0 else self.high
        ratio = float(np.float32(number) / np.float32(self.scale))
        whole = int(np.floor(abs(ratio) + 0.5)) * (1 if ratio >= 0 else -1)
        return min(max(self.zero + whole, self.low), self.high)


def grid(g: Graph, node: Node) -> Grid | None:
    """The grid of a Quantize with one constant scale and zero point to an integer type numpy has; else None."""
    assert isinstance(node.op, Quantize)
    scale, zero = (g.constant(node.value(i)) for i in (1, 2))
    if node.op.to not in ("int8", "uint8", "int16", "uint16") or scale is None or zero is None:
        return None
    if scale.size != 1 or zero.size != 1 or not 0 < float(scale.reshape(-1)[0]) < np.inf:
        return None
    return Grid(node.op.to, float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]))


def constant(name: str, array: Array) -> tuple[Value, dict[str, Array]]:
    """A new constant of a rewrite."""
    return Value(name, TensorType.of(str(array.dtype), array.shape)), {name: array}


def dequantized(
    stored: Value, scale: Array, zero: Array, output: Value, sources: tuple[str, ...] = (), equal: str = ""
) -> tuple[Node, dict[str, Array]]:
    """A Dequantize that writes `output`, and its constants."""
    s, first = constant(f"{output.name}:scale", scale)
    z, second = constant(f"{output.name}:zero", zero.astype(stored.type.dtype))
    op = Dequantize(output.type.dtype)
    return Node(op, (stored, s, z), (output,), output.name, sources, (equal,)), first | second
