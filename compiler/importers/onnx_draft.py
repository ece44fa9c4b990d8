"""The graph that grows while ONNX nodes are read, and constants as ONNX stores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from compiler.errors import ModelError
from compiler.graph.graph import Node, Value
from compiler.graph.types import DTYPES, Array, TensorType
from compiler.ops.transpose import Copy

# Types whose raw data is an array in memory; narrower ones are packed.
_WHOLE_BYTES = frozenset(d for d in DTYPES if not d.endswith("int4") and not d.endswith("int2") and "float4" not in d)
LIMIT = 2**26  # elements a constant may have, unless it is a symbolic fill
FILL_LIMIT = 2**28  # elements of a symbolic fill that a kernel reads


@dataclass
class Draft:
    """The graph as far as it has been read."""

    constants: dict[str, Array] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    names: int = 0
    # How much of a result means something, which the data decides, and what to call that as an output of the model;
    # None within a body of control flow.
    counts: list[tuple[str, Value]] | None = field(default_factory=list)

    def define_constant(self, name: str, array: Array) -> Value:
        value = Value(name, TensorType.of(str(array.dtype), array.shape))
        self.constants[name] = array
        return value

    def constant(self, value: Value | None) -> Array | None:
        return None if value is None else self.constants.get(value.name)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def sources(self, value: Value) -> frozenset[str]:
        """Names of the values without a producer that a value is computed from: inputs of the graph."""
        producers = {v.name: n for n in self.nodes for v in n.outputs}
        found, seen, queue = set(), {value.name}, [value]
        while queue:
            node = producers.get((v := queue.pop()).name)
            if node is None:
                if v.name not in self.constants:
                    found.add(v.name)
                continue
            fresh = [x for x in node.present if x.name not in seen]
            seen.update(x.name for x in fresh)
            queue += fresh
        return frozenset(found)

    def rename(self, old: Value, new: Value, first: int) -> None:
        """`old` becomes `new` in the nodes from index `first` on."""
        for place in range(first, len(self.nodes)):
            node = self.nodes[place]
            self.nodes[place] = replace(
                node,
                inputs=tuple(new if v == old else v for v in node.inputs),
                outputs=tuple(new if v == old else v for v in node.outputs),
            )

    def own_output(self, value: Value, inputs: Sequence[Value], name: str = "", taken: Sequence[Value] = ()) -> Value:
        """An output must be a tensor of its own: what is a constant, an input or another output is copied."""
        if value.name not in self.constants and value not in inputs and value not in taken:
            return value
        check_size(value.shape, value.name)
        copy = Value(name or self.fresh("copy:"), TensorType.of(value.type.dtype, value.shape))
        self.nodes.append(Node(Copy(), (value,), (copy,), copy.name, (), ("",)))
        return copy


def check_size(shape: tuple[int, ...], name: str, limit: int = LIMIT) -> None:
    """E0310 for a tensor that no memory could hold."""
    if prod(shape) > limit:
        raise ModelError("E0310", f"tensor '{name[:80]}' has {prod(shape)} elements, more than {limit}")


def tensor_array(tensor: TensorProto) -> Array:
    """A view of the tensor's bytes, checked against its shape; raw data is not copied."""
    shape = tuple(tensor.dims)
    if any(d < 0 for d in shape) or tensor.data_location == TensorProto.EXTERNAL:
        raise ModelError("E0104", f"constant '{tensor.name[:80]}' has an impossible shape or no data")
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, ValueError, TypeError):
        raise ModelError("E0104", f"constant '{tensor.name[:80]}' has an unknown type") from None
    if tensor.raw_data and str(dtype) in _WHOLE_BYTES:
        if len(tensor.raw_data) != prod(shape) * dtype.itemsize:
            raise ModelError("E0104", f"constant '{tensor.name[:80]}' holds {len(tensor.raw_data)} bytes for {shape}")
        return np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    if prod(shape) > LIMIT:
        raise ModelError("E0310", f"constant '{tensor.name[:80]}' has {prod(shape)} elements, more than {LIMIT}")
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError("E0104", f"constant '{tensor.name[:80]}' is malformed") from error
