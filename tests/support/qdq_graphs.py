"""Float graphs with a Quantize and a Dequantize behind every tensor, as importers and quantisers make them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import Array, TensorType
from compiler.ops.activations import Clip, Relu
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.quantize import Dequantize, Quantize


class Inserter:
    """`to` is the type of activations. Weights are int8, one scale for each output channel."""

    def __init__(self, graph: Graph, samples: dict[str, Array], to: str = "int8") -> None:
        self.graph, self.to = graph, to
        self.values = run(graph, samples)
        self.constants = dict(graph.constants)
        self.nodes: list[Node] = []
        self.real: dict[str, Value] = {}

    def const(self, name: str, array: Array) -> Value:
        self.constants[name] = array
        return Value(name, TensorType.of(str(array.dtype), array.shape))

    def grid(self, name: str) -> tuple[Value, Value]:
        array = self.values[name].astype(np.float64)
        low, high = min(array.min(initial=0.0), 0.0), max(array.max(initial=0.0), 0.0)
        info = np.iinfo(self.to)
        scale = np.float32(max(high - low, 1e-3) / (int(info.max) - int(info.min)))
        zero = int(np.clip(np.rint(info.min - low / scale), info.min, info.max))
        return self.const(f"{name}:s", np.array(scale)), self.const(f"{name}:z", np.array(zero, self.to))

    def behind(self, v: Value) -> None:
        scale, zero = self.grid(v.name)
        stored = Value(f"{v.name}:q", TensorType.of(self.to, v.shape))
        again = Value(f"{v.name}:dq", v.type)
        self.nodes.append(Node(Quantize(self.to), (v, scale, zero), (stored,), stored.name, (), ("",)))
        self.nodes.append(Node(Dequantize(), (stored, scale, zero), (again,), again.name, (), ("",)))
        self.real[v.name] = again

    def weights(self, v: Value) -> Value:
        w = self.graph.constants[v.name].astype(np.float64)
        scale = np.maximum(np.abs(w).reshape(len(w), -1).max(axis=1, initial=0), 1e-3) / 127
        wide = scale.astype(np.float32).reshape(-1, *[1] * (w.ndim - 1))
        stored = self.const(f"{v.name}:i", np.clip(np.rint(w / wide), -127, 127).astype(np.int8))
        zero = self.const(f"{v.name}:iz", np.zeros(wide.shape, np.int8))
        again = Value(f"{v.name}:dq{len(self.nodes)}", v.type)
        inputs = (stored, self.const(f"{v.name}:is", wide), zero)
        self.nodes.append(Node(Dequantize(), inputs, (again,), again.name, (), ("",)))
        return again

    def clamped_next(self, node: Node, v: Value) -> bool:
        """Between a layer and its activation nothing is rounded."""
        reader = self.graph.only_reader(v)
        return isinstance(node.op, (Conv, Dense)) and reader is not None and isinstance(reader.op, (Clip, Relu))

    def result(self) -> Graph:
        for v in self.graph.inputs:
            self.behind(v)
        for node in self.graph.nodes:
            inputs = [self.real.get(v.name, v) if v is not None else None for v in node.inputs]
            if isinstance(node.op, (Conv, Dense)):
                inputs[1] = self.weights(node.value(1))
            self.nodes.append(replace(node, inputs=tuple(inputs)))
            for v in node.outputs:
                if not self.clamped_next(node, v):
                    self.behind(v)
        outputs = tuple(self.real[v.name] for v in self.graph.outputs)
        graph = Graph(self.graph.name, self.graph.inputs, outputs, tuple(self.nodes), self.constants)
        return graph.without_dead_code()


def with_qdq(graph: Graph, samples: dict[str, Array], to: str = "int8") -> Graph:
    """The graph whose every tensor is rounded to 8 bits (or 16) over the range it has for `samples`."""
    return Inserter(graph, samples, to).result()
