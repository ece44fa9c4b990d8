"""Reading ONNX nodes one after another: by the operator's class, by folding, or by the standard's own definition."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace

import onnx
from onnx import FunctionProto, GraphProto, NodeProto

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Value
from compiler.graph.types import TensorType
from compiler.importers.onnx_draft import Draft, tensor_array
from compiler.importers.onnx_functions import STANDARD, body_of, schema, with_attributes
from compiler.importers.onnx_node import NodeReader, qualified
from compiler.ops.base import onnx_readers

NEWEST = {"": onnx.defs.onnx_opset_version()}  # what the standard's definitions are written in when nothing says so
MAX_DEPTH = 16  # functions and sub-graphs inside each other


@dataclass(frozen=True)
class Scope:
    """Where a name means something: the model's graph, or the body of a function or of a control-flow operator."""

    values: MutableMapping[str, Value | None]  # None: behind an unsupported node
    opsets: Mapping[str, int]
    prefix: str = ""  # of the names of values made here; "" is the model itself
    owner: str = ""  # the model's node that this body belongs to
    read: frozenset[str] = frozenset()  # tensors that somebody reads
    depth: int = 0

    def opset(self, domain: str) -> int:
        for name in STANDARD if domain in STANDARD else (domain,):
            if name in self.opsets:
                return self.opsets[name]
        if domain not in STANDARD:
            return 1
        raise ModelError("E0106", "the model does not say which version of the operator set it uses")


def reads(nodes: Iterable[NodeProto], outputs: Iterable[str]) -> frozenset[str]:
    """Names that nodes, their sub-graphs, or the outputs read."""
    found = set(outputs)
    for node in nodes:
        found.update(node.input)
        for attribute in node.attribute:
            for graph in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
                found |= reads(graph.node, (o.name for o in graph.output))
    return frozenset(found)


def read_node(draft: Draft, scope: Scope, node: NodeProto, name: str) -> None:
    """Read one node and name its outputs. Raises ModelError for what has no lowering."""
    reader = NodeReader(draft, scope.values, node, name, scope.opset(node.domain), _Bodies(draft, scope, name))
    results = _results(draft, scope, reader, node, name)
    for index, (output, value) in enumerate(zip(node.output, results, strict=False)):
        if output and value is not None:
            reader.name_output(index, output, value, scope.prefix)
    for output in list(node.output)[len(results) :]:
        if output and output in scope.read:
            raise reader.unsupported(f"output '{output[:80]}' of {node.op_type} is used", "")


def read_nodes(draft: Draft, scope: Scope, nodes: Iterable[NodeProto]) -> None:
    for node in nodes:
        for name in node.input:
            if name and scope.values.get(name) is None:
                raise ModelError("E0104", f"reads '{name[:80]}', which nothing before it writes")
        read_node(draft, scope, node, scope.owner)


def known(node: NodeProto, opset: int) -> bool:
    """Is there a class of ours, or a definition by other operators?"""
    if qualified(node) in onnx_readers():
        return True
    found = schema(node, opset)
    return found is not None and bool(found.has_function or found.has_context_dependent_function)


def _results(draft: Draft, scope: Scope, reader: NodeReader, node: NodeProto, name: str) -> tuple[Value | None, ...]:
    own = onnx_readers().get(qualified(node))
    if own is not None:
        made = own(reader)
        return made if isinstance(made, tuple) else (made,)
    types = [None if v is None else v.type for v in reader.inputs]
    function = body_of(node, reader.opset, types)
    if function is None:
        raise reader.unsupported(
            f"operator {qualified(node)[:80]} has no lowering yet",
            "replace it in the model, or export with operators that `deepmetal ops` lists",
            code="E0201",
        )
    return _expanded(draft, scope, function, node, reader.inputs, name)


