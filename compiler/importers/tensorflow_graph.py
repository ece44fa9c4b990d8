"""What a SavedModel or a frozen graph contains, read without TensorFlow: operations, inputs, outputs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from compiler.errors import ModelError
from compiler.importers.protobuf_wire import Malformed, entries, integer, messages, text
from compiler.importers.tensorflow_ops import ALLOWED, STRUCTURE
from compiler.inspection import OpenTensor, Unsupported

MAX_NODES = 200_000
_DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 9: "int64", 10: "bool",
    14: "bfloat16", 17: "uint16", 19: "float16", 20: "resource", 21: "variant", 22: "uint32", 23: "uint64",
}  # fmt: skip
DEFAULT = "serving_default"


@dataclass
class Contents:
    inputs: list[OpenTensor] = field(default_factory=list)
    outputs: list[OpenTensor] = field(default_factory=list)
    operators: Counter[str] = field(default_factory=Counter)
    unsupported: list[Unsupported] = field(default_factory=list)
    parameters: int = 0


def saved_model(data: bytes, where: str) -> Contents:
    """Of the signature that is served. E0172 when the file cannot be read."""
    try:
        graphs = list(messages(memoryview(data), 2))
        if len(graphs) != 1:
            raise ModelError(
                "E0172", f"the SavedModel holds {len(graphs)} graphs", where=where,
                help="Save it with one: model.export('folder') or tf.saved_model.save(model, 'folder').",
            )  # fmt: skip
        found = Contents()
        graph = next(messages(graphs[0], 2), memoryview(b""))
        _scan(found, graph)
        found.parameters = _count(graph)
        signatures = dict(entries(graphs[0], 5))
        signature = signatures.get(DEFAULT)
        if signature is None:
            raise ModelError(
                "E0172", f"the SavedModel has no signature '{DEFAULT}'", where=where,
                facts={"signatures": ", ".join(sorted(signatures))[:400]},
                help="Save it with model.export('folder'), or with signatures={'serving_default': function}.",
            )  # fmt: skip
        found.inputs = [_tensor(name, info) for name, info in entries(signature, 1)]
        found.outputs = [_tensor(name, info) for name, info in entries(signature, 2)]
    except Malformed as error:
        raise _unreadable(where, str(error)) from error
    return found


def frozen_graph(data: bytes, where: str) -> Contents:
    """Outputs are what nothing reads, inputs the placeholders that they need."""
    found = Contents()
    try:
        _scan(found, memoryview(data))
        found.parameters = _count(memoryview(data))
        nodes = {text(node, 1): node for node in messages(memoryview(data), 1)}
        reads = {name: [_node(i) for i in messages(node, 3)] for name, node in nodes.items()}
        read = {i for inputs in reads.values() for i in inputs}
        ends = [n for n, node in nodes.items() if n not in read and text(node, 2) not in ("NoOp", "Const", "Assert")]
        ends = [n for n in ends if not text(nodes[n], 2).startswith("Placeholder")]
        needed, waiting = set(ends), list(ends)
        while waiting:
            for name in reads.get(waiting.pop(), ()):
                if name not in needed:
                    needed.add(name)
                    waiting.append(name)
        for name, node in nodes.items():
            if name in needed and text(node, 2) in ("Placeholder", "PlaceholderWithDefault"):
                found.inputs.append(_placeholder(name, node))
        found.outputs = [OpenTensor(name=n, dtype=_dtype(nodes[n], "T"), shape=[None]) for n in ends]
    except Malformed as error:
        raise _unreadable(where, str(error)) from error
    if not found.inputs or not found.outputs:
        raise _unreadable(where, "it has no input or no output")
    return found


def _count(graph: memoryview) -> int:
    """Elements of the variables, and of constants that are no single numbers. An export may declare a variable again
    for each function that uses it, with a number behind its name or placed beside the first."""
    total, seen = 0, set()
    for node in messages(graph, 1):
        op = text(node, 2)
        if op not in ("VarHandleOp", "VariableV2", "Const") or (op == "Const" and _dtype(node, "dtype") != "float32"):
            continue
        attributes = dict(entries(node, 5))
        variable = re.sub(r"_\d+$", "", text(node, 1))
        if op != "Const" and (variable in seen or "_class" in attributes):
            continue
        seen.add(variable)
        value = next(messages(attributes.get("value", memoryview(b"")), 8), memoryview(b""))
        shape = next(messages(attributes.get("shape", memoryview(b"")), 7), None) if op != "Const" else None
        dims = _dims(shape if shape is not None else next(messages(value, 2), None))
        total += prod(n or 0 for n in dims) if dims else 0
    return total


def _node(reference: memoryview) -> str:
    """`^name` and `name:1` both refer to the node."""
    return bytes(reference).decode("utf-8", "replace").lstrip("^").split(":")[0]


def _placeholder(name: str, node: memoryview) -> OpenTensor:
    shape = dict(entries(node, 5)).get("shape", memoryview(b""))
    return OpenTensor(name=name, dtype=_dtype(node, "dtype"), shape=_dims(next(messages(shape, 7), None)))


def _dtype(node: memoryview, attribute: str) -> str:
    found = dict(entries(node, 5)).get(attribute, memoryview(b""))
    return _DTYPES.get(integer(found, 6), "unknown")


def _scan(found: Contents, graph: memoryview) -> None:
    """Count operations; list those that are not allowed, wherever they are."""
    refused: dict[str, str] = {}
    for count, (name, op) in enumerate(_operations(graph)):
        if count >= MAX_NODES:
            raise ModelError("E0164", f"the graph has more than {MAX_NODES} operations", help="Split the model.")
        if op not in ALLOWED:
            refused.setdefault(op, name)
        if op not in STRUCTURE:
            found.operators[op] += 1
    for op, name in sorted(refused.items()):
        found.unsupported.append(
            Unsupported(
                node=name, op=op, code="E0171",
                reason=f"operation {op[:80]} is not among those that compute on tensors",
                help="leave reading, writing, text and random numbers out of the exported function",
            )
        )  # fmt: skip


def _operations(graph: memoryview) -> Iterator[tuple[str, str]]:
    """(name, operation) of each node, those of functions too."""
    for node in messages(graph, 1):
        yield text(node, 1), text(node, 2)
    for library in messages(graph, 2):
        for function in messages(library, 1):
            for node in messages(function, 3):
                yield text(node, 1), text(node, 2)


def _tensor(name: str, info: memoryview) -> OpenTensor:
    dtype = _DTYPES.get(integer(info, 2), "unknown")
    return OpenTensor(name=name, dtype=dtype, shape=_dims(next(messages(info, 3), None)))


def _dims(shape: memoryview | None) -> list[int | None]:
    if shape is None:
        return []
    sizes = [integer(dim, 1) for dim in messages(shape, 2)]
    return [n if 0 <= n < 1 << 31 else None for n in sizes]


def _unreadable(where: str, finding: str) -> ModelError:
    return ModelError(
        "E0172", f"the TensorFlow model cannot be read: {finding}", where=where,
        help="Save or download the model again.",
    )  # fmt: skip
