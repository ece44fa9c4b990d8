"""ONNX to graph: shapes made concrete, constants folded, every unsupported node collected before raising.

Operators read their own spellings of every opset (`Op.from_onnx`) and infer their own shapes. See
decisions/0003-opsets.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError
from onnx import ModelProto, NodeProto

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Value
from compiler.graph.types import DTYPES, Array, TensorType
from compiler.importers.external_data import external_tensors
from compiler.importers.free_dims import Declared, question, settle
from compiler.importers.onnx_draft import Draft, check_size, tensor_array
from compiler.importers.onnx_functions import STANDARD
from compiler.importers.onnx_limits import check_limits
from compiler.importers.onnx_node import NeedsValue
from compiler.importers.onnx_nodes import Scope, read_node, reads
from compiler.inspection import OpenTensor, Unsupported

Shapes = Mapping[str, tuple[int, ...]]
_MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError)


def read(path: Path) -> ModelProto:
    """Parse the file; E0103 when it is no ONNX model. External data is refused: it comes in a zip, or not at all."""
    model = parse(path.read_bytes())
    for tensor in external_tensors(model):
        raise ModelError(
            "E0105",
            "weights lie in a second file beside the model",
            where=f"tensor {tensor.name!r}",
            help="put the model and its data file into one zip and give that; or save it with its weights inside: "
            "onnx.save(model, path, save_as_external_data=False)",
        )
    return model


def parse(content: bytes) -> ModelProto:
    """The model in these bytes, external data unresolved."""
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError, RecursionError) as error:
        raise ModelError(
            "E0103", "the file is not a readable ONNX model", help="export the model again; the file may be truncated"
        ) from error
    if not model.graph.node and not model.graph.output:
        raise ModelError("E0103", "the file holds no graph", help="export the model again; the file may be truncated")
    return model


def check_opsets(model: ModelProto) -> None:
    """E0106 for a version of the standard operator set that does not exist (yet)."""
    newest = onnx.defs.onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in STANDARD and not 1 <= opset.version <= newest:
            raise ModelError(
                "E0106",
                f"opset {opset.version} is not one of 1 to {newest}",
                help="export with a released opset, for instance 20",
            )


@dataclass
class Imported:
    """What came out: a graph, or the reasons why there is none."""

    graph: Graph | None
    unsupported: list[Unsupported]
    inputs: list[OpenTensor]
    outputs: list[OpenTensor]
    operators: dict[str, int]
    parameters: int
    open_inputs: dict[str, list[int | None]]
    model: ModelProto  # as it was read: functions inlined
    needed: frozenset[str]  # inputs that decide shapes: their values must be known when the model is compiled


def import_onnx(model: ModelProto, shapes: Shapes, name: str = "model") -> Graph:
    """The graph of a model; raises one ModelError that lists everything unsupported, or asks for open shapes."""
    imported = analyse(model, shapes, name)
    if imported.open_inputs:
        raise question([declared(v) for v in imported.model.graph.input], imported.open_inputs)
    if imported.unsupported or imported.graph is None:
        raise unsupported_error(imported.unsupported)
    return imported.graph


def unsupported_error(found: list[Unsupported]) -> ModelError:
    first = found[0]
    if len(found) == 1:
        return ModelError(first.code, first.reason, where=f"node {first.node!r} ({first.op})", help=first.help)
    facts = {f"{u.node} ({u.op})": f"{u.reason}" + (f"; {u.help}" if u.help else "") for u in found[:40]}
    if len(found) > 40:
        facts["..."] = f"and {len(found) - 40} more"
    return ModelError(
        first.code, f"{len(found)} nodes cannot be compiled", facts=facts, help="see each node's hint above"
    )


def analyse(
    model: ModelProto, shapes: Shapes, name: str = "model", bound: Mapping[str, Array] | None = None
) -> Imported:
    """Read everything that can be read; never raises for an unsupported operator.

    `bound` are inputs whose values are known now: they become constants.
    """
    check_opsets(model)
    check_limits(model)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    importer = _Importer(model, shapes, dict(bound or {}), Draft())
    importer.run()
    graph = None
    if not importer.open_inputs and not importer.unsupported:
        graph = importer.graph(name).without_dead_code()
    return Imported(
        graph,
        importer.unsupported,
        [_open(v) for v in importer.real_inputs()],
        [_open(v) for v in model.graph.output],
        importer.operators,
        sum(prod(t.dims) for t in model.graph.initializer if len(t.dims) > 0),
        importer.open_inputs,
        model,
        frozenset(importer.needed),
    )


def _open(v: onnx.ValueInfoProto) -> OpenTensor:
    t = v.type.tensor_type
    try:
        dtype = str(onnx.helper.tensor_dtype_to_np_dtype(t.elem_type))
    except (KeyError, ValueError):
        dtype = "unknown"
    dims = [d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in t.shape.dim]
    return OpenTensor(name=v.name, dtype=dtype, shape=dims)


def declared(v: onnx.ValueInfoProto) -> Declared:
    """The input's dimensions with the names of those that are open."""
    shape = v.type.tensor_type.shape
    names = [d.dim_param or None for d in shape.dim]
    sizes = _open(v).shape
    dims = tuple(name if size is None else size for size, name in zip(sizes, names, strict=True))
    return Declared(v.name, dims if v.type.tensor_type.HasField("shape") else None)


