"""An ONNX model that grows node by node, for importers of other formats."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from compiler.errors import ModelError
from compiler.graph.types import Array

OPSET = 20
IR_VERSION = 9
MAX_STEPS = 200_000
_HELP = "Export the model without unrolled loops."


@dataclass
class OnnxBuilder:
    """Names are unique: `add` invents them, `claim` keeps one for a tensor of the source model."""

    nodes: list[NodeProto] = field(default_factory=list)
    tensors: dict[str, TensorProto] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)  # the same, for readers
    taken: set[str] = field(default_factory=set)
    small: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)  # constants that are shared
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def claim(self, wanted: str) -> str:
        """The name itself, or one like it that is still free."""
        name, number = wanted or "tensor", 1
        while name in self.taken:
            name, number = f"{wanted or 'tensor'}_{number}", number + 1
        self.taken.add(name)
        return name

    def fresh(self, prefix: str) -> str:
        return self.claim(f"{prefix}:{self.tick()}")

    def tick(self) -> int:
        """A new number. Graphs that are called again and again end here: E0164."""
        number = next(self.counter)
        if number > MAX_STEPS:
            raise ModelError("E0164", f"the model takes more than {MAX_STEPS} steps to write out", help=_HELP)
        return number

    def constant(self, array: Any, name: str = "", dtype: Any = None) -> str:
        """The name of a constant tensor; equal small ones share it."""
        made = np.ascontiguousarray(np.asarray(array, dtype)).reshape(np.shape(array))
        key = (str(made.dtype), made.shape, made.tobytes()) if made.nbytes <= 256 and not name else None
        if key is not None and key in self.small:
            return self.small[key]
        unique = self.claim(name) if name else self.fresh("const")
        self.tensors[unique] = numpy_helper.from_array(made, unique)
        self.arrays[unique] = made
        if key is not None:
            self.small[key] = unique
        return unique

    def add(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """The name of the node's only output."""
        return self.add_many(op, inputs, 1, name=name, **attributes)[0]

    def add_many(self, op: str, inputs: Sequence[str], outputs: int, *, name: str = "", **attributes: Any) -> list[str]:
        given = {key: value for key, value in attributes.items() if value is not None}
        names = [self.fresh(name or op) for _ in range(outputs)]
        kept = list(inputs)
        while kept and not kept[-1]:
            kept.pop()
        self.nodes.append(helper.make_node(op, kept, names, name=name or names[0], **given))
        return names

    def rename(self, old: str, new: str, first: int) -> None:
        """`old`, made by a node from place `first` on, is called `new` instead; an Identity where it is older."""
        made = any(old in node.output for node in self.nodes[first:])
        if not made:
            self.nodes.append(helper.make_node("Identity", [old], [new], name=new))
            return
        for node in self.nodes[first:]:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name == old:
                        names[i] = new

    def model(
        self,
        inputs: Sequence[ValueInfoProto],
        outputs: Sequence[ValueInfoProto],
        name: str,
        opset: int = OPSET,
        ir_version: int = IR_VERSION,
    ) -> ModelProto:
        read = {i for node in self.nodes for i in node.input} | {o.name for o in outputs}
        tensors = [t for key, t in self.tensors.items() if key in read or _has_graphs(self.nodes)]
        graph = helper.make_graph(self.nodes, name, list(inputs), list(outputs), tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def _has_graphs(nodes: Sequence[NodeProto]) -> bool:
    """Bodies of If, Loop and Scan read constants of the graph around them."""
    return any(a.type == onnx.AttributeProto.GRAPH for node in nodes for a in node.attribute)


def value_info(name: str, dtype: str, shape: Sequence[int | str | None]) -> ValueInfoProto:
    """A tensor's declaration; `dtype` as numpy spells it."""
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, element, list(shape))
