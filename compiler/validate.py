"""Does the compiled code compute what the model computes? Layer by layer, over all vectors.

The firmware's tensors are compared with those of ONNX Runtime on the source model, and the outputs with PyTorch's
when the model came from PyTorch; graph files are computed with numpy. Logits before a final softmax are a layer's
tensor like others, so they are compared too. Beside that, the three ways of running the model must agree bit for bit,
and nothing may be written outside of its buffers. How far apart tensors may be is in `compare.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import onnx

from compiler.compare import IRRECONCILABLE, Array, Difference, layer_error, shake, tolerance
from compiler.emulator.protocol import VectorRun
from compiler.errors import Mismatch
from compiler.exactness import Exactness
from compiler.graph.graph import Graph
from compiler.importers.formats.base import Original
from compiler.reference import Reference, reference_of
from compiler.report import LayerError, Validation
from compiler.vectors import Vector

if TYPE_CHECKING:
    from compiler.program import Program, Slot

MISMATCH = "E0801"
KEEP = 2  # vectors whose expected outputs go into the artifact


@dataclass(frozen=True)
class SourceModel:
    """The model as it came: `outputs` are the names of the tensors that the program's outputs must equal.

    The program's input slots go by the names of the model's inputs.
    """

    model: onnx.ModelProto | Graph
    outputs: tuple[str, ...]
    original: Original | None = None  # the framework that the model comes from


@dataclass(frozen=True)
class ValidationResult:
    """The verdict. `layer` is the first one that differs, "" when all agree; `reason` says in words what is wrong."""

    validation: Validation
    layer_errors: tuple[LayerError | None, ...]  # None: the layer equals no tensor of the source model
    layer: str = ""
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    # For the self-check in the artifact: the source model's outputs for the first vectors, and how far off is good.
    expected: tuple[tuple[Array, ...], ...] = ()
    allowed: tuple[tuple[float, ...], ...] = ()

    @property
    def passed(self) -> bool:
        return self.validation.passed

    def error(self, model: str) -> Mismatch:
        """The exception for a result that did not pass."""
        facts = {"layer": self.layer, **self.facts} if self.layer else dict(self.facts)
        return Mismatch(
            MISMATCH,
            self.reason,
            where=f"{model}: layer '{self.layer}'" if self.layer else model,
            facts=facts,
            help="the generated code is wrong, or the model amplifies rounding; the report shows each layer's error",
        )


def validate(
    program: Program,
    source: SourceModel,
    runs: Sequence[VectorRun],
    vectors: Sequence[Vector],
    exact: Exactness | None = None,
) -> ValidationResult:
    """Compare what the firmware computed (`runs`) with the source model on the same vectors.

    `exact` is given for a model of integers: then it decides, and the source model says how much was lost by rounding.
    """
    layers = [[Difference(slot.dtype) for slot in layer.outputs] for layer in program.layers]
    outputs = [Difference(slot.dtype) for slot in program.outputs]
    original_outputs = [Difference(slot.dtype) for slot in program.outputs]
    agreements: list[bool] = []
    expected: list[tuple[Array, ...]] = []
    reference = reference_of(source.model, _tensors(program, source))
    for run, vector, shaken in zip(runs, vectors, shake(vectors), strict=True):
        wanted_outputs = list(run.whole)  # an output that is a constant or an input is nothing the reference computes
        for tensors, swayed in zip(reference.run(vector), reference.run(shaken), strict=True):
            for i, name in enumerate(source.outputs):
                wanted_outputs[i] = _filled(tensors.get(name, wanted_outputs[i]), wanted_outputs[i])
            for difference, got, name, slot in _layer_tensors(program, run, layers):
                if name in tensors:
                    _compare(difference, slot, got, tensors[name], swayed[name])
            for difference, got, name, slot in zip(outputs, run.whole, source.outputs, program.outputs, strict=True):
                if name in tensors:
                    _compare(difference, slot, got, tensors[name], swayed[name])
            if source.outputs and source.outputs[0] in tensors:
                agreements += _argmax_agrees(run.whole[0], tensors[source.outputs[0]])
        if len(expected) < KEEP:
            expected.append(tuple(wanted_outputs))
        if source.original is not None:
            for difference, got, wanted in zip(original_outputs, run.whole, source.original.run(vector), strict=True):
                difference.add(got, wanted)

    compared = [d for d in (*chain.from_iterable(layers), *outputs, *original_outputs) if d.vectors]
    if exact is None:
        verdict = (
            _layer_verdict(program, layers)
            or _run_verdict(program, runs)
            or _output_verdict(program, outputs, reference.name)
            or _output_verdict(program, original_outputs, source.original.name if source.original else "")
        )
    else:
        verdict = _integer_verdict(exact) or _run_verdict(program, runs) or _astray(program, outputs, reference.name)
    layer, reason, facts = verdict or ("", "", {})
    dtypes = {slot.dtype for slot in program.outputs}
    return ValidationResult(
        validation=Validation(
            reference=_reference_name(reference, source),
            vectors=len(runs),
            max_abs_error=max((d.max_abs for d in (*outputs, *original_outputs)), default=0.0),
            max_rel_error=max((d.relative for d in compared), default=0.0),
            cosine=min((d.cosine for d in outputs if d.cosine is not None), default=None),
            argmax_agreement=sum(agreements) / len(agreements) if agreements else None,
            bit_exact=all(d.bit_exact for d in compared),
            integers_exact=None if exact is None else exact.bit_exact,
            tolerance=0.0 if exact is not None else max(map(tolerance, dtypes), default=0.0),
            passed=verdict is None,
        ),
        layer_errors=tuple(layer_error(d for d in parts if d.vectors) for parts in layers),
        layer=layer,
        reason=reason,
        facts=facts,
        expected=tuple(expected),
        allowed=tuple(
            tuple(d.allowed(k) if k < len(d.vectors) else 0.0 for d in outputs) for k in range(len(expected))
        ),
    )


Verdict = tuple[str, str, dict[str, str]]  # layer, reason, facts

ASTRAY = 0.5
"""Cosine with the source model's output below which a model of integers is taken for another model. Coarse on purpose:
rounding to 8 bits may cost a bad model much, and the report says how much; a wrong scale or axis shows here."""


def _compare(difference: Difference, slot: Slot, got: Array, wanted: Array, swayed: Array) -> None:
    """Integers are compared with floats by what they mean."""
    if slot.quant is not None and wanted.dtype.kind == "f":
        got = slot.real(got)
    difference.add(got, _filled(wanted, got), _filled(swayed, got))


def _integer_verdict(exact: Exactness) -> Verdict | None:
    wrong = exact.first_wrong
    if wrong is None:
        return None
    facts = {
        "operator": wrong.op,
        "tensor": wrong.tensor,
        "elements that differ": str(wrong.differing),
        "largest difference in steps": str(wrong.largest),
        "allowed": str(wrong.allowed),
    }
    return wrong.layer, "the compiled code does not compute the integers that the model defines", facts


def _astray(program: Program, outputs: Sequence[Difference], reference: str) -> Verdict | None:
    """An output that points somewhere else than the source model's."""
    for difference, slot in zip(outputs, program.outputs, strict=True):
        if difference.cosine is not None and difference.cosine < ASTRAY and difference.count > 1:
            facts = {"tensor": slot.name, "cosine": f"{difference.cosine:.3f}", "reference": reference}
            return "", "the integers mean something else than the source model computes", facts
    return None


