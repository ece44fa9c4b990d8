"""Layers that do not become int8: named by the user with `--keep NAME=int16|float32`."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.errors import ModelError
from compiler.graph.graph import Graph

UNKNOWN = "E0436"


def kept(graph: Graph, wishes: Mapping[str, str]) -> dict[str, str]:
    """The results of the named layers with what they stay. A layer goes by its own name, its result's, or a source's.

    Raises E0436 for a name that no layer has.
    """
    found: dict[str, str] = {}
    for name, how in wishes.items():
        matches = [n for n in graph.nodes if name in (n.name, n.output.name, *n.sources, *n.equals)]
        if not matches:
            known = [n.name for n in graph.nodes]
            raise ModelError(
                UNKNOWN,
                f"there is no layer {name[:80]!r} to keep",
                where="--keep",
                facts={"layers": (", ".join(known[:40]) + (" ..." if len(known) > 40 else ""))[:1000]},
                help="the report lists the layers by name",
            )
        for node in matches:
            found[node.output.name] = how
    return found
