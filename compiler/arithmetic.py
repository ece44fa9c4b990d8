"""Which arithmetic a graph computes in: its multiply-accumulates by the types that are multiplied."""

from __future__ import annotations

from collections import Counter

from compiler.graph.graph import Graph, Node

_EIGHT = ("int8", "uint8")


def arithmetic(graph: Graph) -> dict[str, int]:
    """Multiply-accumulates by arithmetic, the most first: float32, int8, int16 (activations), int8-weights, ..."""
    macs: Counter[str] = Counter()
    for node in graph.nodes:
        if node.macs:
            macs[_kind(node)] += node.macs
    return dict(sorted(macs.items(), key=lambda item: (-item[1], item[0])))


def _kind(node: Node) -> str:
    x = node.value(0).type.dtype
    w = node.value(1).type.dtype if len(node.present) > 1 else x
    if x.startswith("float"):
        return x if w == x else f"{'int8' if w in _EIGHT else w}-weights"
    return "int8" if x in _EIGHT else x
