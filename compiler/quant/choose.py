"""A range for each tensor: every method is tried on some samples, and the error behind its readers decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.index_map import Concat
from compiler.ops.softmax import Softmax
from compiler.quant.grid import SOFTMAX, Grid, int8_grid
from compiler.quant.host import Host
from compiler.quant.insert import readers_of
from compiler.quant.observe import Seen
from compiler.quant.points import Points
from compiler.quant.ranges import METHODS, squared_error

SAMPLES = 8  # whose tensors are kept and pushed through the readers
WORTH = 3.0  # dB that cutting values off must bring: unseen inputs lose more by it than seen ones
WORK = 4e9  # multiplications of all trials together; fewer samples where a model is large


@dataclass(frozen=True)
class Chosen:
    """A tensor's grid, the method that found it, and what each method's error was (in dB, at the readers)."""

    grid: Grid
    method: str
    trials: Mapping[str, float]


def choose(
    graph: Graph,
    points: Points,
    seen: Mapping[str, Seen],
    host: Host,
    samples: Sequence[Mapping[str, Array]],
    observer: str,
) -> dict[str, Chosen]:
    """`observer` is a method's name, or auto for the best of all by measured error."""
    fixed = {n.output.name: SOFTMAX for n in graph.nodes if isinstance(n.op, Softmax) and not n.op.log}
    methods = tuple(METHODS) if observer == "auto" else (observer,)
    count = SAMPLES if observer == "auto" else 0
    if graph.macs():
        count = min(count, max(1, int(WORK / (graph.macs() * (len(methods) + 1)))))
    step = max(1, len(samples) // max(count, 1))
    tensors = [host.run(s) for s in samples[::step][:count]]
    chosen: dict[str, Chosen] = {}
    for v in points.tensors:
        if v.name in fixed:
            chosen[v.name] = Chosen(fixed[v.name], "fixed", {})
            continue
        grids = {m: int8_grid(*METHODS[m](seen[v.name])) for m in methods}
        trials = _trials(graph, v, grids, tensors) if len(grids) > 1 else {}
        best = max(grids, key=lambda m: trials[m]) if trials else next(iter(grids))
        if trials and not _worth(trials[best] - trials["minmax"], seen[v.name], grids[best], grids["minmax"]):
            best = "minmax"
        chosen[v.name] = Chosen(grids[best], best, trials)
    return _shared(graph, points, chosen)


def _worth(gain_db: float, seen: Seen, cut: Grid, whole: Grid) -> bool:
    """Cutting off must help the readers and, over all calibration data, the tensor: the few samples of the trials
    seldom hold its largest values, and those are what a cut ruins."""
    return gain_db >= WORTH and squared_error(seen, *cut.bounds) * 10 ** (WORTH / 10) <= squared_error(
        seen, *whole.bounds
    )


def _trials(
    graph: Graph, v: Value, grids: Mapping[str, Grid], tensors: Sequence[Mapping[str, Array]]
) -> dict[str, float]:
    """For each method the signal-to-noise ratio behind the tensor's readers; of the tensor where nothing reads it."""
    readers = [n for n in readers_of(graph, v) if n.present]
    noise = dict.fromkeys(grids, 0.0)
    signal = 0.0
    done: dict[Grid, str] = {}
    for t in tensors:
        exact = _behind(graph, readers, v, t, t[v.name])
        power = [float((y.astype(np.float64) ** 2).sum()) or 1.0 for y in exact]
        signal += len(exact)
        for method, grid in grids.items():
            if done.setdefault(grid, method) != method:
                continue
            rough = _behind(graph, readers, v, t, grid.rounded(t[v.name]))
            noise[method] += sum(
                float(((a - b).astype(np.float64) ** 2).sum()) / p for a, b, p in zip(exact, rough, power, strict=True)
            )
    for method, grid in grids.items():
        noise[method] = noise[done.get(grid, method)]
    return {m: round(10 * float(np.log10(signal / max(e, signal * 1e-12))), 3) for m, e in noise.items()}


def _behind(graph: Graph, readers: Sequence[Node], v: Value, t: Mapping[str, Array], x: Array) -> list[Array]:
    """What the readers of v compute when v is x and all their other operands are as they were."""
    found = []
    for node in readers:
        arrays = [_operand(graph, node, o, v, t, x) for o in node.inputs]
        if any(a is None and o is not None for a, o in zip(arrays, node.inputs, strict=True)):
            continue  # an operand that was not looked at, or that arrives in another shape
        with np.errstate(all="ignore"):
            y = node.op.reference(*arrays)
        found += [np.asarray(part) for part in (y if isinstance(y, tuple) else (y,)) if np.isfinite(part).all()]
    return found or [x]


def _operand(
    graph: Graph, node: Node, operand: Value | None, v: Value, t: Mapping[str, Array], x: Array
) -> Array | None:
    if operand is None:
        return None
    if operand.name in graph.constants:
        return graph.constants[operand.name]
    if operand.name == v.name:
        return x
    if (other := t.get(operand.name)) is not None:
        return other
    before = graph.producer(operand)  # elements of v that were moved
    if before is None or before.value(0).name != v.name:
        return None
    moved = [x, *(graph.constants.get(o.name) for o in before.present[1:])]
    return None if any(a is None for a in moved) else np.asarray(before.op.reference(*moved))


def _shared(graph: Graph, points: Points, chosen: dict[str, Chosen]) -> dict[str, Chosen]:
    """What is only read by one Concat takes the grid of its result: then nothing is computed there, only moved."""
    for node in graph.nodes:
        if not isinstance(node.op, Concat) or node.output.name not in chosen:
            continue
        for v in node.present:
            if v.name in chosen and graph.only_reader(v) is node:
                chosen[v.name] = Chosen(chosen[node.output.name].grid, "concat", chosen[v.name].trials)
    return chosen
