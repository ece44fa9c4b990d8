"""Quantize and Dequantize around everything that will compute on integers; weights and biases become integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType
from compiler.ops.quantize import Dequantize, Quantize
from compiler.quant.forms import INTEGER_CONSTANTS, operands, weighted
from compiler.quant.grid import Grid, along_first, int8_grid, weight_numbers, weight_scales
from compiler.quant.points import Points, stored_as
from compiler.quant.regions import CLAMPS, unary

_BIAS = 2**30  # the largest bias; sums of products have to fit beside it


@dataclass(frozen=True)
class Weights:
    """Integer weights of one layer: real = scales[o] * numbers[o]; `bias` replaces the layer's own if given."""

    numbers: Array
    scales: Array
    bias: Array | None = None


def nearest(w: Array, clip: Array | float = 1.0) -> Weights:
    scales = weight_scales(w, clip)
    return Weights(weight_numbers(w, scales), scales)


@dataclass(frozen=True)
class Choice:
    """All that the quantiser decided: a grid for each tensor, and weights for each layer, by the name of its result."""

    grids: Mapping[str, Grid]
    weights: Mapping[str, Weights] = field(default_factory=dict)


@dataclass(frozen=True)
class Inserted:
    """`stored`: the integer tensor of each point."""

    graph: Graph
    stored: Mapping[str, Value]


def insert(graph: Graph, points: Points, choice: Choice, io: str = "source") -> Inserted:
    """The float graph with Quantize and Dequantize; `io="int8"` leaves inputs and outputs quantised."""
    inserter = _Inserter(graph, points, choice)
    return Inserted(inserter.run(io), inserter.stored)


