"""What comes before the passes: a model is quantised if the options say so, and accuracy is measured on labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from compiler.dump import dump
from compiler.graph.graph import Graph
from compiler.graph.text import text
from compiler.graph.types import Array
from compiler.options import CompileOptions
from compiler.quant.calibration_data import Samples, read_labels, read_samples
from compiler.quant.evaluate import Answers, answers, compared
from compiler.quant.explain import explained, explained_weights
from compiler.quant.fold import is_quantized
from compiler.quant.hybrid import with_int8_weights
from compiler.quant.keep import kept
from compiler.quant.measure import measure
from compiler.quant.mixed import promote
from compiler.quant.prepare import prepare
from compiler.quant.preprocess import parse
from compiler.quant.quantize import Quantizing, Step, quantize
from compiler.quant.sensitivity import sensitivity
from compiler.quant.synthetic import WARNING, synthetic
from compiler.report import Accuracy, PassInfo, Quantization, Report
from compiler.trace import Trace

ALREADY = "The model is quantised already and was compiled as it is; --precision is for float models."


@dataclass(frozen=True)
class Files:
    """What was given beside the model."""

    calibration: Path | None = None
    labels: Path | None = None
    samples: Path | None = None  # that the labels belong to; the calibration inputs if there are none


@dataclass(frozen=True)
class Staged:
    """`vectors` are typical inputs, to validate with; empty when none were given. `is_reference`: what was compiled is
    held to `graph`, because its floats differ from the source model's by more than rounding of sums, or its inputs
    and outputs have other types."""

    graph: Graph
    passes: tuple[PassInfo, ...] = ()
    quantization: Quantization | None = None
    accuracy: Accuracy | None = None
    notes: tuple[str, ...] = ()
    vectors: Sequence[Mapping[str, Array]] = ()
    is_reference: bool = False

    def told(self, report: Report) -> Report:
        """The report with what this stage has to say."""
        found = {
            "passes": [*self.passes, *report.passes],
            "notes": [*self.notes, *report.notes],
            "quantization": self.quantization,
            "accuracy": self.accuracy,
        }
        return report.model_copy(update=found)


def stage(graph: Graph, options: CompileOptions, files: Files, trace: Trace) -> Staged:
    """Quantise as the options say, and measure accuracy if there are labels."""
    done = _Stage(graph, options, files, trace)
    if options.precision == "float32" or is_quantized(graph):
        notes = (ALREADY,) if options.precision != "float32" else ()
        return replace(done.as_it_is(), notes=notes)
    return done.hybrid() if options.precision == "int8-weights" else done.int8()


class _Stage:
    def __init__(self, graph: Graph, options: CompileOptions, files: Files, trace: Trace) -> None:
        self.graph, self.options, self.trace = graph, options, trace
        preprocess = parse(options.preprocess)
        given = files.calibration or files.samples
        self.calibration = None if given is None else read_samples(given, graph.inputs, preprocess)
        self.labelled: Samples | None = None
        self.notes: list[str] = []
        if files.labels is not None:
            self.labelled = self.calibration
            if files.samples is not None and files.samples != given:
                self.labelled = read_samples(files.samples, graph.inputs, preprocess)
            elif files.samples is None:
                self.notes.append("Accuracy is measured on the calibration data themselves; --samples gives others.")
            self.labels = read_labels(files.labels, len(self.labelled) if self.labelled else 0)
        self.exact: Answers | None = None

    def as_it_is(self) -> Staged:
        """A float model, or one that came with integers."""
        accuracy = None
        if self.labelled is not None:
            found = answers(self.graph, self.labelled, self.labels, self.options.rounding)
            integer = is_quantized(self.graph)
            accuracy = compared(self.labels, None if integer else found, found if integer else None)
        return Staged(self.graph, accuracy=accuracy, vectors=self._vectors())

    def hybrid(self) -> Staged:
        floats = frozenset(kept(prepare(self.graph), self.options.keep))
        graph, layers = with_int8_weights(self.graph, floats)
        dump("quantize.graph", partial(text, graph))
        samples = self.calibration or synthetic(self.graph.inputs)
        self.notes.append(
            "The compiled code is held to the model with int8 weights; how far that is from the float32 model, "
            "`quantization` says."
        )
        effect = f"weights of {len(layers)} layers are int8 with a scale for each output channel; the rest is float32"
        return Staged(
            graph,
            passes=(PassInfo(name="quantize", effect=effect),),
            quantization=explained_weights(self.graph, graph, layers, samples, self.options, floats, effect),
            is_reference=True,
            accuracy=self._accuracy(graph),
            notes=tuple(self.notes),
            vectors=self._vectors(),
        )

    def int8(self) -> Staged:
        guessed = self.calibration is None
        samples = self.calibration or synthetic(self.graph.inputs)
        if guessed:
            self.notes.insert(0, WARNING)
            self.trace.log(WARNING)
        found = quantize(self.graph, self.options, samples, self.trace.log)
        alone: dict[str, float] = {}
        if self.options.quantizer != "quick" or self.options.accuracy_budget:
            alone = sensitivity(found.floats, found.points, found.choice.grids)
        budget = None
        if self.options.accuracy_budget:
            found, budget = promote(found, alone, self.options.mixed, self._holds)
            self.trace.log(budget)
            self.notes.append(f"{budget}.")
        measured = measure(found.floats, found.points, found.choice, every=True)
        graph = found.inserted(self.options.io)
        dump("quantize.graph", partial(text, graph))
        report = explained(found, measured, alone, self.options, samples, guessed, budget)
        if report.floats:
            self.notes.append(
                "Layers that compute with float32 between integers: " + "; ".join(report.floats[:20]) + "."
            )
        return Staged(
            graph,
            passes=tuple(_pass(s) for s in found.steps),
            quantization=report,
            accuracy=self._accuracy(found.inserted("source")),
            notes=tuple(self.notes),
            vectors=self._vectors(),
            is_reference=self.options.io == "int8",
        )

    def _holds(self, found: Quantizing) -> tuple[bool, str]:
        """Is the quantised model within the budget, and in words."""
        budget = self.options.accuracy_budget or ""
        if budget.endswith("dB"):
            sqnr = found.measured.outputs.sqnr_db
            return sqnr >= float(budget[:-2]), f"Accuracy budget {budget}: the outputs' SQNR is {sqnr:.1f} dB"
        if self.labelled is not None:
            accuracy = self._accuracy(found.inserted("source"))
            assert accuracy is not None and accuracy.float32 is not None and accuracy.quantized is not None
            lost = 100 * (accuracy.float32 - accuracy.quantized)
            return lost <= float(budget), f"Accuracy budget {budget} points: int8 loses {lost:.2f}"
        agreement = found.measured.agreement
        if agreement is None:
            return True, f"Accuracy budget {budget} points: without labels and classes nothing can be held to it"
        lost = 100 * (1 - agreement)
        return lost <= float(
            budget
        ), f"Accuracy budget {budget} points: {lost:.2f} % of the answers differ from float's"

    def _accuracy(self, graph: Graph) -> Accuracy | None:
        if self.labelled is None:
            return None
        if self.exact is None:
            self.exact = answers(self.graph, self.labelled, self.labels)
        return compared(self.labels, self.exact, answers(graph, self.labelled, self.labels, self.options.rounding))

    def _vectors(self) -> Sequence[Mapping[str, Array]]:
        return self.calibration.some(self.options.vectors) if self.calibration is not None else ()


def _pass(step: Step) -> PassInfo:
    after = "" if step.sqnr_db is None else f"; outputs at {step.sqnr_db:.1f} dB"
    return PassInfo(name=f"quantize: {step.name}", effect=step.effect + after)
