"""What no honest ONNX model needs, refused before any work is done on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnx import ModelProto, NodeProto

from compiler.errors import ModelError

MAX_NODES = 100_000
MAX_CALLS = 100  # local functions inside each other
MAX_ENDS = 4_096  # inputs or outputs of one node
_HELP = "such a model does not fit any supported processor; export it without unrolled loops"


def check_limits(model: ModelProto) -> None:
    """Raises E0103 for names that are no text, E0104 for functions that call themselves, E0107 for more nodes than can
    be meant."""
    if not all(isinstance(name, str) for name in _names(model)):
        raise ModelError("E0103", "a name in the file is not UTF-8 text", help="export the model again; it is damaged")
    count = _nodes_when_inlined(model)
    if count > MAX_NODES:
        raise ModelError("E0107", f"the graph has {count} nodes, more than {MAX_NODES}", help=_HELP)
    for node in model.graph.node:
        if max(len(node.input), len(node.output)) > MAX_ENDS:
            where = f"node '{node.name[:80]}'"
            raise ModelError("E0107", f"a node has more than {MAX_ENDS} inputs or outputs", where=where, help=_HELP)


def _names(model: ModelProto) -> Iterator[object]:
    """Every name that later stages read; the protobuf library hands out bytes where they are not UTF-8."""
    graph = model.graph
    for opset in model.opset_import:
        yield opset.domain
    for value in (*graph.input, *graph.output):
        yield value.name
    for tensor in graph.initializer:
        yield tensor.name
    for node in (*graph.node, *(n for function in model.functions for n in function.node)):
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _nodes_when_inlined(model: ModelProto) -> int:
    """How many nodes there are once functions are written out; functions that call each other multiply."""
    bodies = {(f.domain, f.name): f.node for f in model.functions}
    counts: dict[tuple[str, str], int] = {}

    def count(nodes: Iterable[NodeProto], depth: int) -> int:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in bodies and key not in counts:
                if depth >= MAX_CALLS:
                    title = f"function '{node.op_type[:80]}' calls itself, or functions are nested too deeply"
                    raise ModelError("E0104", title, help="export the model without local functions")
                counts[key] = count(bodies[key], depth + 1)
            total += counts.get(key, 1)
        return total

    return count(model.graph.node, 0)
