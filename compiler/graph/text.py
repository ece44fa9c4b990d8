"""The text form of a graph: what golden tests compare and `DEEPMETAL_DEBUG=3` prints."""

from __future__ import annotations

from dataclasses import fields

from compiler.graph.graph import Graph, Node
from compiler.graph.types import is_fill
from compiler.ops.base import Op


def text(graph: Graph) -> str:
    """One line for each input, constant, node and output, in order."""
    lines = [f"graph {graph.name}"]
    lines += [f"  input {v}" for v in graph.inputs]
    for node in graph.nodes:
        for value in node.present:
            if value.name in graph.constants:
                fill = " fill" if is_fill(graph.constants[value.name]) else ""
                line = f"  const {value}{fill}"
                if line not in lines:
                    lines.append(line)
    lines += [f"  {_node(n)}" for n in graph.nodes]
    lines += [f"  output %{v.name}" for v in graph.outputs]
    return "\n".join(lines) + "\n"


def _node(node: Node) -> str:
    outputs = ", ".join(map(str, node.outputs))
    inputs = ", ".join("-" if v is None else f"%{v.name}" for v in node.inputs)
    return f"{outputs} = {op_text(node.op)}({inputs})"


def op_text(op: Op) -> str:
    """`Conv(strides=(2, 2))`: the fields that differ from their defaults."""
    shown = [f"{f.name}={getattr(op, f.name)}" for f in fields(op) if getattr(op, f.name) != f.default]
    return f"{type(op).__name__}({', '.join(shown)})" if shown else type(op).__name__
