"""One ONNX node as operators see it, and the graph that grows while nodes are read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from compiler.errors import ModelError
from compiler.graph.graph import Node, Value
from compiler.graph.types import DTYPES, Array, TensorType
from compiler.importers.fold import LIMIT
from compiler.ops.base import Op
from compiler.ops.elementwise import Elementwise
from compiler.ops.shaping import Identity

# What kernels can compute with; float16 and its kin arrive as storage types later.
COMPUTED = frozenset(DTYPES) - {"float16"}
FLOAT32 = frozenset({"float32"})


@dataclass
class Draft:
    """The graph as far as it has been read."""

    opset: int
    values: dict[str, Value | None] = field(default_factory=dict)  # None: behind an unsupported node
    constants: dict[str, Array] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    names: int = 0

    def define_constant(self, name: str, array: Array) -> Value:
        value = Value(name, TensorType.of(str(array.dtype), array.shape))
        self.values[name] = value
        self.constants[name] = array
        return value

    def constant(self, value: Value | None) -> Array | None:
        return None if value is None else self.constants.get(value.name)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"


def check_size(shape: tuple[int, ...], name: str) -> None:
    """E0310 for a tensor that no memory could hold."""
    if prod(shape) > LIMIT:
        raise ModelError("E0310", f"tensor '{name[:80]}' has {prod(shape)} elements, more than {LIMIT}")


class NodeReader:
    """One ONNX node, as operators see it (`compiler.ops.base.Reader`)."""

    def __init__(self, draft: Draft, node: NodeProto, name: str) -> None:
        self._draft, self.name = draft, name
        self.op_type, self.opset = node.op_type, draft.opset
        self.inputs = [draft.values[i] if i else None for i in node.input]
        self.output_count = sum(1 for o in node.output if o)
        self._attributes = {a.name: a for a in node.attribute}
        self._first = len(draft.nodes)  # nodes from here on were made for this one

    def attr(self, name: str, default: Any = None) -> Any:
        attribute = self._attributes.get(name)
        if attribute is None:
            return default
        value = onnx.helper.get_attribute_value(attribute)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def constant_attribute(self) -> Array:
        for key in ("value", "value_float", "value_floats", "value_int", "value_ints"):
            value = self.attr(key)
            if value is not None:
                if isinstance(value, TensorProto):
                    return tensor_array(value)
                return np.asarray(value, np.float32 if "float" in key else np.int64)
        raise self.unsupported("the constant holds no plain tensor", "use a dense numeric tensor")

    def value(self, index: int = 0) -> Value:
        value = self.inputs[index]
        if value is None:
            raise ModelError("E0104", f"input {index} of {self.op_type} is missing")
        return value

    def type(self, index: int = 0) -> TensorType:
        return self.value(index).type

    def has(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def known(self, index: int) -> Array | None:
        return self._draft.constant(self.inputs[index]) if index < len(self.inputs) else None

    def constant(self, index: int) -> Array:
        array = self.known(index)
        if array is None:
            given = "computed at run time" if self.has(index) else "missing"
            raise self.unsupported(
                f"operand {index} of {self.op_type} decides a shape but is {given}",
                "make it a constant in the model",
            )
        return array

    def add(self, op: Op, *inputs: Value | None) -> Value:
        return self.add_many(op, *inputs)[0]

    def add_many(self, op: Op, *inputs: Value | None) -> tuple[Value, ...]:
        inferred = op.infer(*(None if v is None else v.type for v in inputs))
        types = (inferred,) if isinstance(inferred, TensorType) else inferred
        for t in types:
            check_size(t.shape, self.name)
        known = [self._draft.constant(v) for v in inputs]
        for array in known:
            if array is not None:
                check_size(array.shape, self.name)  # a symbolic fill may be larger than memory
        if all(v is None or a is not None for v, a in zip(inputs, known, strict=True)):
            with np.errstate(all="ignore"):
                result = op.reference(*known)
            arrays = result if isinstance(result, tuple) else (result,)
            return tuple(self.const(np.asarray(a)) for a in arrays)
        kinds = {t.dtype for t in types} | {v.type.dtype for v in inputs if v is not None}
        computed = FLOAT32 if isinstance(op, Elementwise) else COMPUTED
        if exotic := sorted(kinds - computed):
            raise self.unsupported(
                f"{self.op_type} of {', '.join(exotic)} has no kernel", "cast the operands to float32"
            )
        outputs = tuple(Value(self._draft.fresh(f"{self.name}:"), t) for t in types)
        node = Node(op, tuple(inputs), outputs, self.name, (self.name,), ("",) * len(outputs))
        self._draft.nodes.append(node)
        return outputs

    def const(self, array: Array, hint: str = "const") -> Value:
        return self._draft.define_constant(self._draft.fresh(f"{self.name}:{hint}"), array)

    def unsupported(self, reason: str, help: str = "", code: str = "E0202") -> ModelError:
        return ModelError(code, reason, where=f"node {self.name!r} ({self.op_type})", help=help)

    def name_output(self, index: int, name: str, value: Value) -> None:
        """The value gets the source tensor's name, through an Identity when it was not made by this node."""
        if name in self._draft.values:
            raise ModelError("E0104", f"tensor '{name[:80]}' is written twice")
        if value.name in self._draft.constants:
            self._draft.define_constant(name, self._draft.constants[value.name])
            return
        for place in range(self._first, len(self._draft.nodes)):
            node = self._draft.nodes[place]
            if value in node.outputs:
                renamed = Value(name, value.type)
                self._draft.nodes[place] = replace(
                    node,
                    outputs=tuple(renamed if v == value else v for v in node.outputs),
                    equals=tuple(name if v == value else e for v, e in zip(node.outputs, node.equals, strict=True)),
                )
                self._draft.values[name] = renamed
                return
        made = Value(name, value.type)
        self._draft.nodes.append(Node(Identity(), (value,), (made,), self.name, (self.name,), (name,)))
        self._draft.values[name] = made


def tensor_array(tensor: TensorProto) -> Array:
    """A view of the tensor's bytes, checked against its shape; raw data is not copied."""
    shape = tuple(tensor.dims)
    if any(d < 0 for d in shape) or tensor.data_location == TensorProto.EXTERNAL:
        raise ModelError("E0104", f"constant '{tensor.name[:80]}' has an impossible shape or no data")
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, ValueError, TypeError):
        raise ModelError("E0104", f"constant '{tensor.name[:80]}' has an unknown type") from None
    if tensor.raw_data and str(dtype) in DTYPES:
        if len(tensor.raw_data) != prod(shape) * dtype.itemsize:
            raise ModelError("E0104", f"constant '{tensor.name[:80]}' holds {len(tensor.raw_data)} bytes for {shape}")
        return np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    if prod(shape) > LIMIT:
        raise ModelError("E0310", f"constant '{tensor.name[:80]}' has {prod(shape)} elements, more than {LIMIT}")
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError("E0104", f"constant '{tensor.name[:80]}' is malformed") from error