@dataclass
class _Importer:
    model: ModelProto
    shapes: Shapes
    bound: Mapping[str, Array]
    draft: Draft
    inputs: list[Value] = field(default_factory=list)
    unsupported: list[Unsupported] = field(default_factory=list)
    operators: dict[str, int] = field(default_factory=dict)
    open_inputs: dict[str, list[int | None]] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        graph = self.model.graph
        opsets = {o.domain: int(o.version) for o in self.model.opset_import}
        self.scope = Scope({}, opsets, read=reads(graph.node, (o.name for o in graph.output)))

    def real_inputs(self) -> list[onnx.ValueInfoProto]:
        """Inputs that are not merely declarations of initializers, as old files have them."""
        given = {t.name for t in self.model.graph.initializer}
        return [v for v in self.model.graph.input if v.name not in given]

    def run(self) -> None:
        for tensor in self.model.graph.initializer:
            self.scope.values[tensor.name] = self.draft.define_constant(tensor.name, tensor_array(tensor))
        if self.model.graph.sparse_initializer:
            raise ModelError("E0202", "sparse weights are not supported", help="export the model with dense weights")
        inputs = self.real_inputs()
        sizes = settle([declared(v) for v in inputs], self.shapes)
        self.open_inputs = sizes.asked
        for v in inputs:
            self._input(v, sizes.shapes.get(v.name))
        for index, node in enumerate(self.model.graph.node):
            self.operators[node.op_type] = self.operators.get(node.op_type, 0) + 1
            self._node(node, node.name or f"{node.op_type}_{index}")

    def _input(self, v: onnx.ValueInfoProto, shape: tuple[int, ...] | None) -> None:
        """An input of this shape; None: it is open."""
        if v.name in self.bound:
            self.scope.values[v.name] = self.draft.define_constant(v.name, self.bound[v.name])
            return
        dtype = _open(v).dtype
        if not v.type.HasField("tensor_type") or dtype not in DTYPES:
            raise ModelError("E0309", f"input '{v.name}' is no tensor of numbers", help="use tensor inputs only")
        if shape is None:
            self.scope.values[v.name] = None
            return
        check_size(shape, v.name)
        value = Value(v.name, TensorType.of(dtype, shape))
        self.scope.values[v.name] = value
        self.inputs.append(value)

    def _node(self, node: NodeProto, name: str) -> None:
        if any(i and self.scope.values.get(i) is None for i in node.input):
            missing = [i for i in node.input if i and i not in self.scope.values]
            if missing:
                self._refuse(node, name, "E0104", f"reads '{missing[0]}', which nothing before it writes", "")
            for output in node.output:
                self.scope.values[output] = None
            return
        try:
            read_node(self.draft, self.scope, node, name)
        except NeedsValue as error:
            self.needed |= error.inputs
            self._refuse(node, name, error.code, error.title, error.help)
        except ModelError as error:
            self._refuse(node, name, error.code, error.title, error.help)
        except _MALFORMED as error:
            self._refuse(node, name, "E0104", f"the node is malformed ({type(error).__name__}: {str(error)[:120]})", "")

    def _refuse(self, node: NodeProto, name: str, code: str, reason: str, help: str) -> None:
        self.unsupported.append(Unsupported(node=name, op=node.op_type, code=code, reason=reason, help=help))
        for output in node.output:
            self.scope.values[output] = None

    def _counts(self) -> list[Value]:
        """How much of results means something, under names that no tensor of the model has."""
        found: list[Value] = []
        for name, value in self.draft.counts or ():
            taken = name in self.scope.values or name in (v.name for v in found)
            found.append(Value(self.draft.fresh(f"{name}_") if taken else name, value.type))
            self.draft.rename(value, found[-1], 0)
        return found

    def graph(self, name: str) -> Graph:
        outputs: list[Value] = []
        names = [v.name for v in self.model.graph.output]
        if len(set(names)) < len(names):
            raise ModelError("E0104", "an output is listed twice", help="export the model again")
        for v in self.model.graph.output:
            value = self.scope.values.get(v.name)
            if value is None:
                raise ModelError("E0104", f"output '{v.name}' is never written", help="export the model again")
            own = "" if value.name == v.name else v.name
            outputs.append(self.draft.own_output(value, self.inputs, own, outputs))
        outputs += self._counts()
        if not outputs:
            raise ModelError("E0104", "the model has no outputs", help="export the model again")
        return Graph(name, tuple(self.inputs), tuple(outputs), tuple(self.draft.nodes), self.draft.constants)


def as_shapes(model: ModelProto, arrays: Mapping[str, Array]) -> Shapes:
    """The shapes of these arrays, for the inputs that leave a dimension open."""
    found = {}
    for v in model.graph.input:
        if v.name in arrays and (not v.type.tensor_type.HasField("shape") or None in _open(v).shape):
            found[v.name] = tuple(int(n) for n in arrays[v.name].shape)
    return found
