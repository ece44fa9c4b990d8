"""Functions of one 8-bit tensor become tables: run when elementwise operators are fused, and a chain is one table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType
from compiler.ops.activations import Clip
from compiler.ops.elementwise import Elementwise, Map, Step
from compiler.ops.integer_arithmetic import IntegerArithmetic
from compiler.ops.lookup import ENTRIES, Lookup
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.requantize import Requantize
from compiler.ops.shaping import Identity
from compiler.passes.rule import Rule, Skip, Swap, merged, rule

_COSTLY = (Quantize, Dequantize, Requantize, IntegerArithmetic)
_RESULTS = frozenset({"int8", "uint8", "int16", "uint16"})


@rule(Elementwise, Map, effect="became a table of 256 entries")
def tabulate(g: Graph, node: Node) -> Swap | Skip:
    """Quantize(f(Dequantize(x)))  becomes  a lookup of the 8-bit number x; a mere clamp stays two comparisons."""
    assert isinstance(node.op, (Elementwise, Map))
    steps = node.op.steps if isinstance(node.op, Map) else (Step(node.op, ()),)
    if not any(isinstance(s.op, _COSTLY) for s in steps):
        return Skip("it is cheap as it is")
    if node.output.type.dtype not in _RESULTS:
        return Skip("the result is no small integer")
    running = [i for i, v in enumerate(node.inputs) if g.constant(v) is None]
    if len(running) != 1:
        return Skip("not exactly one operand is computed at run time")
    x, y = node.value(running[0]), node.output
    if x.type.dtype not in Lookup.dtypes or x.shape != y.shape:
        return Skip("the operand has no 8-bit numbers, or is broadcast")
    others = [g.constant(v) for v in node.inputs]
    if any(a is not None and a.size != 1 for a in others):
        return Skip("a constant is not one number for the whole tensor")
    every = every_number(x.type.dtype)
    given = [every if a is None else a.reshape(()) for a in others]
    with np.errstate(all="ignore"):
        table = np.asarray(node.op.reference(*given)).astype(y.type.dtype)
    if x.type.dtype == y.type.dtype and (bounds := _clamp(every, table)) is not None:
        return _clamped(node, x, *bounds)
    if (table == table[0]).all():
        return Skip("the result is a constant")
    return _looked_up(replace(node, inputs=(x,)), table)


@rule(Lookup, effect="merged with the table before it")
def merge_lookups(g: Graph, node: Node) -> Swap | Skip:
    """A table of a table is one table."""
    first = g.producer(node.value(0))
    if first is None or not isinstance(first.op, Lookup):
        return Skip("the operand is not produced by a table")
    if g.only_reader(node.value(0)) is None:
        return Skip("the table before it has a second reader")
    inner, outer = g.constant(first.inputs[1]), g.constant(node.inputs[1])
    if inner is None or outer is None:
        return Skip("a table is not constant")
    swap = _looked_up(replace(node, inputs=first.inputs, sources=merged(node, first)), Lookup().reference(inner, outer))
    return replace(swap, removed=(first,))


def every_number(dtype: str) -> Array:
    """All numbers of an 8-bit type, in the order of a table."""
    low = int(np.iinfo(dtype).min)
    return np.arange(low, low + ENTRIES).astype(dtype)


def table_node(node: Node, x: Value, table: Array) -> tuple[Node, dict[str, Array]]:
    """`node` as a lookup of x, and its constant."""
    name = f"{node.output.name}:table"
    value = Value(name, TensorType.of(str(table.dtype), table.shape))
    return replace(node, op=Lookup(), inputs=(x, value)), {name: table}


def _looked_up(node: Node, table: Array) -> Swap:
    made, constants = table_node(node, node.value(0), table)
    return Swap(nodes=(made,), constants=constants)


def _clamp(every: Array, table: Array) -> tuple[int, int] | None:
    """The bounds, if the table is nothing but its index between two bounds."""
    low, high = int(table.min()), int(table.max())
    return (low, high) if low < high and (table == np.clip(every, low, high)).all() else None


def _clamped(node: Node, x: Value, low: int, high: int) -> Swap:
    limits = np.iinfo(x.type.dtype)
    inside = Clip(
        float(low) if low > limits.min else -np.inf,
        float(high) if high < limits.max else np.inf,
    )
    changes = inside != Clip()
    return Swap(nodes=(replace(node, op=inside if changes else Identity(), inputs=(x,)),))


AFTER_FUSION: tuple[Rule, ...] = (tabulate, merge_lookups)