def _expanded(
    draft: Draft, scope: Scope, function: FunctionProto, node: NodeProto, inputs: Sequence[Value | None], name: str
) -> tuple[Value | None, ...]:
    """The outputs of a function's body for these operands."""
    given = dict(zip(function.input, [*inputs, *([None] * len(function.input))], strict=False))
    attributes = {a.name: a for a in node.attribute}
    nodes = [_without_absent(with_attributes(n, function, attributes), given) for n in function.node]
    inner = _enter(
        scope,
        draft,
        values={n: v for n, v in given.items() if v is not None},
        owner=name,
        opsets=NEWEST | dict(scope.opsets) | {o.domain: o.version for o in function.opset_import},
        read=reads(nodes, function.output),
    )
    read_nodes(draft, inner, nodes)
    wanted = zip(function.output, node.output, strict=False)
    # an output that this definition does not write may be left unnamed only
    return tuple(_result(inner, o) if named else None for o, named in wanted)


def _without_absent(node: NodeProto, given: Mapping[str, Value | None]) -> NodeProto:
    """Optional operands that the caller left out are absent in the body, too."""
    absent = {n for n, v in given.items() if v is None}
    if not absent & set(node.input):
        return node
    result = NodeProto()
    result.CopyFrom(node)
    del result.input[:]
    result.input.extend("" if n in absent else n for n in node.input)
    return result


def _enter(
    scope: Scope,
    draft: Draft,
    values: MutableMapping[str, Value | None],
    owner: str,
    opsets: Mapping[str, int],
    read: frozenset[str],
) -> Scope:
    if scope.depth >= MAX_DEPTH:
        raise ModelError("E0104", "functions or sub-graphs are nested too deeply", help="export the model without them")
    return replace(
        scope, values=values, prefix=draft.fresh(f"{owner}/") + "/", owner=owner, opsets=opsets, read=read,
        depth=scope.depth + 1,
    )  # fmt: skip


def _result(scope: Scope, name: str) -> Value:
    value = scope.values.get(name)
    if value is None:
        raise ModelError("E0104", f"'{name[:80]}' is never written in the body of '{scope.owner[:80]}'")
    return value


@dataclass(frozen=True)
class _Bodies:
    """What `Reader.inline` and `Reader.subgraph` do for a node of this scope."""

    draft: Draft
    scope: Scope
    name: str

    def inline(self, body: GraphProto, inputs: Sequence[Value]) -> tuple[Value, ...]:
        return _body(self.draft, self.scope, self.name, body, inputs)

    def subgraph(self, body: GraphProto, types: Sequence[TensorType]) -> tuple[Graph, tuple[Value, ...]]:
        """The body in a draft of its own; constants of outer scopes become its own, other values become inputs."""
        inner = Draft(names=self.draft.names, counts=None)
        parameters = tuple(Value(inner.fresh("body:in"), t) for t in types)
        captured: dict[str, Value] = {}
        outer: dict[str, Value | None] = {}
        for name in sorted(reads(body.node, (o.name for o in body.output))):
            value = self.scope.values.get(name)
            if value is None:
                continue
            constant = self.draft.constant(value)
            if constant is not None:
                inner.constants[value.name] = constant
            else:
                captured[value.name] = value
            outer[name] = value
        scope = replace(self.scope, values=outer)
        results = _body(inner, scope, self.name, body, parameters)
        captures = tuple(captured.values())
        self.draft.names = inner.names
        outputs = tuple(inner.own_output(v, (*parameters, *captures)) for v in results)
        graph = Graph(self.name, (*parameters, *captures), outputs, tuple(inner.nodes), inner.constants)
        return graph.without_dead_code(), captures


def _body(draft: Draft, scope: Scope, name: str, body: GraphProto, inputs: Sequence[Value]) -> tuple[Value, ...]:
    if len(body.input) != len(inputs):
        raise ModelError("E0104", f"a body of '{name[:80]}' has {len(body.input)} inputs, {len(inputs)} are given")
    own: dict[str, Value | None] = {v.name: value for v, value in zip(body.input, inputs, strict=True)}
    inner = _enter(
        scope, draft, ChainMap(own, scope.values), name, scope.opsets,
        reads(body.node, (o.name for o in body.output)),
    )  # fmt: skip
    for tensor in body.initializer:
        own[tensor.name] = draft.define_constant(f"{inner.prefix}{tensor.name}", tensor_array(tensor))
    read_nodes(draft, inner, body.node)
    return tuple(_result(inner, o.name) for o in body.output)
