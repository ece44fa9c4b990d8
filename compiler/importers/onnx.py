"""ONNX to graph: shapes made concrete, constants folded, every unsupported node collected before raising.

Operators read their own spellings for every opset from 7 on (`Op.from_onnx`) and infer their own shapes; onnx's version
converter is the way in for older ones. See decisions/0003-opsets.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnx.inliner
import onnx.version_converter
from google.protobuf.message import DecodeError
from onnx import ModelProto, NodeProto, TensorProto

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Value
from compiler.graph.types import DTYPES, TensorType
from compiler.importers.fold import FOLD
from compiler.importers.onnx_limits import check_limits
from compiler.importers.onnx_node import Draft, NodeReader, check_size, tensor_array
from compiler.inspection import OpenTensor, Unsupported
from compiler.ops.base import onnx_readers

Shapes = Mapping[str, tuple[int, ...]]
_MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError)
_STANDARD = ("", "ai.onnx")


def read(path: Path) -> ModelProto:
    """Parse the file; E0103 when it is no ONNX model. External data is refused: the upload is one file."""
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except (DecodeError, ValueError, RecursionError) as error:
        raise ModelError(
            "E0103", "the file is not a readable ONNX model", help="export the model again; the file may be truncated"
        ) from error
    if not model.graph.node and not model.graph.output:
        raise ModelError("E0103", "the file holds no graph", help="export the model again; the file may be truncated")
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            raise ModelError(
                "E0105",
                "weights lie in a second file beside the model",
                where=f"initializer {tensor.name!r}",
                help="save the model with its weights inside: onnx.save(model, path, save_as_external_data=False)",
            )
    return model


def opset_of(model: ModelProto) -> int:
    """The version of the standard operator set; E0106 outside what can be read."""
    versions = [o.version for o in model.opset_import if o.domain in _STANDARD]
    newest = onnx.defs.onnx_opset_version()
    if not versions or versions[0] > newest or versions[0] < 1:
        raise ModelError(
            "E0106",
            f"opset {versions[0] if versions else 'none'} is not one of 1 to {newest}",
            help="export with a released opset, for instance 20",
        )
    return int(versions[0])


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
    model: ModelProto  # as it was read: of a newer opset, functions inlined


def import_onnx(model: ModelProto, shapes: Shapes, name: str = "model") -> Graph:
    """The graph of a model; raises one ModelError that lists everything unsupported, or asks for open shapes."""
    imported = analyse(model, shapes, name)
    if imported.open_inputs:
        first, dims = next(iter(imported.open_inputs.items()))
        asked = ",".join("?" if d is None else str(d) for d in dims)
        raise ModelError(
            "E0308",
            f"input '{first}' has open dimensions: [{asked}]",
            facts={"input": first, "shape": asked},
            help=f"give the shape: --shape {first}={','.join('N' if d is None else str(d) for d in dims)}",
        )
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


def analyse(model: ModelProto, shapes: Shapes, name: str = "model") -> Imported:
    """Read everything that can be read; never raises for an unsupported operator."""
    opset = opset_of(model)
    check_limits(model)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    outputs = [_open(v) for v in model.graph.output]
    if opset < 7:
        model, opset = _upgrade(model, opset, shapes)
    importer = _Importer(model, shapes, Draft(opset))
    importer.run()
    graph = None
    if not importer.open_inputs and not importer.unsupported:
        graph = importer.graph(name).without_dead_code()
    return Imported(
        graph,
        importer.unsupported,
        [_open(v) for v in importer.real_inputs()],
        outputs,
        importer.operators,
        sum(prod(t.dims) for t in model.graph.initializer if len(t.dims) > 0),
        importer.open_inputs,
        model,
    )


def _upgrade(model: ModelProto, opset: int, shapes: Shapes) -> tuple[ModelProto, int]:
    """The model in a newer opset. The converter wants numbers for all dimensions; the inputs get theirs before it."""
    fixed = ModelProto()
    fixed.CopyFrom(model)
    for v in fixed.graph.input:
        given = shapes.get(v.name, shapes.get(""))
        dims = v.type.tensor_type.shape.dim
        for i, d in enumerate(dims):
            if given is not None and len(given) == len(dims):
                d.dim_value = given[i]
            elif i == 0 and not d.HasField("dim_value"):
                d.dim_value = 1  # a free batch
    del fixed.graph.value_info[:]
    for v in fixed.graph.output:
        v.type.tensor_type.ClearField("shape")
    try:
        return onnx.version_converter.convert_version(fixed, 13), 13
    except (onnx.version_converter.ConvertError, RuntimeError, ValueError, IndexError) as error:
        raise ModelError(
            "E0106", f"opset {opset} is older than 7 and cannot be converted", help="export with opset 13 or newer"
        ) from error


def _open(v: onnx.ValueInfoProto) -> OpenTensor:
    t = v.type.tensor_type
    try:
        dtype = str(onnx.helper.tensor_dtype_to_np_dtype(t.elem_type))
    except (KeyError, ValueError):
        dtype = "unknown"
    dims = [d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in t.shape.dim]
    return OpenTensor(name=v.name, dtype=dtype, shape=dims)


def _fits(declared: Sequence[int | None], given: Sequence[int]) -> bool:
    """May these sizes be chosen? Open dimensions may, and a batch of 1."""
    if len(given) != len(declared):
        return False
    batch = [True] + [False] * len(given)
    return all(d is None or d == g or (first and d <= 1) for d, g, first in zip(declared, given, batch, strict=False))


@dataclass
class _Importer:
    model: ModelProto
    shapes: Shapes
    draft: Draft
    inputs: list[Value] = field(default_factory=list)
    unsupported: list[Unsupported] = field(default_factory=list)
    operators: dict[str, int] = field(default_factory=dict)
    open_inputs: dict[str, list[int | None]] = field(default_factory=dict)

    def real_inputs(self) -> list[onnx.ValueInfoProto]:
        """Inputs that are not merely declarations of initializers, as old files have them."""
        given = {t.name for t in self.model.graph.initializer}
        return [v for v in self.model.graph.input if v.name not in given]

    def run(self) -> None:
        for tensor in self.model.graph.initializer:
            self.draft.define_constant(tensor.name, tensor_array(tensor))
        if self.model.graph.sparse_initializer:
            raise ModelError("E0202", "sparse weights are not supported", help="export the model with dense weights")
        self._check_shapes()
        for v in self.real_inputs():
            self._input(v)
        for index, node in enumerate(self.model.graph.node):
            self.operators[node.op_type] = self.operators.get(node.op_type, 0) + 1
            self._node(node, node.name or f"{node.op_type}_{index}")

    def _check_shapes(self) -> None:
        names = [v.name for v in self.real_inputs()]
        for wanted in self.shapes:
            if wanted not in names and not (wanted == "" and len(names) == 1):
                raise ModelError(
                    "E1004",
                    f"--shape names the input '{wanted}', which the model does not have" if wanted else
                    "--shape needs a name: the model has several inputs",
                    facts={"inputs": ", ".join(names)},
                    help=f"for instance --shape {names[0] if names else 'x'}=1,3,32,32",
                )  # fmt: skip

    def _input(self, v: onnx.ValueInfoProto) -> None:
        declared = _open(v)
        given = self.shapes.get(v.name, self.shapes.get("") if len(self.real_inputs()) == 1 else None)
        dims: list[int | None] = list(declared.shape)
        if not v.type.HasField("tensor_type") or declared.dtype not in DTYPES:
            raise ModelError("E0309", f"input '{v.name}' is no tensor of numbers", help="use tensor inputs only")
        if given is not None:
            if v.type.tensor_type.HasField("shape") and not _fits(dims, given):
                raise ModelError(
                    "E1004",
                    f"--shape {v.name}={','.join(map(str, given))} does not fit the model's {declared.shape}",
                    help="only open dimensions can be chosen",
                )
            dims = list(given)
        elif dims and dims[0] is None:
            dims[0] = 1  # a free batch
        if not v.type.tensor_type.HasField("shape") and given is None:
            self.open_inputs[v.name] = [None]
        if any(d is None for d in dims):
            self.open_inputs[v.name] = dims
            self.draft.values[v.name] = None
            return
        shape = tuple(int(d) for d in dims if d is not None)
        check_size(shape, v.name)
        value = Value(v.name, TensorType.of(declared.dtype, shape))
        self.draft.values[v.name] = value
        self.inputs.append(value)

    def _node(self, node: NodeProto, name: str) -> None:
        readers = onnx_readers()
        known_op = node.op_type in readers or node.op_type in FOLD or node.op_type in ("Constant", "Shape", "Size")
        if node.domain not in _STANDARD or not known_op:
            domain = "" if node.domain in _STANDARD else f" of domain {node.domain}"
            self._refuse(node, name, "E0201", f"operator {node.op_type}{domain} has no lowering yet",
                         "replace it in the model, or export with operators that `deepmetal ops` lists")  # fmt: skip
            return
        if any(i and self.draft.values.get(i) is None for i in node.input):
            missing = [i for i in node.input if i and i not in self.draft.values]
            if missing:
                self._refuse(node, name, "E0104", f"reads '{missing[0]}', which nothing before it writes", "")
            for output in node.output:
                self.draft.values[output] = None
            return
        reader = NodeReader(self.draft, node, name)
        try:
            results = self._results(reader, node)
            for index, (output, value) in enumerate(zip(node.output, results, strict=False)):
                if output:
                    reader.name_output(index, output, value)
            for output in list(node.output)[len(results) :]:
                if output and self._is_read(output):
                    raise reader.unsupported(f"output {output!r} of {node.op_type} is used", "")
        except ModelError as error:
            self._refuse(node, name, error.code, error.title, error.help)
        except _MALFORMED as error:
            self._refuse(node, name, "E0104", f"the node is malformed ({type(error).__name__}: {str(error)[:120]})", "")

    def _is_read(self, tensor: str) -> bool:
        return tensor in self._read_names

    @cached_property
    def _read_names(self) -> frozenset[str]:
        graph = self.model.graph
        return frozenset(i for n in graph.node for i in n.input) | {o.name for o in graph.output}

    def _results(self, reader: NodeReader, node: NodeProto) -> tuple[Value, ...]:
        match node.op_type:
            case "Constant":
                return (reader.const(reader.constant_attribute()),)
            case "Shape":
                shape = np.asarray(reader.type().shape, np.int64)
                return (reader.const(shape[slice(reader.attr("start", 0), reader.attr("end"))]),)
            case "Size":
                return (reader.const(np.asarray(reader.type().elements, np.int64)),)
        if node.op_type in FOLD:
            folded = self._folded(reader, lowered=node.op_type in onnx_readers())
            if folded is not None:
                return (folded,)
        made = onnx_readers()[node.op_type](reader)
        return made if isinstance(made, tuple) else (made,)

    def _folded(self, reader: NodeReader, lowered: bool) -> Value | None:
        """The result of shape arithmetic; None where the operator itself takes over, as it does for float operands."""
        given = [reader.known(i) for i in range(len(reader.inputs)) if reader.has(i)]
        known = [a for a in given if a is not None]
        if lowered and (len(known) < len(given) or (known and known[0].dtype == np.float32)):
            return None
        if len(known) < len(given):
            raise reader.unsupported(
                f"operator {reader.op_type} with a run-time operand has no lowering yet",
                "replace it in the model, or export with constant operands",
                code="E0201",
            )
        with np.errstate(all="ignore"):
            array = np.asarray(FOLD[reader.op_type](reader, *known))
        if reader.op_type != "ConstantOfShape":  # a symbolic fill takes no memory
            check_size(array.shape, reader.name)
        return reader.const(array)

    def _refuse(self, node: NodeProto, name: str, code: str, reason: str, help: str) -> None:
        self.unsupported.append(Unsupported(node=name, op=node.op_type, code=code, reason=reason, help=help))
        for output in node.output:
            self.draft.values[output] = None

    def graph(self, name: str) -> Graph:
        outputs = []
        for v in self.model.graph.output:
            value = self.draft.values.get(v.name)
            if value is None:
                raise ModelError("E0104", f"output '{v.name}' is never written", help="export the model again")
            if value.name in self.draft.constants or value in self.inputs or value in outputs:
                raise ModelError(
                    "E0202", f"output '{v.name}' is a constant, an input, or listed twice",
                    help="remove it from the model's outputs",
                )  # fmt: skip
            outputs.append(value)
        if not outputs:
            raise ModelError("E0104", "the model has no outputs", help="export the model again")
        return Graph(name, tuple(self.inputs), tuple(outputs), tuple(self.draft.nodes), self.draft.constants)
