"""ONNX operators that the standard defines by other operators: their bodies, for those that have no class of ours."""

from __future__ import annotations

from functools import cache
from typing import Any

import onnx
from onnx import FunctionProto, NodeProto, TypeProto

from compiler.graph.types import DTYPES, TensorType

STANDARD = ("", "ai.onnx")


@cache
def _elements() -> dict[str, int]:
    """Our name of a type -> ONNX's number."""
    known = {}
    for number in onnx.TensorProto.DataType.values():
        try:
            name = str(onnx.helper.tensor_dtype_to_np_dtype(number))
        except (KeyError, ValueError, TypeError):
            continue
        if name in DTYPES:
            known[name] = number
    return known


def element_type(dtype: str) -> int:
    """ONNX's number of a type."""
    return _elements()[dtype]


def schema(node: NodeProto, opset: int) -> Any:
    """The operator's `onnx.defs.OpSchema`, whose types know only half of its methods; None for an unknown operator."""
    domain = "" if node.domain in STANDARD else node.domain
    try:
        found = onnx.defs.get_schema(node.op_type, opset, domain)
    except onnx.defs.SchemaError:
        return None
    return found


def body_of(node: NodeProto, opset: int, types: list[TensorType | None]) -> FunctionProto | None:
    """The standard's definition of a node for operands of these types; None where it has none."""
    found = schema(node, opset)
    if found is None:
        return None
    if found.has_context_dependent_function:
        text = found.get_context_dependent_function_with_opset_version(
            opset, node.SerializeToString(), [_proto(t) for t in types]
        )
    elif found.has_function:
        text = found.get_function_with_opset_version(opset)
    else:
        return None
    if not text:
        return None
    function = FunctionProto()
    function.ParseFromString(text)
    known = {a.name for a in function.attribute_proto}
    defaults = [a.default_value for name, a in sorted(found.attributes.items()) if name not in known]
    function.attribute_proto.extend(d for d in defaults if d.name)
    return function


def _proto(t: TensorType | None) -> bytes:
    proto = TypeProto()
    if t is not None:
        proto.CopyFrom(onnx.helper.make_tensor_type_proto(element_type(t.dtype), t.shape))
    return bytes(proto.SerializeToString())


def with_attributes(node: NodeProto, function: FunctionProto, attributes: dict[str, onnx.AttributeProto]) -> NodeProto:
    """A node of a body with its references to the function's attributes resolved; what is not given goes away."""
    defaults = {a.name: a for a in function.attribute_proto}
    result = NodeProto()
    result.CopyFrom(node)
    del result.attribute[:]
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            result.attribute.append(_inside(attribute, function, attributes))
            continue
        given = attributes.get(attribute.ref_attr_name, defaults.get(attribute.ref_attr_name))
        if given is not None:
            copy = result.attribute.add()
            copy.CopyFrom(given)
            copy.name = attribute.name
    return result


def _inside(
    attribute: onnx.AttributeProto, function: FunctionProto, attributes: dict[str, onnx.AttributeProto]
) -> onnx.AttributeProto:
    """Sub-graphs of a function's nodes may refer to its attributes, too."""
    if attribute.type != onnx.AttributeProto.GRAPH:
        return attribute
    copy = onnx.AttributeProto()
    copy.CopyFrom(attribute)
    resolved = [with_attributes(n, function, attributes) for n in attribute.g.node]
    del copy.g.node[:]
    copy.g.node.extend(resolved)
    return copy
