"""One ONNX node as operators see it."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import onnx
from onnx import NodeProto, TensorProto

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType
from compiler.importers.onnx_draft import FILL_LIMIT, LIMIT, Draft, check_size, tensor_array
from compiler.importers.onnx_functions import STANDARD
from compiler.ops.base import Op, compile_time_operands
from compiler.ops.shaping import Identity


@dataclass(eq=False)
class NeedsValue(ModelError):
    """An operand decides a shape, but is computed from `inputs` of the model at run time."""

    inputs: frozenset[str] = frozenset()


class Bodies(Protocol):
    """How sub-graph attributes are read (onnx_nodes.py)."""

    def inline(self, body: Any, inputs: Sequence[Value]) -> tuple[Value, ...]: ...

    def subgraph(self, body: Any, types: Sequence[TensorType]) -> tuple[Graph, tuple[Value, ...]]: ...


class NodeReader:
    """One ONNX node, as operators see it (`compiler.ops.base.Reader`)."""

    def __init__(
        self,
        draft: Draft,
        values: MutableMapping[str, Value | None],
        node: NodeProto,
        name: str,
        opset: int,
        bodies: Bodies,
    ) -> None:
        self._draft, self._values, self.name, self.opset, self._bodies = draft, values, name, opset, bodies
        self.op_type = node.op_type
        self.inputs = [values[i] if i else None for i in node.input]
        self.output_count = sum(1 for o in node.output if o)
        self.wanted = tuple(bool(o) for o in node.output)
        self._result = next(iter(node.output), name)
        self._attributes = {a.name: a for a in node.attribute}
        self._operands = compile_time_operands().get(qualified(node), ())
        self._first = len(draft.nodes)  # nodes from here on were made for this one

    def attr(self, name: str, default: Any = None) -> Any:
        attribute = self._attributes.get(name)
        if attribute is None:
            return default
        if attribute.ref_attr_name:
            raise ModelError("E0104", f"attribute {name} refers to one of a function, but the node is in none")
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, TensorProto):
            return tensor_array(value)
        if isinstance(value, onnx.SparseTensorProto):
            raise self.unsupported("a constant is sparse", "use a dense numeric tensor")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def inline(self, body: Any, inputs: Sequence[Value]) -> tuple[Value, ...]:
        return self._bodies.inline(body, inputs)

    def subgraph(self, body: Any, types: Sequence[TensorType]) -> tuple[Graph, tuple[Value, ...]]:
        return self._bodies.subgraph(body, types)

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
        if array is not None:
            return array
        if not self.has(index):
            raise self.unsupported(f"operand {index} of {self.op_type} is missing")
        reason = f"operand {index} of {self.op_type} decides a shape but is computed at run time"
        sources = self._draft.sources(self.value(index)) if index in self._operands else frozenset()
        raise NeedsValue("E0202", reason, self._where, help="make it a constant in the model", inputs=sources)

    def add(self, op: Op, *inputs: Value | None) -> Value:
        return self.add_many(op, *inputs)[0]

    def add_many(self, op: Op, *inputs: Value | None) -> tuple[Value, ...]:
        inferred = op.infer(*(None if v is None else v.type for v in inputs))
        types = (inferred,) if isinstance(inferred, TensorType) else inferred
        for t in types:
            check_size(t.shape, self.name)
        known = [self._draft.constant(v) for v in inputs]
        folds = op.folds and all(v is None or a is not None for v, a in zip(inputs, known, strict=True))
        for array in known:
            if array is not None:  # a symbolic fill takes no memory, unless it is computed with
                check_size(array.shape, self.name, LIMIT if folds else FILL_LIMIT)
        if folds:
            with np.errstate(all="ignore"):
                result = op.reference(*known)
            arrays = result if isinstance(result, tuple) else (result,)
            return tuple(
                self.const(np.asarray(a, t.dtype).reshape(t.shape)) for a, t in zip(arrays, types, strict=True)
            )
        outputs = tuple(Value(self._draft.fresh(f"{self.name}:"), t) for t in types)
        node = Node(op, tuple(inputs), outputs, self.name, (self.name,), ("",) * len(outputs))
        self._draft.nodes.append(node)
        return outputs

    def const(self, array: Array, hint: str = "const") -> Value:
        return self._draft.define_constant(self._draft.fresh(f"{self.name}:{hint}"), array)

    def counted(self, count: Value, *values: Value, axis: int = 0) -> tuple[Value, ...]:
        known = self._draft.constant(count)
        if known is not None:
            cut = (*[slice(None)] * axis, slice(int(known.reshape(-1)[0])))
            return tuple(self.const(self._draft.constants[v.name][cut]) for v in values)
        if self._draft.counts is None:
            raise self.unsupported(f"{self.op_type} within control flow", "its size cannot be told to the caller")
        self._draft.counts.append((f"{self._result}_count", count))
        return values

    def unsupported(self, reason: str, help: str = "", code: str = "E0202") -> ModelError:
        return ModelError(code, reason, where=self._where, help=help)

    @property
    def _where(self) -> str:
        return f"node {self.name!r} ({self.op_type})"

    def name_output(self, index: int, name: str, value: Value, prefix: str) -> None:
        """The value gets the source tensor's name, through an Identity when it was not made by this node.

        In the body of a function or of a control-flow operator (`prefix`) names mean nothing to anybody.
        """
        if prefix:
            self._values[name] = value
            return
        if name in self._values:
            raise ModelError("E0104", f"tensor '{name[:80]}' is written twice")
        if value.name in self._draft.constants:
            self._values[name] = self._draft.define_constant(name, self._draft.constants[value.name])
            return
        for place in range(self._first, len(self._draft.nodes)):
            node = self._draft.nodes[place]
            if value in node.outputs:
                renamed = Value(name, value.type)
                self._draft.rename(value, renamed, self._first)
                self._draft.nodes[place] = replace(
                    self._draft.nodes[place],
                    equals=tuple(name if v == value else e for v, e in zip(node.outputs, node.equals, strict=True)),
                )
                self._values[name] = renamed
                return
        made = Value(name, value.type)
        self._draft.nodes.append(Node(Identity(), (value,), (made,), self.name, (self.name,), (name,)))
        self._values[name] = made


def qualified(node: NodeProto) -> str:
    """The operator's name as `Op.onnx` spells it."""
    return node.op_type if node.domain in STANDARD else f"{node.domain}:{node.op_type}"
