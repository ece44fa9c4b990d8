"""The quantisation in the report: each tensor with its range and error, the worst first, and what could be done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from compiler.graph.graph import Graph
from compiler.graph.text import op_text
from compiler.options import CompileOptions
from compiler.quant.calibration_data import Samples
from compiler.quant.forms import weighted
from compiler.quant.grid import Grid, along_first
from compiler.quant.host import Host
from compiler.quant.insert import Weights, nearest
from compiler.quant.measure import Measured, Noise, judged
from compiler.quant.observe import Seen
from compiler.quant.prepare import prepare
from compiler.quant.quantize import MOST_MEASURED, Quantizing
from compiler.report import Quantization, QuantizationStep, QuantizedTensor, QuantizedWeights

SATURATES = 0.001  # share of values beyond the ends that is worth a word
GOOD = 20.0  # dB of the outputs below which something should be done
FEW = 50  # calibration samples


def explained(
    found: Quantizing,
    measured: Measured,
    alone: Mapping[str, float],
    options: CompileOptions,
    samples: Samples,
    synthetic: bool,
    budget: str | None,
) -> Quantization:
    tensors = [_tensor(found, measured, alone, name) for name in (v.name for v in found.points.tensors)]
    ranked = sorted(tensors, key=lambda t: (t.alone_db if t.alone_db is not None else t.sqnr_db or 0.0, t.name))
    sqnr = round(measured.outputs.sqnr_db, 2)
    return Quantization(
        precision=options.precision,
        quantizer=options.quantizer,
        calibration=samples.origin,
        samples=len(samples),
        synthetic=synthetic,
        sqnr_db=sqnr,
        agreement=measured.agreement,
        steps=[QuantizationStep(name=s.name, effect=s.effect, sqnr_db=_short(s.sqnr_db)) for s in found.steps],
        tensors=tensors,
        weights=[
            _rounded_weights(found.graph, n.output.name, None, found.choice.weights.get(n.output.name))
            for n in found.graph.nodes
            if n.output.name in found.points.integer and weighted(found.graph, n)
        ],
        worst=[t.name for t in ranked],
        promoted=dict(sorted(found.kept.items())),
        floats=floats(found.graph, found),
        budget=budget,
        suggestions=suggestions(ranked, sqnr, options, len(samples), synthetic),
    )


def explained_weights(
    before: Graph,
    graph: Graph,
    layers: Sequence[str],
    samples: Samples,
    options: CompileOptions,
    floats: Collection[str],
    effect: str,
) -> Quantization:
    """The same for --precision int8-weights: `graph` has int8 weights in `layers`, `before` is the float graph."""
    prepared = prepare(before)
    seen = [n.output for n in prepared.nodes if n.output.name in layers]
    outputs = judged(prepared)
    exact, rough = (Host(g, list(dict.fromkeys([*seen, *outputs]))) for g in (prepared, graph))
    noise = {v.name: Noise() for v in (*seen, *outputs)}
    agreed, some = 0, samples.some(MOST_MEASURED)
    for sample in some:
        a, b = exact.run(sample), rough.run(sample)
        for name, collected in noise.items():
            collected.add(a[name], b[name])
        agreed += bool(outputs) and int(np.argmax(a[outputs[0].name]) == np.argmax(b[outputs[0].name]))
    weights = [_rounded_weights(prepared, name, noise[name].sqnr_db) for name in layers]
    sqnr = min((noise[v.name].sqnr_db for v in outputs), default=None)
    classes = bool(outputs) and outputs[0].type.elements > 1
    return Quantization(
        precision=options.precision,
        quantizer=options.quantizer,
        calibration=f"only weights are quantised; errors are measured on {samples.origin}",
        samples=len(samples),
        synthetic=False,
        sqnr_db=_short(sqnr),
        agreement=agreed / len(some) if classes else None,
        steps=[QuantizationStep(name="weights", effect=effect, sqnr_db=_short(sqnr))],
        weights=weights,
        worst=[w.layer for w in sorted(weights, key=lambda w: (w.result_db or 0.0, w.layer))],
        promoted=dict.fromkeys(sorted(floats), "float32"),
    )


def _rounded_weights(
    graph: Graph, name: str, result_db: float | None, given: Weights | None = None
) -> QuantizedWeights:
    node = next(n for n in graph.nodes if n.output.name == name)
    w = graph.constants[node.value(1).name]
    rounded = given or nearest(w)
    noise = Noise()
    noise.add(w, rounded.numbers * along_first(rounded.scales, w.ndim))
    return QuantizedWeights(
        layer=node.name, shape=list(w.shape), sqnr_db=round(noise.sqnr_db, 2), result_db=_short(result_db)
    )


def _tensor(found: Quantizing, measured: Measured, alone: Mapping[str, float], name: str) -> QuantizedTensor:
    grid, seen, noise = found.choice.grids[name], found.seen[name], measured.tensors.get(name)
    value = next(v for v in found.points.tensors if v.name == name)
    node = found.graph.producer(value)
    return QuantizedTensor(
        name=name,
        layer=node.name if node else "",
        op=op_text(node.op).partition("(")[0] if node else "input",
        dtype=grid.dtype,
        scale=grid.scale,
        zero_point=grid.zero,
        method=found.chosen[name].method,
        low=seen.low,
        high=seen.high,
        saturated=round(saturated(grid, seen), 6),
        sqnr_db=_short(noise.sqnr_db) if noise else None,
        cosine=None if noise is None or noise.cosine is None else round(noise.cosine, 6),
        alone_db=alone.get(name),
        trials=dict(found.chosen[name].trials),
        histogram=seen.shown(),
    )


def saturated(grid: Grid, seen: Seen) -> float:
    """The share of values beyond the outermost numbers, by more than they would be rounded anyway."""
    total = int(seen.counts.sum())
    if not total:
        return 0.0
    low, high = grid.bounds
    x = seen.centres
    return float(seen.counts[(x < low - grid.scale / 2) | (x > high + grid.scale / 2)].sum()) / total


def floats(graph: Graph, found: Quantizing) -> list[str]:
    """Nodes between the integers that compute with float32, and why."""
    said = []
    for node in graph.nodes:
        types = {v.type.dtype for v in (*node.present, *node.outputs)}
        if node.output.name in found.points.integer or "float32" not in types or node.op.layout_rule == "view":
            continue
        if any(v.name in found.choice.grids for v in node.outputs) or (not node.macs and not _computes(node.op)):
            continue
        why = "kept" if node.output.name in found.kept else "no integer form"
        said.append(f"{node.name} ({type(node.op).__name__}): {why}")
    return said


def _computes(op: object) -> bool:
    return type(op).__name__ not in ("Reshape", "Identity", "Transpose", "Copy", "Slice", "MaxPool", "Gather", "Concat")


def suggestions(
    ranked: Sequence[QuantizedTensor], sqnr_db: float, options: CompileOptions, samples: int, synthetic: bool
) -> list[str]:
    """What would help, the most useful first; empty when all is well."""
    found = []
    if synthetic:
        found.append("Give typical inputs with --calibration: without them all ranges are a guess.")
    elif samples < FEW:
        found.append(f"Give more calibration data: {samples} samples are few, 100 to 500 are usual.")
    hurting = [t for t in ranked if t.alone_db is not None and t.alone_db < sqnr_db + 6 and t.dtype == "int8"]
    if sqnr_db < GOOD and hurting:
        keep = " ".join(f"--keep {t.name}=int16" for t in hurting[:3])
        found.append(f"Most of the error comes from {_names(hurting)}; keep it in 16 bits: {keep}.")
    if sqnr_db < GOOD and options.quantizer != "thorough":
        found.append("Try --quantizer thorough: it rounds the weights of each layer together.")
    if cut := [t for t in ranked if t.saturated > SATURATES]:
        worst = max(cut, key=lambda t: t.saturated)
        found.append(
            f"{len(cut)} tensors saturate, most of all {worst.name} ({worst.saturated:.2%} of its values); "
            "if that costs accuracy, compare with --observer minmax."
        )
    return found


def _names(tensors: Sequence[QuantizedTensor]) -> str:
    return ", ".join(t.name for t in tensors[:3])


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
