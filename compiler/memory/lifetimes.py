"""Which memory each tensor needs, and from which layer to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compiler.graph.graph import Graph, Node
from compiler.kernels.base import Overlap, Schedule

ALIGN = 8  # bytes; every buffer starts at a multiple


@dataclass(frozen=True)
class Life:
    """A buffer and the layers during which its bytes must not change.

    `first` is the layer that writes it (-1 for an input of the model), `last` the last that reads it. `may_share`
    says with which inputs of that layer this buffer, its output, may share memory, and how.
    """

    name: str
    size: int
    first: int
    last: int
    may_share: Mapping[str, Overlap] = field(default_factory=dict)
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
    may: dict[str, dict[str, Overlap]] = {}
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
        for i, (kind, count) in enumerate(schedule.scratch):
            scratch.append(Life(scratch_name(node.output.name, i), kind.bytes * count, now, now, scratch=True))
    for v in graph.outputs:
        last[home[v.name]] = len(layers)
    lives = [Life(n, max(1, size[n]), first[n], last[n], may.get(n, {})) for n in size]
    return Liveness((*lives, *scratch), tuple(layers), home)


def scratch_name(output: str, index: int) -> str:
    """The buffer that the kernel of an output works in."""
    return f"{output}:scratch{index or ''}"


def _sharing(graph: Graph, node: Node, schedule: Schedule, home: Mapping[str, str]) -> dict[str, Overlap]:
    """Buffers the output may overlap, for all the ways in which this node reads them."""
    result: dict[str, Overlap] = {}
    for i, allowed in schedule.overlap.items():
        x = node.inputs[i]
        if x is None or x.name not in home:
            continue
        others = [j for j, v in enumerate(node.inputs) if j != i and v is not None and home.get(v.name) == home[x.name]]
        for j in others:
            allowed = allowed.both(schedule.overlap.get(j, Overlap()))
        if allowed != Overlap():
            result[home[x.name]] = allowed
    return result


def needed_at(lives: Sequence[Life], layer: int) -> int:
    """Bytes that must exist while `layer` runs, with as much sharing as the schedules allow."""
    alive = [b for b in lives if b.first <= layer <= b.last]
    total = sum(aligned(b.size) for b in alive)
    by_name = {b.name: b for b in alive}
    for b in alive:
        if b.first != layer:
            continue
        saved = 0  # by sharing with all inputs that end here; they lie apart, so no byte is saved twice
        for name, allowed in b.may_share.items():
            other = by_name.get(name)
            if other is not None and other.last == layer:
                saved += aligned(b.size) + aligned(other.size) - _together(b.size, other.size, allowed)
        total -= min(saved, aligned(b.size))
    return total


def _together(output: int, source: int, allowed: Overlap) -> int:
    """The smallest span that holds both."""
    spans = [aligned(output) + aligned(source)]
    if allowed.exact:
        spans.append(max(aligned(output), aligned(source)))
    if allowed.forward is not None:
        spans.append(max(aligned(output), aligned(max(0, allowed.forward)) + aligned(source)))
    if allowed.backward is not None:
        spans.append(max(aligned(source), aligned(max(0, allowed.backward)) + aligned(output)))
    return min(spans)


def aligned(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
