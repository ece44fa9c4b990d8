"""Graphs with 8-bit tensors between Dequantize and Quantize, as importers and the quantiser write them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.graph.graph import Graph, Value
from compiler.graph.run import run
from compiler.graph.types import Array, TensorType
from compiler.ops.quantize import Dequantize, Quantize
from tests.support.graphs import Build


@dataclass(frozen=True)
class Grid:
    """real = scale * (stored - zero)"""

    scale: float
    zero: int = 0
    dtype: str = "int8"

    def real(self, stored: Array) -> Array:
        return (stored.astype(np.float64) - self.zero) * float(np.float32(self.scale))

    def stored(self, real: Array) -> Array:
        info = np.iinfo(self.dtype)
        steps = np.rint(real / float(np.float32(self.scale))) + self.zero
        return np.clip(steps, info.min, info.max).astype(self.dtype)


class QuantizedBuild(Build):
    def integers(self, dtype: str, *shape: int) -> Value:
        """An input of the graph."""
        self.inputs.append(Value(f"x{len(self.inputs)}", TensorType.of(dtype, shape)))
        return self.inputs[-1]

    def dequantized(self, x: Value, grid: Grid) -> Value:
        return self.add(Dequantize(), x, self.const(np.float32(grid.scale)), self.const(_zero(grid)))

    def quantized(self, x: Value, grid: Grid) -> Value:
        return self.add(Quantize(grid.dtype), x, self.const(np.float32(grid.scale)), self.const(_zero(grid)))

    def const(self, array: Array) -> Value:
        return super().const(np.asarray(array))


def _zero(grid: Grid) -> Array:
    return np.asarray(grid.zero, grid.dtype)


def whole_range(graph: Graph, seed: int = 1) -> dict[str, Array]:
    """Inputs of all numbers of their types."""
    chance = np.random.default_rng(seed)
    made = {}
    for v in graph.inputs:
        info = np.iinfo(v.type.dtype)
        made[v.name] = chance.integers(info.min, info.max, v.shape, endpoint=True).astype(v.type.dtype)
    return made


def results(graph: Graph, inputs: dict[str, Array]) -> list[Array]:
    values = run(graph, inputs)
    return [values[v.name] for v in graph.outputs]


def operators(graph: Graph) -> list[str]:
    return [type(n.op).__name__ for n in graph.nodes]