def _filled(wanted: Array, got: Array) -> Array:
    """A result whose size depends on the data is smaller in the reference: what lies behind it counts as equal."""
    if wanted.ndim != got.ndim or any(n > m for n, m in zip(wanted.shape, got.shape, strict=True)):
        return wanted
    if wanted.shape == got.shape:
        return wanted
    whole = got.copy()
    whole[tuple(slice(n) for n in wanted.shape)] = wanted
    return whole


def _layer_verdict(program: Program, layers: Sequence[Sequence[Difference]]) -> Verdict | None:
    """The first layer, in order of execution, that is further from the reference than allowed."""
    for layer, differences in zip(program.layers, layers, strict=True):
        for difference, slot in zip(differences, layer.outputs, strict=True):
            if not difference.passed:
                return layer.name, "the compiled code disagrees with the model", _facts(difference, layer.op, slot)
    return None


def _run_verdict(program: Program, runs: Sequence[VectorRun]) -> Verdict | None:
    """What is wrong within the firmware, without a look at the reference."""
    last = program.layers[-1].name if program.layers else ""
    for number, run in enumerate(runs):
        facts = {"vector": str(number)}
        if run.status != 0:
            return "", "model_run returned an error", {**facts, "code": str(run.status)}
        if run.guards:
            return last, "the compiled code writes outside of its buffers", {**facts, "words": str(run.guards)}
        if not _same(run.stepped, run.whole):
            return last, "model_run computes something else than its layers one by one", facts
        if run.outside is not None and not _same(run.whole, run.outside):
            return last, "model_run computes something else on the caller's buffers", facts
        if run.predicted is not None and run.predicted != _argmax(run.whole[0]):
            return (
                last,
                "predict does not return the index of the largest output",
                {
                    **facts,
                    "returned": str(run.predicted),
                    "largest": str(_argmax(run.whole[0])),
                },
            )
    return None


