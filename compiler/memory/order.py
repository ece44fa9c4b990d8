"""The execution order with the smallest peak that a bounded search finds."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.graph.graph import Graph, Node
from compiler.kernels.base import Schedule
from compiler.memory.lifetimes import aligned, is_view, liveness, needed_at

_BEAM = 8
_LARGEST = 200  # nodes; beyond that the source's order stays


def peak(graph: Graph, schedules: Mapping[str, Schedule]) -> int:
    live = liveness(graph, schedules)
    return max((needed_at(live.lives, i) for i in range(-1, len(live.layers) + 1)), default=0)


def reorder(graph: Graph, schedules: Mapping[str, Schedule]) -> Graph:
    """The source's order, or one that needs less memory; nodes only move where data flow lets them."""
    branching = any(len(graph.readers(v)) > 1 for n in graph.nodes for v in n.outputs) or len(graph.inputs) > 1
    if not branching or len(graph.nodes) > _LARGEST:
        return graph
    found = graph.with_nodes(_search(graph))
    return found if peak(found, schedules) < peak(graph, schedules) else graph


def _search(graph: Graph) -> tuple[Node, ...]:
    """Beam search over orders: a state is what has run, its score the peak of what was alive so far."""
    nodes = graph.nodes
    owner: dict[str, str] = {v.name: v.name for v in graph.inputs}
    size: dict[str, int] = {v.name: aligned(v.type.bytes) for v in graph.inputs}
    for n in nodes:
        for v in n.outputs:
            if is_view(n) and n.value(0).name in owner:
                owner[v.name] = owner[n.value(0).name]
            else:
                owner[v.name], size[v.name] = v.name, aligned(v.type.bytes)
    keep = {owner[v.name] for v in graph.outputs}
    readers: dict[str, set[int]] = {}
    for i, n in enumerate(nodes):
        for v in n.present:
            if v.name in owner:
                readers.setdefault(owner[v.name], set()).add(i)
    produced = {v.name: i for i, n in enumerate(nodes) for v in n.outputs}
    needs = [{produced[v.name] for v in n.present if v.name in produced} for n in nodes]
    start = (0, sum(size[v.name] for v in graph.inputs), (), frozenset[int]())
    beam: list[tuple[int, int, tuple[int, ...], frozenset[int]]] = [start]
    for _ in nodes:
        following: dict[frozenset[int], tuple[int, int, tuple[int, ...], frozenset[int]]] = {}
        for highest, alive, order, done in beam:
            for i, n in enumerate(nodes):
                if i in done or not needs[i] <= done:
                    continue
                ran = done | {i}
                made = 0 if is_view(n) else sum(size[v.name] for v in n.outputs)
                now = alive + made
                dead = {owner[v.name] for v in n.present if v.name in owner} - keep
                freed = sum(size[b] for b in dead if readers[b] <= ran)
                state = (max(highest, now), now - freed, (*order, i), ran)
                if ran not in following or state[:3] < following[ran][:3]:
                    following[ran] = state
        beam = sorted(following.values(), key=lambda s: s[:3])[:_BEAM]
    return tuple(nodes[i] for i in beam[0][2])
