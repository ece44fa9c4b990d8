"""Before tensors are chosen: chains of elementwise operators of one tensor become one node.

Such a chain will be one table of 256 entries, so nothing inside of it needs a grid of its own.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.graph.graph import Graph, Node, Value
from compiler.ops.activations import Clip, Relu
from compiler.ops.elementwise import Elementwise, Map, Step

LONGEST = 20  # steps; with the two at its ends it stays a chain that fuses
CLAMPS = (Relu, Clip)


def collapse(graph: Graph) -> Graph:
    """Every elementwise function of one tensor is one node that reads that tensor; clamps stay as they are."""
    changed = True
    while changed:
        changed = False
        for node in graph.nodes:
            if (made := _merged(graph, node)) is not None:
                graph = graph.swapped(node, (made,), ()).without_dead_code()
                changed = True
                break
    return graph


def unary(graph: Graph, node: Node) -> Value | None:
    """The only tensor that an elementwise float node depends on, if all its other operands are single numbers."""
    if not isinstance(node.op, (Elementwise, Map)):
        return None
    if {v.type.dtype for v in (*node.present, node.output)} != {"float32"}:
        return None
    running = {v for v in node.present if v.name not in graph.constants}
    if len(running) != 1 or any(v.type.elements != 1 for v in node.present if v not in running):
        return None
    (x,) = running
    return x if x.shape == node.output.shape else None


def _merged(graph: Graph, node: Node) -> Node | None:
    """`node` with the unary producers of its operands inside, if it is then still a function of one tensor."""
    if not isinstance(node.op, (Elementwise, Map)):
        return None
    for root in _candidates(graph, node):
        inner = _between(graph, node, root)
        if inner and _fits(graph, node, inner, root) and sum(_steps(n) for n in (*inner, node)) <= LONGEST:
            return _as_map(graph, (*inner, node), root)
    return None


def _candidates(graph: Graph, node: Node) -> list[Value]:
    """Tensors that the producers of the operands are functions of."""
    roots: list[Value] = []
    for v in node.present:
        producer = graph.producer(v)
        if producer is not None and not isinstance(producer.op, CLAMPS):
            root = unary(graph, producer)
            if root is not None and root not in roots:
                roots.append(root)
    return roots


def _between(graph: Graph, node: Node, root: Value) -> list[Node]:
    """The unary producers of the operands that depend on `root`, in order."""
    found = []
    for v in dict.fromkeys(node.present):
        producer = graph.producer(v)
        if producer is not None and v != root and unary(graph, producer) == root:
            found.append(producer)
    return found


def _fits(graph: Graph, node: Node, inner: list[Node], root: Value) -> bool:
    """Nothing but the root and single numbers comes in, and nobody else wants what is inside."""
    made = {n.output for n in inner}
    for v in node.present:
        if v not in made and v != root and not (v.name in graph.constants and v.type.elements == 1):
            return False
        if v.type.dtype != "float32" or (v in made and graph.is_output(v)):
            return False
    return node.output.shape == root.shape and all(reader is node for value in made for reader in graph.readers(value))


def _steps(node: Node) -> int:
    return len(node.op.steps) if isinstance(node.op, Map) else 1


def _as_map(graph: Graph, nodes: tuple[Node, ...], root: Value) -> Node:
    """One Map; its operands are the root and the constants, each once."""
    made = {n.output.name for n in nodes}
    outer = [v for n in nodes for v in n.present if v.name not in made]
    operands = list(dict.fromkeys([root, *outer]))
    place = {v.name: i for i, v in enumerate(operands)}
    steps: list[Step] = []
    for n in nodes:
        args = tuple(place[v.name] for v in n.present)
        for s in n.op.steps if isinstance(n.op, Map) else (None,):
            if s is None:
                assert isinstance(n.op, Elementwise)
                steps.append(Step(n.op, args))
            else:
                assert isinstance(n.op, Map)
                first = len(operands) + len(steps) - _offset(n.op, s)
                steps.append(
                    Step(s.op, tuple(args[i] if i < n.op.operands else first + i - n.op.operands for i in s.args))
                )
        place[n.output.name] = len(operands) + len(steps) - 1
    last = nodes[-1]
    sources = tuple(dict.fromkeys(s for n in nodes for s in n.sources))
    return replace(last, op=Map(len(operands), tuple(steps)), inputs=tuple(operands), sources=sources)


def _offset(op: Map, step: Step) -> int:
    """How many steps of the map come before this one."""
    return next(i for i, s in enumerate(op.steps) if s is step)
