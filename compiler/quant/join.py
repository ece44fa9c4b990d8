"""Rounding changes places with operators that choose among elements of several tensors, which then choose integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType
from compiler.ops.arithmetic import Max, Min
from compiler.ops.base import Op
from compiler.ops.comparison import Where
from compiler.ops.index_map import Concat
from compiler.ops.quantize import Quantize
from compiler.passes.rule import Skip, Swap, rule
from compiler.quant.real import grid

JOINS: tuple[type[Op], ...] = (Concat, Max, Min, Where)


@rule(Quantize, effect="rounded before they are joined")
def quantize_before_join(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(Concat(x, y, ...))  becomes  Concat(Quantize(x), Quantize(y), ...); Max, Min and Where alike."""
    joined = g.producer(node.value(0))
    if joined is None or not isinstance(joined.op, JOINS):
        return Skip("nothing is joined before it")
    if grid(g, node) is None or g.only_reader(node.value(0)) is None:
        return Skip("several scales, or a second reader")
    y, first = node.output, int(isinstance(joined.op, Where))  # a condition is no number
    if not isinstance(joined.op, Concat) and sum(g.constant(x) is None for x in joined.present[first:]) < 2:
        return Skip("a function of one tensor: it will be a table")
    parts: list[Node] = []
    constants: dict[str, Array] = {}
    operands: list[Value] = list(joined.present[:first])
    for i, x in enumerate(joined.present[first:]):
        part = Value(f"{y.name}:part{i}", replace(TensorType.of(y.type.dtype, x.shape), quant=y.type.quant))
        operands.append(part)
        known = g.constant(x)
        if known is not None:
            parameters = (g.constants[v.name] for v in node.present[1:])
            constants[part.name] = np.asarray(node.op.reference(known, *parameters))
            continue
        parts.append(replace(node, inputs=(x, *node.inputs[1:]), outputs=(part,), name=part.name, equals=("",)))
    whole = replace(joined, inputs=tuple(operands), outputs=node.outputs, equals=node.equals)
    return Swap(nodes=(*parts, whole), constants=constants, removed=(joined,))
