"""Post-training quantisation: a float graph and typical inputs become a graph with Quantize and Dequantize.

The steps, each of which leaves a line in the report with what it did to the output:

    prepare     fold batch norms, find the tensors that become integers       prepare.py points.py
    equalize    move range from channel to channel (thorough)                 equalize.py
    observe     extremes and histograms on the calibration data               observe.py
    choose      a range for each tensor by measured error                     ranges.py choose.py
    round       weights rounded together, not one by one (thorough)           adaptive_rounding.py
    correct     what rounding shifts on average goes into the bias            bias_correction.py
    promote     tensors that hurt get more bits, until a budget holds         mixed.py
    insert      Quantize and Dequantize; the passes make integers of them     insert.py

`--precision int8-weights` is hybrid.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.ops.index_map import Concat
from compiler.options import CompileOptions
from compiler.quant.adaptive_rounding import round_together
from compiler.quant.bias_correction import correct_biases
from compiler.quant.calibration_data import Samples
from compiler.quant.choose import Chosen, choose
from compiler.quant.equalize import equalize
from compiler.quant.grid import int8_grid, int16_grid
from compiler.quant.host import Host
from compiler.quant.insert import Choice, insert
from compiler.quant.keep import kept
from compiler.quant.measure import FloatSide, Measured, measure, wanted
from compiler.quant.observe import Seen, observe
from compiler.quant.points import Points, find
from compiler.quant.prepare import prepare
from compiler.quant.ranges import METHODS, of_clamp
from compiler.quant.regions import CLAMPS

NOTHING = "E0435"
MOST_OBSERVED = 512  # samples that ranges come from
MOST_MEASURED = 32  # samples that choices are measured on
HEADROOM = 1.5
MOST_FOR_HEADROOM = 0.3  # dB that it may cost
Log = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """What one step did, and the output's signal-to-noise ratio after it where that was measured."""

    name: str
    effect: str
    sqnr_db: float | None = None


@dataclass(frozen=True)
class Quantizing:
    """Everything that is known on the way; `choice` is what it comes to."""

    graph: Graph  # float, prepared
    points: Points
    seen: Mapping[str, Seen]
    chosen: Mapping[str, Chosen]
    choice: Choice
    floats: FloatSide
    measured: Measured
    steps: tuple[Step, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)  # tensor or layer -> int16 or float32

    def then(self, step: Step) -> Quantizing:
        return replace(self, steps=(*self.steps, step))

    def inserted(self, io: str) -> Graph:
        return insert(self.graph, self.points, self.choice, io).graph


def quantize(graph: Graph, options: CompileOptions, samples: Samples, log: Log) -> Quantizing:
    """All steps but `promote`, for which accuracy has to be known. Raises E0434, E0435 or E0436."""
    prepared = prepare(graph)
    thorough = options.quantizer == "thorough"
    found = _ranged(prepared, options, samples)
    if thorough:
        even, pairs = equalize(prepared)
        if pairs:
            other = _ranged(even, options, samples)
            better = other.measured.outputs.sqnr_db > found.measured.outputs.sqnr_db
            steps = (*found.steps, _equalized(pairs, better, other.measured.outputs.sqnr_db))
            found = replace(other if better else found, steps=steps)
    if options.quantizer != "quick":
        weights = correct_biases(found.graph, found.points, found.choice, found.floats)
        effect = f"the mean error of {len(weights)} layers moved into their biases"
        found = _kept_if_better(found, replace(found.choice, weights=weights), "bias correction", effect)
    if thorough:
        together = round_together(found.graph, found.points, found.choice, found.floats)
        rounded = replace(found.choice, weights={**found.choice.weights, **together})
        weights = correct_biases(found.graph, found.points, rounded, found.floats)
        effect = f"weights of {len(together)} layers rounded together, and biases corrected"
        found = _kept_if_better(found, replace(rounded, weights=weights), "adaptive rounding", effect)
    for step in found.steps:
        log(f"{step.name}: {step.effect}" + (f", {step.sqnr_db:.1f} dB" if step.sqnr_db is not None else ""))
    return found


