"""A graph as two files: `m.graph.json`, made to be read and compared, and `m.weights.bin` with the constants' bytes.

The schema is `deepmetal.graph/1`; README.md in this folder describes it. Equal graphs give equal files, and what was
written reads back as the same graph. A file is not believed: `read` checks every name, type and offset, and accepts
operators and fields that the registry knows, so nothing in a file can do more than describe a graph.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from compiler.errors import CompilerBug, ModelError
from compiler.graph.disk_fields import MAX_DEPTH, Decoder, Encoder, malformed, text
from compiler.graph.disk_weights import ConstantReader, ConstantWriter
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import DTYPES, Array, Layout, Quant, Shape, TensorType

SCHEMA = "deepmetal.graph/1"
MAX_JSON = 64 << 20  # bytes
MAX_NODES = 100_000
MAX_NAMES = 400_000
MAX_RANK = 64
MAX_ELEMENTS = 2**26  # of one tensor, as for every other format
_PASSES = 1_000


@dataclass(frozen=True)
class Stored:
    """A graph and how it came to be."""

    graph: Graph
    passes: tuple[str, ...] = ()  # that ran on it since the import, in order


@dataclass(frozen=True)
class Written:
    """The two files."""

    json: bytes
    weights: bytes


def write(stored: Stored, weights_name: str) -> Written:
    """`weights_name` is what the weights file will be called beside the JSON."""
    constants = ConstantWriter()
    body = _Writer(constants).graph(stored.graph)
    weights = constants.content()
    head = {
        "schema": SCHEMA,
        "name": body.pop("name"),
        "passes": list(stored.passes),
        "weights": {
            "file": weights_name,
            "bytes": len(weights),
            "sha256": hashlib.sha256(weights).hexdigest(),
        },
    }
    return Written(_pretty({**head, **body}).encode(), weights)


def read(content: bytes, weights: bytes) -> Stored:
    """The graph; raises ModelError E0180 to E0182 for whatever is wrong. Types are checked by `verify`, not here."""
    data = parse(content)
    declared = weights_of(data)
    if declared.bytes != len(weights) or declared.sha256 != hashlib.sha256(weights).hexdigest():
        raise ModelError(
            "E0182",
            "the weights are not those that the graph file was written with",
            facts={"file": declared.file, "expected": f"{declared.bytes} bytes", "found": f"{len(weights)} bytes"},
            help="keep both files of one `deepmetal convert` together",
        )
    passes = data.get("passes", [])
    if not isinstance(passes, list) or len(passes) > _PASSES:
        malformed("passes", "a list is needed")
    return Stored(_Reader(weights).graph(data, "graph", 0), tuple(text(p, "passes", 64) for p in passes))


@dataclass(frozen=True)
class WeightsFile:
    file: str
    bytes: int
    sha256: str


def parse(content: bytes) -> dict[str, Any]:
    """The JSON and nothing more: an object of the right schema, not too large, no key twice, no odd numbers."""
    if len(content) > MAX_JSON:
        raise ModelError("E0184", f"the graph file has {len(content)} bytes, more than {MAX_JSON}")
    try:
        data = json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            "E0180",
            "the graph file is no readable JSON",
            facts={"reason": (str(error) or type(error).__name__)[:200]},
            help="write it again with `deepmetal convert`",
        ) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = str(data.get("schema"))[:60] if isinstance(data, dict) else "no object"
        raise ModelError(
            "E0180",
            f"the graph file has the schema {found!r}, not {SCHEMA!r}",
            help="write it again with this version of DeepMetal: deepmetal convert MODEL -o ...",
        )
    return data


def weights_of(data: dict[str, Any]) -> WeightsFile:
    """What the graph file says of its weights; the name is one of a file in the same folder."""
    given = data.get("weights")
    if not isinstance(given, dict):
        malformed("weights", "an object with file, bytes and sha256 is needed")
    name = text(given.get("file"), "weights.file", 255)
    if not name or name in (".", "..") or not name.isprintable() or set(name) & set('/\\:*?"<>|'):
        malformed("weights.file", "a plain file name is needed: the weights lie beside the graph file")
    size, digest = given.get("bytes"), given.get("sha256")
    if type(size) is not int or size < 0 or not isinstance(digest, str):
        malformed("weights", "bytes must be a number and sha256 a text")
    return WeightsFile(name, size, digest)


class _Writer:
    def __init__(self, constants: ConstantWriter) -> None:
        self.constants = constants
        self.encoder = Encoder(graph=self.graph, array=self.array)

    def graph(self, graph: Graph) -> dict[str, Any]:
        tensors: dict[str, TensorType] = {}
        used = [*graph.inputs, *(v for n in graph.nodes for v in (*n.present, *n.outputs)), *graph.outputs]
        for value in used:
            if tensors.setdefault(value.name, value.type) != value.type:
                raise CompilerBug("E0390", f"invalid graph: {value.name} has two types")
        order = [name for name in tensors if name in graph.constants]
        for name in sorted(graph.constants.keys() - tensors.keys()):  # read by nobody, or by a sub-graph
            array = graph.constants[name]
            tensors[name] = TensorType.of(str(array.dtype), array.shape)
            order.append(name)
        return {
            "name": graph.name,
            "inputs": [v.name for v in graph.inputs],
            "outputs": [v.name for v in graph.outputs],
            "tensors": {name: self.type(t) for name, t in tensors.items()},
            "constants": {name: self.constants.add(graph.constants[name]) for name in order},
            "nodes": [self.node(n) for n in graph.nodes],
        }

    def node(self, node: Node) -> dict[str, Any]:
        return {
            "name": node.name,
            **self.encoder.op(node.op),
            "inputs": [None if v is None else v.name for v in node.inputs],
            "outputs": [v.name for v in node.outputs],
            "sources": list(node.sources),
            "equals": list(node.equals),
        }

    def type(self, t: TensorType) -> dict[str, Any]:
        made: dict[str, Any] = {"dtype": t.dtype, "shape": list(t.shape)}
        if t.layout != Layout.row_major(t.rank):
            made["layout"] = self.encoder.fields(t.layout)
        if t.quant is not None:
            made["quant"] = self.encoder.fields(t.quant)
        return made

    def array(self, array: Array) -> dict[str, Any]:
        return {"dtype": str(array.dtype), "shape": list(array.shape), **self.constants.add(array)}


class _Reader:
    def __init__(self, weights: bytes) -> None:
        self.constants = ConstantReader(weights)
        self.decoder = Decoder(graph=self.graph, array=self.array)
        self.nodes = 0
        self.names = 0

    def graph(self, data: Any, where: str, depth: int) -> Graph:
        if depth > MAX_DEPTH or not isinstance(data, dict):
            malformed(where, "a graph is no object, or graphs are nested too deeply")
        types = {
            text(name, "tensors"): self.type(t, f"tensor {name[:60]!r}")
            for name, t in self._table(data, "tensors").items()
        }
        values = {name: Value(name, t) for name, t in types.items()}
        constants: dict[str, Array] = {}
        for name, place in self._table(data, "constants").items():
            if name not in types:
                malformed(f"constant {name[:60]!r}", "its type is missing under 'tensors'")
            constants[name] = self.constants.get(place, types[name].dtype, types[name].shape, f"constant {name[:60]!r}")
        nodes = data.get("nodes", [])
        if not isinstance(nodes, list):
            malformed("nodes", "a list is needed")
        self.nodes += len(nodes)
        if self.nodes > MAX_NODES:
            raise ModelError("E0184", f"the graph has more than {MAX_NODES} nodes")
        return Graph(
            name=text(data.get("name", ""), "name", 200),
            inputs=_ends(values, data.get("inputs"), "inputs"),
            outputs=_ends(values, data.get("outputs"), "outputs"),
            nodes=tuple(self.node(n, values, f"node {i}", depth) for i, n in enumerate(nodes)),
            constants=constants,
        )

    def _table(self, data: dict[str, Any], key: str) -> dict[str, Any]:
        found = data.get(key, {})
        if not isinstance(found, dict):
            malformed(key, "an object is needed")
        self.names += len(found)
        if self.names > MAX_NAMES:
            raise ModelError("E0184", f"the graph has more than {MAX_NAMES} tensors")
        return found

    def node(self, data: Any, values: dict[str, Value], where: str, depth: int) -> Node:
        if not isinstance(data, dict):
            malformed(where, "an object is needed")
        name = text(data.get("name", ""), f"{where}: name")
        where = f"node {name[:80]!r}" if name else where
        inputs = data.get("inputs")
        if not isinstance(inputs, list) or len(inputs) > MAX_NAMES:
            malformed(where, "inputs are no list")
        outputs = _ends(values, data.get("outputs"), where)
        if not outputs:
            malformed(where, "it has no outputs")
        equals = _texts(data.get("equals", [""] * len(outputs)), where)
        if equals and len(equals) != len(outputs):
            malformed(where, "'equals' needs one name for each output")
        return Node(
            op=self.decoder.op(data, where, depth),
            inputs=tuple(None if i is None else _known(values, i, where) for i in inputs),
            outputs=outputs,
            name=name,
            sources=_texts(data.get("sources", []), where),
            equals=equals,
        )

    def type(self, data: Any, where: str) -> TensorType:
        if not isinstance(data, dict) or data.keys() - {"dtype", "shape", "layout", "quant"}:
            malformed(where, "a type is an object with dtype, shape, and perhaps layout and quant")
        dtype, shape = _dtype_and_shape(data, where)
        layout = Layout.row_major(len(shape))
        if "layout" in data:
            layout = self.decoder.value(Layout, data["layout"], where)
            if sorted(layout.order) != list(range(len(shape))):
                malformed(where, "the layout does not name each axis once")
        quant = self.decoder.value(Quant, data["quant"], where) if "quant" in data else None
        return TensorType(dtype, shape, layout, quant)

    def array(self, data: Any, where: str) -> Array:
        if not isinstance(data, dict):
            malformed(where, "an array is no object")
        dtype, shape = _dtype_and_shape(data, where)
        return self.constants.get({k: v for k, v in data.items() if k not in ("dtype", "shape")}, dtype, shape, where)


def _dtype_and_shape(data: dict[str, Any], where: str) -> tuple[str, Shape]:
    dtype, shape = data.get("dtype"), data.get("shape")
    if dtype not in DTYPES:
        malformed(where, f"{str(dtype)[:40]!r} is no element type")
    if not isinstance(shape, list) or len(shape) > MAX_RANK or any(type(n) is not int or n < 0 for n in shape):
        malformed(where, "the shape is no list of sizes")
    if prod(shape) > MAX_ELEMENTS or max(shape, default=0) > MAX_ELEMENTS:
        raise ModelError("E0310", f"{where} has more than {MAX_ELEMENTS} elements")
    return str(dtype), tuple(shape)


def _known(values: dict[str, Value], name: Any, where: str) -> Value:
    value = values.get(name) if isinstance(name, str) else None
    if value is None:
        malformed(where, f"it names the tensor {str(name)[:60]!r}, which is not under 'tensors'")
    return value


def _ends(values: dict[str, Value], names: Any, where: str) -> tuple[Value, ...]:
    if not isinstance(names, list) or len(names) > MAX_NAMES:
        malformed(where, "a list of tensor names is needed")
    return tuple(_known(values, name, where) for name in names)


def _texts(data: Any, where: str) -> tuple[str, ...]:
    if not isinstance(data, list) or len(data) > MAX_NAMES:
        malformed(where, "a list of names is needed")
    return tuple(text(item, where) for item in data)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _pretty(data: dict[str, Any]) -> str:
    """One line for each tensor, constant and node, so that two files compare line by line."""

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=True, allow_nan=False)

    parts = []
    for key, value in data.items():
        if key in ("tensors", "constants") and value:
            rows = ",\n".join(f"  {line(k)}: {line(v)}" for k, v in value.items())
            parts.append(f" {line(key)}: {{\n{rows}\n }}")
        elif key == "nodes" and value:
            rows = ",\n".join(f"  {line(v)}" for v in value)
            parts.append(f" {line(key)}: [\n{rows}\n ]")
        else:
            parts.append(f" {line(key)}: {line(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
