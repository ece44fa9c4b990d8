"""Which memory each tensor needs, and from which layer to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compiler.graph.graph import Graph, Node
from compiler.kernels.base import Schedule

ALIGN = 8  # bytes; every buffer starts at a multiple


@dataclass(frozen=True)
class Life:
    """A buffer and the layers during which its bytes must not change.

    `first` is the layer that writes it (-1 for an input of the model), `last` the last that reads it. `may_follow`
    maps buffers that this one, an output, may share memory with to the distance their start must keep behind its own.
    """

    name: str
    size: int
    first: int
    last: int
    may_follow: Mapping[str, int] = field(default_factory=dict)
    scratch: bool = False


@dataclass(frozen=True)
class Liveness:
    lives: tuple[Life, ...]
    layers: tuple[Node, ...]  # nodes that run a kernel, in execution order
    home: Mapping[str, str]  # value -> the buffer it lies in


def is_view(node: Node) -> bool:
    """Does the result lie in the very memory of the input?"""
    return node.op.layout_rule == "view"


def liveness(graph: Graph, schedules: Mapping[str, Schedule]) -> Liveness:
    """Lifetimes for the graph's own execution order; `schedules` by the name of the node's first output."""
    layers = [n for n in graph.nodes if not is_view(n)]
    index = {n.output.name: i for i, n in enumerate(layers)}
    home: dict[str, str] = {v.name: v.name for v in graph.inputs}
    first: dict[str, int] = {v.name: -1 for v in graph.inputs}
    last: dict[str, int] = {v.name: -1 for v in graph.inputs}
    size: dict[str, int] = {v.name: v.type.bytes for v in graph.inputs}
    may: dict[str, dict[str, int]] = {}
    scratch: list[Life] = []
    now = -1
    for node in graph.nodes:
        if is_view(node):
            if node.value(0).name in home:
                home[node.output.name] = home[node.value(0).name]
            continue
        now = index[node.output.name]
        read = [home[v.name] for v in node.present if v.name in home]
        for buffer in read:
            last[buffer] = now
        for v in node.outputs:
            home[v.name], first[v.name], last[v.name], size[v.name] = v.name, now, now, v.type.bytes
        schedule = schedules[node.output.name]
        if len(node.outputs) == 1:
            may[node.output.name] = _sharing(graph, node, schedule, home)
        if schedule.scratch_bytes:
            scratch.append(Life(f"{node.output.name}:scratch", schedule.scratch_bytes, now, now, scratch=True))
    for v in graph.outputs:
        last[home[v.name]] = len(layers)
    lives = [Life(n, max(1, size[n]), first[n], last[n], may.get(n, {})) for n in size]
    return Liveness(tuple([*lives, *scratch]), tuple(layers), home)


def _sharing(graph: Graph, node: Node, schedule: Schedule, home: Mapping[str, str]) -> dict[str, int]:
    """Buffers the output may overlap: inputs that die here, read only where the schedule allows it."""
    result: dict[str, int] = {}
    for i, distance in schedule.overlap.items():
        x = node.inputs[i]
        if x is None or x.name not in home:
            continue
        others = [j for j, v in enumerate(node.inputs) if j != i and v is not None and home.get(v.name) == home[x.name]]
        if all(j in schedule.overlap for j in others):
            distances = [schedule.overlap[j] for j in (i, *others)]
            result[home[x.name]] = max(distances)
    return result


def needed_at(lives: Sequence[Life], layer: int) -> int:
    """Bytes that must exist while `layer` runs, with as much sharing as the schedules allow."""
    alive = [b for b in lives if b.first <= layer <= b.last]
    total = sum(aligned(b.size) for b in alive)
    by_name = {b.name: b for b in alive}
    for b in alive:
        if b.first != layer:
            continue
        savings = [0]
        for name, distance in b.may_follow.items():
            other = by_name.get(name)
            if other is not None and other.last == layer:
                together = max(aligned(b.size), aligned(max(0, distance)) + aligned(other.size))
                savings.append(aligned(b.size) + aligned(other.size) - together)
        total -= max(savings)
    return total


def aligned(size: int) -> int:
    return -(-size // ALIGN) * ALIGN