def _ranged(graph: Graph, options: CompileOptions, samples: Samples) -> Quantizing:
    """Ranges for all tensors of a prepared graph, and how good that is."""
    stay = kept(graph, options.keep)
    points = find(graph, {name for name, how in stay.items() if how == "float32"}, options.io == "source")
    if not points.tensors:
        raise ModelError(
            NOTHING,
            "there is nothing to quantise: no operator of the model has both an integer form and float32 operands",
            where=graph.name,
            help="a model that is quantised already compiles as it is: leave --precision out",
        )
    host = Host(graph, wanted(graph, points))
    some = samples.some(MOST_OBSERVED)
    seen = _clamped(graph, observe(host, some))
    observer = "minmax" if options.quantizer == "quick" and options.observer == "auto" else options.observer
    chosen = choose(graph, points, seen, host, some, observer)
    grids = {name: c.grid for name, c in chosen.items()}
    for name, how in stay.items():
        if how == "int16" and name in grids:
            grids[name] = int16_grid(seen[name].low, seen[name].high)
            chosen[name] = replace(chosen[name], grid=grids[name], method="minmax")
    choice = Choice(grids)
    floats = FloatSide(graph, points, samples.some(MOST_MEASURED), host, options.rounding)
    every = options.quantizer != "quick"
    measured = measure(floats, points, choice, every)
    steps = [Step("observe", f"{len(points.tensors)} tensors on {len(some)} samples")]
    if observer == "auto":
        everywhere = {name: int8_grid(*METHODS["minmax"](seen[name])) for name in grids if name not in stay}
        plain = measure(floats, points, Choice({**grids, **everywhere})).outputs.sqnr_db
        counts = {m: sum(c.method == m for c in chosen.values()) for m in METHODS}
        steps[0] = replace(steps[0], sqnr_db=plain)
        if plain > measured.outputs.sqnr_db:  # tensor by tensor each was better, together they are not
            chosen = {n: replace(c, grid=everywhere.get(n, c.grid), method="minmax") for n, c in chosen.items()}
            choice = Choice({**grids, **everywhere})
            measured = measure(floats, points, choice, every)
            steps.append(Step("choose ranges", "min-max everywhere was best", plain))
        else:
            text = ", ".join(f"{m} {n}" for m, n in counts.items() if n)
            steps.append(Step("choose ranges", f"by measured error: {text}", measured.outputs.sqnr_db))
    else:
        steps.append(Step("choose ranges", f"{observer} for all tensors", measured.outputs.sqnr_db))
    found = Quantizing(graph, points, seen, chosen, choice, floats, measured, tuple(steps), stay)
    return found if options.quantizer == "quick" else _headroom(found)


def _headroom(found: Quantizing) -> Quantizing:
    """Tensors get a wider range than was seen, where the wider steps are lost in the noise that is there anyway.

    Calibration data never hold the largest values. A logit that saturates draws level with others, and the answer is
    lost; the tensors before the outputs carry so much noise that room costs nothing there either.
    """
    room, count = {}, len(found.floats.samples)
    for v in found.points.tensors:
        old, seen, noise = found.choice.grids[v.name], found.seen[v.name], found.measured.tensors.get(v.name)
        node = found.graph.producer(v)
        free = node is not None and not isinstance(node.op, (*CLAMPS[1:], Concat))
        if noise is None or not free or old.dtype != "int8" or found.chosen[v.name].method != "minmax":
            continue
        wide = int8_grid(HEADROOM * seen.low, HEADROOM * seen.high)
        added = v.type.elements * count * (wide.scale**2 - old.scale**2) / 12  # rounding to steps of one size
        if added <= noise.noise * (10 ** (MOST_FOR_HEADROOM / 10) - 1):
            room[v.name] = wide
    if not room:
        return found
    step = Step("headroom", f"{', '.join(room)}: {HEADROOM:g} times the range that was seen, for inputs that were not")
    chosen = {**found.chosen, **{n: replace(found.chosen[n], grid=g, method="headroom") for n, g in room.items()}}
    choice = replace(found.choice, grids={**found.choice.grids, **room})
    return replace(found, choice=choice, chosen=chosen).then(step)


def _clamped(graph: Graph, seen: dict[str, Seen]) -> dict[str, Seen]:
    """Nothing lies beyond the bounds of a clamp; rounding of the bounds must not make it seem so."""
    for node in graph.nodes:
        if isinstance(node.op, CLAMPS) and (s := seen.get(node.output.name)) is not None:
            low, high = of_clamp(s.low, s.high, _bounds(node.op))
            seen[node.output.name] = replace(s, low=low, high=high)
    return seen


def _bounds(op: object) -> tuple[float, float]:
    return float(getattr(op, "low", 0.0)), float(getattr(op, "high", float("inf")))


def _equalized(pairs: int, better: bool, sqnr_db: float) -> Step:
    kept_or_not = "kept" if better else "not kept, because the output is worse with it"
    return Step("equalisation", f"{pairs} pairs of layers, {kept_or_not}", sqnr_db)


def _kept_if_better(found: Quantizing, choice: Choice, name: str, effect: str) -> Quantizing:
    other = measure(found.floats, found.points, choice)
    if other.outputs.sqnr_db > found.measured.outputs.sqnr_db:
        step = Step(name, effect, other.outputs.sqnr_db)
        return replace(found, choice=choice, measured=other).then(step)
    return found.then(Step(name, f"{effect}: not kept, because the output is worse with it", other.outputs.sqnr_db))
