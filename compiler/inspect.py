"""What a model contains and what of it can be compiled, without compiling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compiler.errors import ModelError
from compiler.estimate import MOST_WEIGHTS, TOO_LARGE, estimate
from compiler.graph.graph import Value
from compiler.importers.detect import require_supported
from compiler.importers.onnx import analyse, import_onnx, read
from compiler.inspection import Estimate, Inspection, OpenTensor, OperatorCount, Unsupported
from compiler.options import CompileOptions
from compiler.source import file_sha256, only_shape

if TYPE_CHECKING:
    from compiler.importers.torch import TorchInspection

CANNOT = "the model cannot be compiled as it is"
SLOW = "a layer of the model is known to the planner only once PyTorch has exported it, which takes seconds"


def inspect_model(path: Path, options: CompileOptions, *, display_name: str | None = None) -> Inspection:
    """Inputs, outputs, operators and every obstacle. Raises ModelError only for a file that cannot be read."""
    label = display_name or path.name
    kind = require_supported(path, name=label).kind
    return _torch(path, options, label) if kind == "torch" else _onnx(path, options, label)


def _onnx(path: Path, options: CompileOptions, label: str) -> Inspection:
    found = analyse(read(path), options.shape, label)
    bad = {u.op for u in found.unsupported}
    needs, why_not = estimate(found.graph, options) if found.graph else (None, CANNOT)
    return Inspection(
        name=Path(label).stem,
        format="onnx",
        sha256=file_sha256(path),
        size=path.stat().st_size,
        inputs=_closed(found.inputs, found.graph.inputs if found.graph else ()),
        outputs=_closed(found.outputs, found.graph.outputs if found.graph else ()),
        operators=[OperatorCount(op=op, count=n, supported=op not in bad) for op, n in sorted(found.operators.items())],
        parameters=found.graph.parameters() if found.graph else found.parameters,
        macs=found.graph.macs() if found.graph else None,
        unsupported=found.unsupported,
        shape_needed=found.open_inputs,
        compilable=found.graph is not None,
        estimate=needs,
        no_estimate=why_not,
    )


def _closed(declared: list[OpenTensor], known: tuple[Value, ...]) -> list[OpenTensor]:
    """The tensors with the shapes that the import found, where it got that far."""
    shapes = {v.name: list(v.shape) for v in known}
    return [t.model_copy(update={"shape": shapes.get(t.name, t.shape)}) for t in declared]


def _torch(path: Path, options: CompileOptions, label: str) -> Inspection:
    from compiler.importers.torch import inspect_torch
    from compiler.importers.torch_export import OUTPUT
    from compiler.importers.torch_input import INPUT

    problems: list[Unsupported] = []
    shape = only_shape(options)
    try:
        found = inspect_torch(path, shape, name=label)
    except ModelError as error:
        if shape is None:
            raise
        problems.append(Unsupported(node="input", op="shape", code=error.code, reason=error.title, help=error.help))
        found = inspect_torch(path, None, name=label)
    known: list[int | None] = list(found.shape or found.proposal or ())
    compilable = found.shape is not None and not problems
    needs, why_not = _torch_needs(path, found, options, label) if compilable else (None, CANNOT)
    return Inspection(
        name=Path(label).stem,
        format="torch",
        sha256=file_sha256(path),
        size=path.stat().st_size,
        inputs=[OpenTensor(name=INPUT, dtype="float32", shape=known if found.shape else [None] * len(known))],
        outputs=[OpenTensor(name=OUTPUT, dtype="float32", shape=list(found.output_shape or ()))],
        operators=[OperatorCount(op=op, count=n, supported=True) for op, n in sorted(found.operators.items())],
        parameters=found.parameters,
        macs=found.macs,
        unsupported=problems,
        shape_needed={} if found.shape else {INPUT: known},
        compilable=compilable,
        estimate=needs,
        no_estimate=why_not,
    )


def _torch_needs(
    path: Path, found: TorchInspection, options: CompileOptions, label: str
) -> tuple[Estimate | None, str]:
    """The estimate for models of plain layers, without PyTorch."""
    from compiler.importers.torch import open_model
    from compiler.importers.torch_sketch import sketch

    if 4 * found.parameters > MOST_WEIGHTS:
        return None, TOO_LARGE
    try:
        opened = open_model(path, label)
        model = sketch(opened.layers, opened.tensors, found.shape or ())
        return (None, SLOW) if model is None else estimate(import_onnx(model, {}, "model"), options)
    except ModelError as error:
        return None, error.title
