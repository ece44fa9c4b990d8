"""Operators that change nothing go away."""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node
from compiler.graph.types import Layout
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.transpose import Transpose
from compiler.passes.rule import Skip, Swap, rule


@rule(Identity, Reshape, Transpose, Slice, Pad, Concat, effect="removed")
def remove_no_ops(g: Graph, node: Node) -> Swap | Skip:
    """Identity, Dropout, and reshapes, transposes, slices, pads, concats that change nothing."""
    x, y = node.value(0), node.output
    if not _changes_nothing(node):
        return Skip("it changes the tensor")
    if not g.is_output(y):
        return Swap(alias={y.name: x})
    producer = g.producer(x)
    if producer is None or g.is_output(x):
        return Skip("the output must be a tensor of its own")
    if any(g.readers(v) for v in producer.outputs if v != x):
        return Skip("another result of the node before it is read before this one")
    renamed = replace(
        producer,
        outputs=tuple(y if v == x else v for v in producer.outputs),
        equals=tuple(
            node.equals[0] or e if v == x else e for v, e in zip(producer.outputs, producer.equals, strict=True)
        ),
    )
    if g.only_reader(x) is None:
        return Skip("the tensor before it has other readers")
    return Swap(nodes=(renamed,), removed=(producer,))


def _changes_nothing(node: Node) -> bool:
    x, op = node.value(0), node.op
    match op:
        case Identity():
            return True
        case Reshape() | Slice():
            steps = op.steps if isinstance(op, Slice) else ()
            return node.output.shape == x.shape and all(s == 1 for s in steps)
        case Transpose():
            permuted = Layout.row_major(x.type.rank).permuted(op.axes)
            return op.axes == tuple(range(x.type.rank)) or (
                node.output.shape == x.shape and permuted.same_memory(Layout.row_major(x.type.rank), x.shape)
            )
        case Pad():
            return not any(op.pads)
        case Concat():
            return len(node.inputs) == 1
    return False


@rule(Reshape, effect="merged")
def merge_reshapes(g: Graph, node: Node) -> Swap | Skip:
    """Reshape of a Reshape becomes one."""
    first = g.producer(node.value(0))
    if first is None or not isinstance(first.op, Reshape):
        return Skip("the input is not produced by a Reshape")
    return Swap(nodes=(replace(node, inputs=(first.inputs[0],), sources=(*first.sources, *node.sources)),))


@rule(Transpose, effect="merged")
def merge_transposes(g: Graph, node: Node) -> Swap | Skip:
    """Transpose of a Transpose becomes one."""
    first = g.producer(node.value(0))
    if first is None or not isinstance(first.op, Transpose):
        return Skip("the input is not produced by a Transpose")
    assert isinstance(node.op, Transpose)
    axes = tuple(first.op.axes[a] for a in node.op.axes)
    op = Transpose(axes)
    return Swap(nodes=(replace(node, op=op, inputs=(first.inputs[0],), sources=(*first.sources, *node.sources)),))
