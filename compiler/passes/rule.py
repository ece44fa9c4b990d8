"""Rewrite rules: a function from a node to its replacement, or the reason why not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.base import Op
from compiler.trace import debug_level

log = logging.getLogger("deepmetal.passes")


@dataclass(frozen=True)
class Skip:
    """The rule does not apply; `DEEPMETAL_DEBUG=5` prints the reason."""

    reason: str


@dataclass(frozen=True)
class Swap:
    """What to do at a match: `nodes` take the matched node's place, `removed` producers go away, and whoever reads a
    key of `alias` reads its value instead."""

    nodes: tuple[Node, ...] = ()
    constants: Mapping[str, Array] = field(default_factory=dict)
    removed: tuple[Node, ...] = ()
    alias: Mapping[str, Value] = field(default_factory=dict)


Rewrite = Callable[[Graph, Node], Swap | Skip]


@dataclass(frozen=True)
class Rule:
    """A named rewrite of nodes whose operator is one of `ops`."""

    name: str
    ops: tuple[type[Op], ...]
    rewrite: Rewrite
    effect: str  # what one application does, for the report

    def apply(self, graph: Graph) -> tuple[Graph, int]:
        """Apply until nothing matches; returns the graph and the number of applications."""
        count, index = 0, 0
        while index < len(graph.nodes):
            node = graph.nodes[index]
            if not isinstance(node.op, self.ops):
                index += 1
                continue
            result = self.rewrite(graph, node)
            if isinstance(result, Skip):
                if debug_level() >= 5:
                    log.info("%s skipped at %s: %s", self.name, node.output.name, result.reason)
                index += 1
                continue
            if debug_level() >= 5:
                log.info("%s fired at %s", self.name, node.output.name)
            graph = _swap(graph, node, result)
            count += 1
            index = max(0, index - 1 - len(result.removed))
        return graph, count


def rule(*ops: type[Op], effect: str) -> Callable[[Rewrite], Rule]:
    """Turn a function `(graph, node) -> Swap | Skip` into a Rule of the function's name."""

    def wrap(f: Rewrite) -> Rule:
        return Rule(f.__name__, ops, f, effect)

    return wrap


def _swap(graph: Graph, node: Node, swap: Swap) -> Graph:
    constants = {**graph.constants, **swap.constants} if swap.constants else None
    result = graph.swapped(node, swap.nodes, swap.removed, constants)
    if swap.alias:
        result = redirect(result, swap.alias)
    return result


def redirect(graph: Graph, alias: Mapping[str, Value]) -> Graph:
    """Readers of the keys read the values instead."""

    def change(v: Value | None) -> Value | None:
        return alias.get(v.name, v) if v is not None else None

    nodes = tuple(
        replace(n, inputs=tuple(change(v) for v in n.inputs)) if any(v.name in alias for v in n.present) else n
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes, outputs=tuple(alias.get(v.name, v) for v in graph.outputs))


def merged(node: Node, *others: Node) -> tuple[str, ...]:
    """Source nodes of a fused node, in execution order, without repeats."""
    return tuple(dict.fromkeys(s for n in (*others, node) for s in n.sources))
