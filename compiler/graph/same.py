"""Are two graphs the same network? Names do not count, nor the order of independent nodes, nor views of a tensor.

Two formats hold the same network with other names, and with inputs whose axes come in another order; what has to be
computed is the same. So nodes are compared from the outputs backwards, and values through the nodes that only give a
tensor another shape or order of axes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.text import op_text
from compiler.graph.types import Array
from compiler.ops.base import Op

CLOSE = 1e-5  # of a constant's largest value: weights are folded in another order


def difference(a: Graph, b: Graph) -> str:
    """The first difference in words; "" when both are the same network."""
    if (len(a.inputs), len(a.outputs)) != (len(b.inputs), len(b.outputs)):
        return f"{len(a.inputs)} inputs and {len(a.outputs)} outputs against {len(b.inputs)} and {len(b.outputs)}"
    found = _Comparison(a, b).run()
    if not found and (counts := (_working(a), _working(b)))[0] != counts[1]:
        return f"{counts[0]} nodes that compute something against {counts[1]}"
    return found


@dataclass
class _Comparison:
    a: Graph
    b: Graph
    pairs: dict[str, str] = field(default_factory=dict)  # outputs of nodes that were compared, a's -> b's

    def run(self) -> str:
        todo = list(zip(self.a.outputs, self.b.outputs, strict=True))
        while todo:
            x, y = (_source(g, v) for g, v in zip((self.a, self.b), todo.pop(), strict=True))
            if x.name in self.pairs:
                if self.pairs[x.name] != y.name:
                    return f"{x.name} is used twice, against {self.pairs[x.name]} and {y.name}"
                continue
            self.pairs[x.name] = y.name
            p, q = self.a.producer(x), self.b.producer(y)
            if p is None or q is None:
                if found := self._ends(x, y):
                    return found
                continue
            if found := _nodes(p, q, x, y):
                return found
            for u, v in zip(p.inputs, q.inputs, strict=True):
                if (u is None) != (v is None):
                    return f"{p.name} has an operand that {q.name} lacks, or the other way round"
                if u is not None and v is not None:
                    todo.append((u, v))
        return ""

    def _ends(self, x: Value, y: Value) -> str:
        """Inputs and constants: the same input by its place, the same numbers in any shape with as many elements."""
        inputs = [[v.name for v in g.inputs] for g in (self.a, self.b)]
        if x.name in inputs[0] and y.name in inputs[1]:
            same = inputs[0].index(x.name) == inputs[1].index(y.name)
            return "" if same else f"input {x.name} against input {y.name}"
        p, q = self.a.constant(x), self.b.constant(y)
        if p is None or q is None:
            return f"{x.name} against {y.name}: one is computed, the other is not"
        return "" if _close(p, q) else f"the constants {x.name} {x.type} and {y.name} {y.type} differ"


def _source(graph: Graph, value: Value) -> Value:
    """The tensor that this one is a view of."""
    while (node := graph.producer(value)) is not None and node.op.layout_rule == "view":
        value = node.value(0)
    return value


def _nodes(p: Node, q: Node, x: Value, y: Value) -> str:
    ours, theirs = op_text(_plain(p.op, x)), op_text(_plain(q.op, y))
    if ours != theirs:
        return f"{p.name} is {ours}, {q.name} is {theirs}"
    if len(p.inputs) != len(q.inputs):
        return f"{p.name} has {len(p.inputs)} operands, {q.name} has {len(q.inputs)}"
    if p.outputs.index(x) != q.outputs.index(y):
        return f"output {p.outputs.index(x)} of {p.name} against output {q.outputs.index(y)} of {q.name}"
    if (x.type.dtype, x.shape) != (y.type.dtype, y.shape):
        return f"{p.name} gives {x.type}, {q.name} gives {y.type}"
    return ""


def _plain(op: Op, y: Value) -> Op:
    """Without what makes no difference: strides along an axis with one window, counting a border that is not there."""
    changes: dict[str, Any] = {}
    strides = getattr(op, "strides", None)
    if strides is not None and len(strides) == len(y.shape) - 2:
        changes["strides"] = tuple(1 if n == 1 else s for s, n in zip(strides, y.shape[2:], strict=True))
    if getattr(op, "include_pad", False) and not any(getattr(op, "pads", ())):
        changes["include_pad"] = False
    return replace(op, **changes) if changes else op


def _close(p: Array, q: Array) -> bool:
    if p.size != q.size or p.dtype != q.dtype:
        return False
    if p.dtype.kind != "f":
        return bool(np.array_equal(p.ravel(), q.ravel()))
    reach = float(np.abs(p.astype(np.float64)).max(initial=0.0))
    return bool(np.allclose(p.ravel(), q.ravel(), rtol=0, atol=CLOSE * reach, equal_nan=True))


def _working(graph: Graph) -> int:
    return sum(node.op.layout_rule != "view" for node in graph.nodes)
