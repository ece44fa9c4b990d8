"""The mode of rounding is chosen once for a whole graph: rules write `single`, this pass writes what was asked for."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from compiler.graph.graph import Graph
from compiler.quant.fixed_point import Rounding


def in_rounding(graph: Graph, rounding: Rounding) -> Graph:
    """The graph with that mode in every operator that has one, fused ones included. Run it before tables are made."""
    nodes = [n if (op := _changed(n.op, rounding)) is n.op else replace(n, op=op) for n in graph.nodes]
    return graph.with_nodes(nodes)


def _changed(op: Any, rounding: Rounding) -> Any:
    """An operator, a chain of them (`steps`), or one with a chain behind it (`tail`)."""
    changes: dict[str, Any] = {}
    names = {f.name for f in fields(op)}
    if "rounding" in names and op.rounding != rounding:
        changes["rounding"] = rounding
    if "tail" in names and op.tail is not None:
        changes["tail"] = _changed(op.tail, rounding)
    if "steps" in names and isinstance(op.steps, tuple):
        changes["steps"] = tuple(_changed(s, rounding) if hasattr(s, "op") else s for s in op.steps)
    if "op" in names:
        changes["op"] = _changed(op.op, rounding)
    kept = {name: value for name, value in changes.items() if value != getattr(op, name)}
    return replace(op, **kept) if kept else op
