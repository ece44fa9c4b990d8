"""Chains of elementwise operators become one kernel, or the tail of the operator that feeds them."""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import INTEGERS
from compiler.loop.storage import is_plain
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from compiler.ops.elementwise import Elementwise, Map, Step
from compiler.ops.pool_window import Pool
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.requantize import Requantize
from compiler.passes.rule import Skip, Swap, merged, rule

_LONGEST = 24  # steps of one fused expression


def as_map(op: Elementwise | Map) -> Map:
    return op if isinstance(op, Map) else Map(op.arity, (Step(op, tuple(range(op.arity))),))


def inlined(outer: Map, place: int, inner: Map) -> Map:
    """`outer` with its operand `place` replaced by `inner`; inner's operands take that operand's place."""

    def outer_operand(i: int) -> int:
        return i if i < place else i - 1 + inner.operands

    operands = outer.operands - 1 + inner.operands
    first = [
        Step(s.op, tuple(place + i if i < inner.operands else operands + i - inner.operands for i in s.args))
        for s in inner.steps
    ]
    result = operands + len(inner.steps) - 1

    def renumber(i: int) -> int:
        if i == place:
            return result
        return outer_operand(i) if i < outer.operands else operands + len(inner.steps) + i - outer.operands

    second = [Step(s.op, tuple(renumber(i) for i in s.args)) for s in outer.steps]
    return Map(operands, (*first, *second))


@rule(Elementwise, Map, effect="fused with the elementwise operator before it")
def fuse_elementwise(g: Graph, node: Node) -> Swap | Skip:
    """f(g(x, ...), ...)  becomes one loop."""
    assert isinstance(node.op, (Elementwise, Map))
    reason = "no operand is elementwise"
    for place, x in enumerate(node.inputs):
        producer = g.producer(x)
        if x is None or producer is None or not isinstance(producer.op, (Elementwise, Map)):
            continue
        if x.shape != node.output.shape:
            reason = "the operand is broadcast: it would be computed again and again"
            continue
        if g.only_reader(x) is None:
            reason = "the operand has a second reader"
            continue
        if not is_plain(x.type.dtype):
            reason = "the operand is rounded as it is stored"
            continue
        outer, inner = as_map(node.op), as_map(producer.op)
        if isinstance(inner.steps[-1].op, (Quantize, Requantize)) or _opened(outer, place, x):
            reason = "the operand takes less memory as integers, and what follows may be a table"
            continue
        if len(outer.steps) + len(inner.steps) > _LONGEST:
            reason = f"the chain would pass {_LONGEST} steps"
            continue
        inputs = (*node.inputs[:place], *producer.inputs, *node.inputs[place + 1 :])
        op, unique = _shared(inlined(outer, place, inner), inputs)
        fused = replace(node, op=op, inputs=unique, sources=merged(node, producer))
        return Swap(nodes=(fused,), removed=(producer,))
    return Skip(reason)


def _opened(op: Map, place: int, x: Value) -> bool:
    """Does the expression begin with the real number behind a byte?"""
    byte = x.type.dtype in ("int8", "uint8")
    return byte and any(isinstance(s.op, Dequantize) and s.args[0] == place for s in op.steps)


def _shared(op: Map, inputs: tuple[Value | None, ...]) -> tuple[Map, tuple[Value | None, ...]]:
    """The same with every input listed once."""
    unique = list(dict.fromkeys(inputs))
    if len(unique) == len(inputs):
        return op, inputs
    place = [unique.index(v) for v in inputs]
    gone = len(inputs) - len(unique)

    def renumber(i: int) -> int:
        return place[i] if i < op.operands else i - gone

    steps = tuple(Step(s.op, tuple(renumber(i) for i in s.args)) for s in op.steps)
    return Map(len(unique), steps), tuple(unique)


@rule(Elementwise, Map, effect="computed as results are stored")
def fuse_tail(g: Graph, node: Node) -> Swap | Skip:
    """Conv, Dense or Pool -> elementwise  becomes  one kernel that applies the function as it stores."""
    assert isinstance(node.op, (Elementwise, Map))
    reason = "no operand is produced by a Conv, Dense or Pool"
    order = {id(n): i for i, n in enumerate(g.nodes)}
    candidates = []
    for place, x in enumerate(node.inputs):
        producer = g.producer(x)
        if x is None or producer is None or not isinstance(producer.op, (Conv, Dense, Pool)):
            continue
        if x.shape != node.output.shape:
            reason = "the result would be broadcast"
        elif g.only_reader(x) is None:
            reason = "the result has a second reader"
        elif not _types_fit(producer, node):
            reason = "not everything is float32"
        elif producer.op.tail is not None and isinstance(producer.op.tail.steps[-1].op, Requantize):
            reason = "the result is stored as integers"
        else:
            candidates.append((-producer.macs, order[id(producer)], place, producer))
    if not candidates:
        return Skip(reason)
    # the cheaper one, whatever the order in the file, then the later one; the fused node stands where both are known
    *_, place, producer = max(candidates, key=lambda c: c[:2])
    assert isinstance(producer.op, (Conv, Dense, Pool))
    own = as_map(node.op)
    before, more = producer.op.tail, producer.inputs[_fixed(producer) :]
    rest = (*node.inputs[:place], *node.inputs[place + 1 :])
    moved = _operand_first(own, place)
    tail = moved if before is None else inlined(moved, 0, before)
    if len(tail.steps) > _LONGEST:
        return Skip(f"the chain would pass {_LONGEST} steps")
    fused = replace(
        producer,
        op=replace(producer.op, tail=tail),
        inputs=(*producer.inputs[: _fixed(producer)], *more, *rest),
        outputs=node.outputs,
        sources=merged(node, producer),
        equals=node.equals,
    )
    return Swap(nodes=(fused,), removed=(producer,))


def _types_fit(producer: Node, node: Node) -> bool:
    """Tails are float32, or what becomes of the sums of integers."""
    if producer.value(0).type.dtype in INTEGERS and isinstance(producer.op, (Conv, Dense)):
        return all(is_plain(v.type.dtype) for v in (*node.present, node.output))
    return {v.type.dtype for v in (*node.present, node.output)} == {"float32"}


def _fixed(node: Node) -> int:
    """Operands before the tail's own."""
    return 1 if isinstance(node.op, Pool) else 3


def _operand_first(op: Map, place: int) -> Map:
    """The same expression with operand `place` as operand 0."""
    order = [place, *(i for i in range(op.operands) if i != place)]
    where = {old: new for new, old in enumerate(order)}
    return Map(op.operands, tuple(Step(s.op, tuple(where.get(i, i) for i in s.args)) for s in op.steps))
