"""Pictures of a graph: of the source model as its file says it, and of ours after optimisation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

from compiler.estimate import Planned
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import TensorType, stored_bytes
from compiler.lower import describe
from compiler.pack.text import plain
from compiler.picture import Picture, PictureNode, PictureTensor

NAME = 200  # characters of a name that are kept
TEXT = 120  # of an attribute's value
MOST_ATTRIBUTES = 60


def picture(graph: Graph, found: Planned | None) -> Picture:
    """A graph of ours; `found` says how each node runs."""
    table = _Table()
    constants = graph.constants
    inputs = [table.value(v) for v in graph.inputs]
    nodes = [_node(n, graph, found, table, constants) for n in graph.nodes]
    return Picture(nodes=nodes, tensors=table.tensors, inputs=inputs, outputs=[table.value(v) for v in graph.outputs])


def source_picture(model: ModelProto, graph: Graph | None, problems: Mapping[str, str]) -> Picture:
    """The source as its file has it. Types that the file leaves out come from `graph`, where the import got that far;
    `problems` are reasons by the names of nodes."""
    source = model.graph
    constants = {t.name for t in source.initializer} | {
        o for n in source.node if n.op_type == "Constant" for o in n.output
    }
    types = _declared(source) | ({} if graph is None else _known(graph))
    table = _Table()

    def place(name: str) -> int:
        return table.place(name, types.get(name, _UNKNOWN), name in constants)

    inputs = [place(v.name) for v in source.input if v.name not in constants]
    nodes = [
        _source_node(n, name, problems.get(name, ""), [place(i) if i else None for i in n.input],
                     [place(o) for o in n.output if o], table)
        for n, name in named_nodes(model)
        if n.op_type != "Constant"
    ]  # fmt: skip
    return Picture(nodes=nodes, tensors=table.tensors, inputs=inputs, outputs=[place(v.name) for v in source.output])


def named_nodes(model: ModelProto) -> Iterable[tuple[NodeProto, str]]:
    """Nodes with the names that the importer calls them by."""
    return ((n, n.name or f"{n.op_type}_{i}") for i, n in enumerate(model.graph.node))


# -- tensors --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Type:
    dtype: str = ""
    shape: tuple[int | None, ...] | None = None
    layout: str = ""
    bytes: int | None = None


_UNKNOWN = _Type()


@dataclass
class _Table:
    """The tensors of a picture, each once."""

    tensors: list[PictureTensor] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def place(self, name: str, t: _Type, constant: bool) -> int:
        if name not in self.places:
            self.places[name] = len(self.tensors)
            shape = None if t.shape is None else list(t.shape)
            self.tensors.append(
                PictureTensor(
                    name=plain(name, NAME), dtype=t.dtype, shape=shape, layout=t.layout, bytes=t.bytes,
                    constant=constant,
                )
            )  # fmt: skip
        return self.places[name]

    def value(self, v: Value, constant: bool = False) -> int:
        return self.place(v.name, _of(v.type), constant)


def _of(t: TensorType) -> _Type:
    return _Type(t.dtype, t.shape, str(t.layout).removeprefix("@"), t.bytes)


def _known(graph: Graph) -> dict[str, _Type]:
    values = [*graph.inputs, *(v for n in graph.nodes for v in (*n.present, *n.outputs))]
    return {v.name: _of(v.type) for v in values}


def _declared(source: onnx.GraphProto) -> dict[str, _Type]:
    found = {t.name: _sized(t.data_type, tuple(t.dims)) for t in source.initializer}
    for v in (*source.value_info, *source.input, *source.output):
        t = v.type.tensor_type
        if v.type.HasField("tensor_type") and t.HasField("shape"):
            dims = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in t.shape.dim)
            found.setdefault(v.name, _sized(t.elem_type, dims))
    return found


def _sized(elem_type: int, shape: tuple[int | None, ...]) -> _Type:
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(elem_type)
    except (KeyError, ValueError):
        return _Type("", shape)
    elements = 1
    for d in shape:
        if d is None:
            return _Type(str(dtype), shape)
        elements *= d
    return _Type(str(dtype), shape, "", elements * dtype.itemsize)


# -- nodes ----------------------------------------------------------------------------------------------------------


def _node(n: Node, graph: Graph, found: Planned | None, table: _Table, constants: Mapping[str, Any]) -> PictureNode:
    kind, family = found.kind(n) if found else (None, "")
    schedule = found.schedules[n.output.name].name if found and kind == "tuned" else ""
    return PictureNode(
        op=plain(describe(n)),
        name=plain(n.name, NAME),
        sources=[plain(s, NAME) for s in n.sources[:50]],
        attributes={f.name: _text(getattr(n.op, f.name)) for f in fields(n.op) if getattr(n.op, f.name) != f.default},
        inputs=[None if v is None else table.value(v, v.name in constants) for v in n.inputs],
        outputs=[table.value(v) for v in n.outputs],
        macs=n.macs,
        weights=sum(stored_bytes(a) for v in n.present if (a := graph.constant(v)) is not None),
        kind=kind,
        kernel=f"{family} {schedule}".strip(),
    )


def _source_node(
    n: NodeProto, name: str, problem: str, inputs: list[int | None], outputs: list[int], table: _Table
) -> PictureNode:
    weights = [table.tensors[i] for i in inputs if i is not None and table.tensors[i].constant]
    domain = "" if n.domain in ("", "ai.onnx") else f"{n.domain}."
    return PictureNode(
        op=plain(domain + n.op_type),
        name=plain(name, NAME),
        attributes={plain(a.name): _attribute(a) for a in n.attribute[:MOST_ATTRIBUTES]},
        inputs=inputs,
        outputs=outputs,
        weights=sum(t.bytes or 0 for t in weights),
        problem=plain(problem, 400),
    )


def _attribute(a: AttributeProto) -> str:
    if a.ref_attr_name:
        return "of the function that the node is in"
    match a.type:
        case AttributeProto.TENSOR:
            return _tensor(a.t)
        case AttributeProto.GRAPH:
            return f"a graph of {len(a.g.node)} nodes"
        case AttributeProto.FLOAT | AttributeProto.INT | AttributeProto.STRING:
            return _text(onnx.helper.get_attribute_value(a))
        case AttributeProto.FLOATS | AttributeProto.INTS | AttributeProto.STRINGS:
            return _text(list(onnx.helper.get_attribute_value(a)))
    return str(AttributeProto.AttributeType.Name(a.type)).lower().replace("_", " ")


def _tensor(t: TensorProto) -> str:
    return f"a tensor {'×'.join(map(str, t.dims)) or 'without dimensions'}"


def _text(value: object) -> str:
    match value:
        case Graph():
            return f"a graph of {len(value.nodes)} nodes"
        case np.ndarray():
            return f"a tensor {'×'.join(map(str, value.shape)) or 'without dimensions'}"
        case bytes():
            return plain(value.decode("utf-8", "replace"), TEXT)
        case float():
            return f"{value:.7g}"
        case list() | tuple() if len(value) > 16:
            return f"{len(value)} values: {', '.join(map(_text, value[:8]))}, …"
        case list() | tuple():
            return plain(", ".join(map(_text, value)), TEXT)
    return plain(value, TEXT)
