"""The tensors of a float graph that become small integers, and who reads them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.softmax import Softmax
from compiler.quant.forms import integer_form, moves, operands, weighted
from compiler.quant.regions import CLAMPS


@dataclass(frozen=True)
class Points:
    """`tensors` in the order they are computed; `integer` are the results of the nodes that compute on integers."""

    tensors: tuple[Value, ...]
    integer: frozenset[str]
    float_outputs: bool = False  # do small last layers hand out what they add up, without rounding it to 8 bits?

    def __contains__(self, value: Value) -> bool:
        return any(v.name == value.name for v in self.tensors)


def find(graph: Graph, floats: Collection[str] = (), float_outputs: bool = False) -> Points:
    """All tensors to quantise. Nodes whose result is in `floats` keep computing with float32.

    The result of Conv, Dense, Add, ... that only a ReLU or Clip reads is none: the clamp's result is. With
    `float_outputs` neither is the result of a small last layer, nor of a softmax behind it: who wants floats gets the
    sums as they are, and of two classes that 8 bits could not tell apart the larger one.
    """
    last = _last_softmaxes(graph) if float_outputs else frozenset()
    floats = {*floats, *last}
    integer = {n.output.name for n in graph.nodes if integer_form(graph, n) and n.output.name not in floats}
    for node in graph.nodes:  # a clamp behind a float layer is computed there, before anything is rounded
        before = graph.producer(node.inputs[0]) if isinstance(node.op, CLAMPS) else None
        if before is not None and before.output.name in floats:
            integer.discard(node.output.name)
    for node in reversed(graph.nodes):
        if isinstance(node.op, CLAMPS) and _only_for_floats(graph, node.output, floats):
            integer.discard(node.output.name)
    chosen: set[str] = set()
    for node in graph.nodes:
        y = node.output
        if y.name not in integer or _clamp_after(graph, y, integer) is not None:
            continue
        leaves = float_outputs and _is_small(graph, node) and graph.is_output(y) and not graph.readers(y)
        kept = leaves or _only_for_floats(graph, y, {*floats, *_float_clamps(graph, integer)})
        if not (weighted(graph, node) and kept):
            chosen.add(y.name)
    for node in graph.nodes:
        if node.output.name in integer:
            for v in operands(graph, node):
                source = stored_as(graph, v)
                before = graph.producer(source)
                inside = before is not None and before.output.name in integer and isinstance(node.op, CLAMPS)
                if not (inside and _clamp_after(graph, source, integer) is node):
                    chosen.add(source.name)
    every = [*graph.inputs, *(n.output for n in graph.nodes)]
    return Points(tuple(v for v in every if v.name in chosen), frozenset(integer), float_outputs)


_SMALL = 0.02  # of a model's multiply-accumulates: what a layer may have whose sums leave by plain loops


def _is_small(graph: Graph, node: Node) -> bool:
    return node.macs <= _SMALL * graph.macs()


def _last_softmaxes(graph: Graph) -> frozenset[str]:
    """Outputs that are a softmax of a small layer's sums."""
    found = set()
    for node in graph.nodes:
        if isinstance(node.op, Softmax) and graph.is_output(node.output) and not graph.readers(node.output):
            before = graph.producer(stored_as(graph, node.value(0)))
            if before is not None and weighted(graph, before) and _is_small(graph, before):
                found.add(node.output.name)
    return frozenset(found)


def stored_as(graph: Graph, value: Value) -> Value:
    """The tensor whose stored numbers `value` consists of: what was there before elements were moved."""
    while (producer := graph.producer(value)) is not None and moves(graph, producer):
        value = producer.value(0)
    return value


def _only_for_floats(graph: Graph, value: Value, floats: Collection[str]) -> bool:
    """Do only nodes that were kept in float32 read it? Then sums of products go to float32 without a detour."""
    readers = graph.readers(value)
    return (
        bool(readers)
        and not graph.is_output(value)
        and all(
            n.output.name in floats or (moves(graph, n) and _only_for_floats(graph, n.output, floats)) for n in readers
        )
    )


def _float_clamps(graph: Graph, integer: Collection[str]) -> set[str]:
    return {n.output.name for n in graph.nodes if isinstance(n.op, CLAMPS) and n.output.name not in integer}


def _clamp_after(graph: Graph, value: Value, integer: Collection[str]) -> Node | None:
    """The ReLU or Clip that is the only reader of an integer node's result, and on integers as well."""
    reader = graph.only_reader(value)
    if reader is None or not isinstance(reader.op, CLAMPS) or reader.output.name not in integer:
        return None
    producer = graph.producer(value)
    return reader if producer is not None and not isinstance(producer.op, CLAMPS) else None