def _output_verdict(program: Program, outputs: Sequence[Difference], reference: str) -> Verdict | None:
    """An output that is off although no layer is: a layer without counterpart, or another reference."""
    for difference, slot in zip(outputs, program.outputs, strict=True):
        if not difference.passed:
            writers = [layer for layer in program.layers if slot.name in {o.name for o in layer.outputs}]
            layer = writers[-1] if writers else None
            facts = {**_facts(difference, layer.op if layer else "", slot), "reference": reference}
            return (layer.name if layer else ""), "the compiled code disagrees with the model", facts
    return None


def _facts(difference: Difference, op: str, slot: Slot) -> dict[str, str]:
    facts = {"operator": op, "tensor": f"{slot.name} {slot.dtype}{list(slot.shape)}"}
    if difference.max_abs >= IRRECONCILABLE:
        return {**facts, "difference": "a NaN or an infinity on one side only"}
    return {
        **facts,
        "largest difference": f"{difference.max_abs:.3g}",
        "share of the range": f"{difference.relative:.3g}",
        "tolerance": f"{tolerance(difference.dtype):.3g}",
    }


def _tensors(program: Program, source: SourceModel) -> list[tuple[str, int]]:
    """Names and sizes of the source's tensors that are compared."""
    layers = [
        (name, slot.size)
        for layer in program.layers
        for name, slot in zip(layer.source_tensors, layer.outputs, strict=True)
        if name
    ]
    return [*layers, *((name, slot.size) for name, slot in zip(source.outputs, program.outputs, strict=True))]


def _layer_tensors(
    program: Program, run: VectorRun, layers: Sequence[Sequence[Difference]]
) -> Iterator[tuple[Difference, Array, str, Slot]]:
    """Per output of a layer: where its difference is collected, its value, the source tensor's name, its place."""
    for layer, differences, arrays in zip(program.layers, layers, run.layers, strict=True):
        yield from zip(differences, arrays, layer.source_tensors, layer.outputs, strict=True)


def _same(a: Sequence[Array], b: Sequence[Array]) -> bool:
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


def _argmax(output: Array) -> int:
    """The first largest element."""
    return int(np.argmax(output))


def _argmax_agrees(got: Array, wanted: Array) -> list[bool]:
    """Whether the same element is the largest; equal elements may change places. Nothing to say about one element."""
    if got.size < 2 or got.size != wanted.size or wanted.dtype.kind not in "fiu":
        return []
    return [bool(wanted.ravel()[_argmax(got)] == wanted.max())]


def _reference_name(reference: Reference, source: SourceModel) -> str:
    return f"{reference.name}, {source.original.name}" if source.original is not None else reference.name