class _Inserter:
    def __init__(self, graph: Graph, points: Points, choice: Choice) -> None:
        self.graph, self.points, self.choice = graph, points, choice
        self.constants: dict[str, Array] = dict(graph.constants)
        self.nodes: list[Node] = []
        self.stored: dict[str, Value] = {}  # name of a point -> its quantised tensor
        self.names = {v.name for n in graph.nodes for v in n.outputs} | {v.name for v in graph.inputs}

    def run(self, io: str) -> Graph:
        graph, chosen = self.graph, {v.name for v in self.points.tensors}
        inputs = list(graph.inputs)
        for i, v in enumerate(inputs):
            if v.name in chosen and io == "int8":
                inputs[i] = self.stored[v.name] = replace(v, type=self._type(v))
            elif v.name in chosen:
                self._quantize(v, v, (), ())
        for node in graph.nodes:
            self._node(node, node.output.name in chosen)
        outputs = tuple(self._output(v, io) for v in graph.outputs)
        result = replace(
            graph, inputs=tuple(inputs), outputs=outputs, nodes=tuple(self.nodes), constants=self.constants
        )
        return result.without_dead_code()

    def _node(self, node: Node, is_point: bool) -> None:
        if is_point and self._saturates(node):
            # what the clamp cuts off, the grid's ends cut off: Quantize alone does the same
            x = self._real(node.value(0), node)
            self._quantize(node.output, x, node.sources, node.equals)
            return
        integer = node.output.name in self.points.integer
        inputs = [self._operand(v, node, integer) for v in node.inputs]
        if integer and weighted(self.graph, node):
            inputs[1:3] = self._weights(node)
        outputs = node.outputs
        if is_point:
            outputs = (Value(self._name(f"{node.output.name}:real"), node.output.type),)
        self.nodes.append(replace(node, inputs=tuple(inputs), outputs=outputs))
        if is_point:
            self._quantize(node.output, outputs[0], node.sources, node.equals)

    def _operand(self, v: Value | None, node: Node, integer: bool) -> Value | None:
        if v is None or v.type.dtype != "float32":
            return v
        if v.name in self.graph.constants:
            whole = integer and isinstance(node.op, INTEGER_CONSTANTS) and unary(self.graph, node) is None
            return self._constant(v, node) if whole else v
        return self._real(v, node)

    def _real(self, v: Value, node: Node) -> Value:
        """What a node reads in the place of v: its own Dequantize, so that rules see one reader."""
        if v.name not in self.stored:
            return v
        q = self.stored[v.name]
        grid = self.choice.grids[v.name]
        y = Value(self._name(f"{v.name}:for:{node.output.name}"), v.type)
        self._add(Dequantize(), (q, *self._grid(v.name, grid)), y, (), ("",))
        return y

    def _quantize(self, v: Value, x: Value, sources: tuple[str, ...], equals: tuple[str, ...]) -> None:
        grid = self.choice.grids[v.name]
        name = v.name if self.graph.producer(v) is not None else self._name(f"{v.name}:stored")
        if self.graph.is_output(v):
            name = self._name(f"{v.name}:stored")
        y = Value(name, self._type(v))
        self._add(Quantize(grid.dtype), (x, *self._grid(v.name, grid)), y, sources, equals or ("",))
        self.stored[v.name] = y

    def _output(self, v: Value, io: str) -> Value:
        source = stored_as(self.graph, v)
        if v.name not in self.stored:
            return v if source.name not in self.stored or io == "source" else self._moved(v, source)
        q = self.stored[v.name]
        if io == "int8":
            return q
        grid = self.choice.grids[v.name]
        self._add(Dequantize(), (q, *self._grid(v.name, grid)), v, (), ("",))
        return v

    def _moved(self, v: Value, source: Value) -> Value:
        """An output that only moves elements of a point: quantised again by the same grid, which changes nothing."""
        grid = self.choice.grids[source.name]
        y = Value(self._name(f"{v.name}:stored"), replace(self._type(source), shape=v.shape, layout=v.type.layout))
        self._add(Quantize(grid.dtype), (v, *self._grid(source.name, grid)), y, (), ("",))
        return y

    def _saturates(self, node: Node) -> bool:
        if not isinstance(node.op, CLAMPS):
            return False
        grid = self.choice.grids[node.output.name]
        ends = node.op.reference(np.array([-np.inf, np.inf], np.float32)).astype(np.float64)
        low, high = np.rint(ends / grid.scale) + grid.zero
        return bool(low <= grid.low and high >= grid.high)

    def _weights(self, node: Node) -> list[Value | None]:
        """Weights and bias as integers behind a Dequantize."""
        w = self.graph.constant(node.inputs[1])
        assert w is not None
        given = self.choice.weights.get(node.output.name) or nearest(w)
        x = self.choice.grids[stored_as(self.graph, node.value(0)).name]
        bias = given.bias if given.bias is not None else self._bias(node)
        scales = given.scales.astype(np.float64)
        if bias is not None:  # a channel of tiny weights takes a larger scale, so that its bias fits
            needed = np.abs(bias.astype(np.float64)) / (_BIAS * x.scale)
            wider = np.where(needed > scales, needed, scales).astype(np.float32)
            if (wider != given.scales).any():
                real = given.numbers * along_first(given.scales, w.ndim)
                given = Weights(weight_numbers(real, wider), wider)
                scales = wider.astype(np.float64)
        name = node.output.name
        made: list[Value | None] = [
            self._dequantized(f"{name}:weights", given.numbers, along_first(given.scales, w.ndim), "int8"),
        ]
        if bias is None:
            return [*made, None]
        steps = (scales * x.scale).astype(np.float32)
        numbers = np.clip(np.rint(bias.astype(np.float64) / (scales * x.scale)), -(2**31) + 1, 2**31 - 1)
        wide = "int64" if x.dtype == "int16" else "int32"
        return [*made, self._dequantized(f"{name}:bias", numbers.astype(wide), steps, wide)]

    def _bias(self, node: Node) -> Array | None:
        return self.graph.constant(node.inputs[2]) if len(node.inputs) > 2 else None

    def _constant(self, v: Value, node: Node) -> Value:
        """A constant operand of Add, Mul, ...: int8 numbers."""
        array = self.graph.constants[v.name]
        grid = int8_grid(float(array.min(initial=0.0)), float(array.max(initial=0.0)))
        name = f"{v.name}:for:{node.output.name}"
        return self._dequantized(
            name, grid.stored(array), np.asarray(grid.scale, np.float32), "int8", np.asarray(grid.zero, np.int8)
        )

    def _dequantized(self, name: str, numbers: Array, scales: Array, dtype: str, zero: Array | None = None) -> Value:
        q = self._const(f"{name}:stored", numbers)
        s = self._const(f"{name}:scale", np.asarray(scales, np.float32))
        z = self._const(f"{name}:zero", np.zeros((), dtype) if zero is None else zero)
        y = Value(self._name(name), TensorType.of("float32", numbers.shape))
        self._add(Dequantize(), (q, s, z), y, (), ("",))
        return y

    def _grid(self, name: str, grid: Grid) -> tuple[Value, Value]:
        """Scale and zero point, one constant each for a tensor."""
        scale, zero = (Value(f"{name}:{part}", TensorType.of(dtype, ())) for part, dtype in
                       (("scale", "float32"), ("zero", grid.dtype)))  # fmt: skip
        self.constants[scale.name] = np.asarray(grid.scale, np.float32)
        self.constants[zero.name] = np.asarray(grid.zero, grid.dtype)
        return scale, zero

    def _const(self, name: str, array: Array) -> Value:
        value = Value(self._name(name), TensorType.of(str(array.dtype), array.shape))
        self.constants[value.name] = array
        return value

    def _type(self, v: Value) -> TensorType:
        grid = self.choice.grids[v.name]
        return replace(v.type, dtype=grid.dtype, quant=grid.quant)

    def _add(
        self, op: Quantize | Dequantize, inputs: tuple[Value, ...], y: Value, sources: tuple[str, ...],
        equals: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.nodes.append(Node(op, inputs, (y,), y.name, sources, equals))

    def _name(self, name: str) -> str:
        unique, n = name, 1
        while unique in self.names or unique in self.constants:
            n += 1
            unique = f"{name}:{n}"
        self.names.add(unique)
        return unique


def readers_of(graph: Graph, point: Value) -> list[Node]:
    """The nodes that read a point as such, or after its elements were moved."""
    found, todo = [], [point]
    while todo:
        value = todo.pop()
        for node in graph.readers(value):
            if value in operands(graph, node) and stored_as(graph, node.output) == stored_as(graph, value):
                todo.append(node.output)
            else:
                found.append(node)
    return found
