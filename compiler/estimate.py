"""What a model will need and how it will run, before it is compiled: by the optimiser, the kernels and the planner.

Weights and arena are those of the compilation itself. Code and stack come on top: they are known once it is built.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.arithmetic import arithmetic
from compiler.errors import DeepMetalError
from compiler.graph.graph import Graph, Node
from compiler.graph.types import Array, is_fill
from compiler.inspection import KernelUse, Support
from compiler.kernels.base import Schedule, Situation, candidates
from compiler.lower import describe
from compiler.memory.lifetimes import is_view, liveness
from compiler.memory.order import reorder
from compiler.memory.planner import plan
from compiler.options import CompileOptions
from compiler.pack.text import plain
from compiler.picture import KernelKind
from compiler.targets.base import Target

# Somebody waits for an inspection: a model of this size is planned in seconds.
MOST_WEIGHTS = 64 * 1024 * 1024
MOST_NODES = 3_000
TOO_LARGE = "the model is too large to plan it while you wait"
CRASHES = (KeyError, IndexError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError)


@dataclass(frozen=True)
class Planned:
    """An optimised graph on one kind of processor."""

    graph: Graph
    schedules: Mapping[str, Schedule]  # by the name of a node's first output; views have none
    weights: int
    arena: int

    def kind(self, node: Node) -> tuple[KernelKind, str]:
        """How a node runs, and the family of processors that its kernel was written for."""
        if is_view(node):
            return "view", ""
        family = self.schedules[node.output.name].family
        return ("generic", "") if family == "generic" else ("tuned", family)


def too_large(graph: Graph) -> bool:
    size = sum(a.nbytes for a in graph.constants.values() if not is_fill(a))
    return size > MOST_WEIGHTS or len(graph.nodes) > MOST_NODES


def planned(graph: Graph, features: frozenset[str], objective: str) -> Planned:
    """Schedules and memory of an optimised graph: all of `lower` but the kernels themselves."""
    situation = Situation(graph, features, objective)
    schedules = {n.output.name: candidates(n, situation)[0] for n in graph.nodes if not is_view(n)}
    ordered = reorder(graph, schedules)
    live = liveness(ordered, schedules)
    stored = {_content(a): a.nbytes for n in live.layers for a in _constants(n, schedules[n.output.name], graph)}
    return Planned(graph, schedules, sum(stored.values()), plan(live.lives, len(live.layers)).arena_bytes)


def estimate(
    graph: Graph, targets: Sequence[Target], options: CompileOptions, source_ops: Mapping[str, str]
) -> tuple[list[Support], Planned | None, str]:
    """For each kind of processor, the first target's plan, or why there is none.

    `graph` is optimised; `source_ops` has the operators of the source model's nodes by name.
    """
    kinds: dict[frozenset[str], list[str]] = {}
    for target in targets:
        kinds.setdefault(target.abilities, []).append(target.name)
    found: list[Support] = []
    first: Planned | None = None
    for features, names in kinds.items():
        try:
            one = planned(graph, features, options.optimize)
        except DeepMetalError as error:
            return [], None, error.title
        except CRASHES as error:
            return [], None, f"planning failed ({type(error).__name__}); compiling will say more"
        first = first or one
        found.append(support(one, names, options.precision, source_ops))
    return found, first, ""


def support(found: Planned, targets: list[str], precision: str, source_ops: Mapping[str, str]) -> Support:
    return Support(
        targets=targets,
        precision=precision,
        weights=found.weights,
        arena=found.arena,
        arithmetic=arithmetic(found.graph),
        layers=_layers(found),
        operators=_operators(found, source_ops),
    )


def _layers(found: Planned) -> list[KernelUse]:
    nodes: Counter[tuple[str, KernelKind, str]] = Counter()
    macs: Counter[tuple[str, KernelKind, str]] = Counter()
    for node in found.graph.nodes:
        key = (plain(describe(node)), *found.kind(node))
        nodes[key] += 1
        macs[key] += node.macs
    rows = [
        KernelUse(op=key[0], kind=key[1], family=key[2], nodes=count, macs=macs[key]) for key, count in nodes.items()
    ]
    return sorted(rows, key=lambda row: (-(row.macs or 0), row.op, row.kind))


def _operators(found: Planned, source_ops: Mapping[str, str]) -> list[KernelUse]:
    """By operators of the source: a node that several layers came from counts as the one that computes."""
    runs: dict[str, tuple[KernelKind, str]] = {}
    for node in found.graph.nodes:
        for source in node.sources:
            if source not in runs or runs[source][0] == "view":
                runs[source] = found.kind(node)
    folded: tuple[KernelKind, str] = ("folded", "")
    counts = Counter((op, *runs.get(name, folded)) for name, op in source_ops.items())
    return [KernelUse(op=op, kind=kind, family=family, nodes=n) for (op, kind, family), n in sorted(counts.items())]


def _constants(node: Node, schedule: Schedule, graph: Graph) -> list[Array]:
    """Operands that need an array in the image: not one value, nor one value repeated."""
    given = [schedule.packed.get(i, graph.constant(v)) for i, v in enumerate(node.inputs)]
    return [a for a in given if a is not None and a.size > 1 and not is_fill(a)]


def _content(array: Array) -> str:
    dtype = "uint8" if array.dtype == np.bool_ else str(array.dtype)
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).data).hexdigest() + dtype
