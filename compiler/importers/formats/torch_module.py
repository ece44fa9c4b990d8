"""Whole PyTorch models made of stock modules, saved with `torch.save(model, file)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import CANNOT, Format, Loaded, Look, Original
from compiler.importers.onnx import import_onnx
from compiler.inspection import Inspection, OpenTensor, OperatorCount, Unsupported
from compiler.options import CompileOptions

SLOW = "a layer of the model is known to the planner only once PyTorch has exported it, which takes seconds"


class TorchModule(Format):
    kind = "torch"
    title = "a PyTorch model of stock layers saved whole with torch.save(model, file)"

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        from compiler.importers.torch import load_torch  # imports torch: slow, and not needed for ONNX

        loaded = load_torch(path, only_shape(options), name=where)
        outputs = [o.name for o in loaded.onnx.graph.output]

        def run(vector: Mapping[str, Array]) -> Sequence[Array]:
            result = loaded.run(vector)
            return [result[name] for name in outputs]

        import torch

        version = str(torch.__version__).split("+")[0]
        return Loaded(onnx=loaded.onnx, original=Original(f"PyTorch {version}", run))

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        from compiler.importers.torch import inspect_torch, open_model
        from compiler.importers.torch_export import OUTPUT
        from compiler.importers.torch_input import INPUT
        from compiler.importers.torch_sketch import sketch

        problems: list[Unsupported] = []
        shape = only_shape(options)
        try:
            found = inspect_torch(path, shape, name=where)
        except ModelError as error:
            if shape is None:
                raise
            problems.append(Unsupported(node="input", op="shape", code=error.code, reason=error.title, help=error.help))
            found = inspect_torch(path, None, name=where)
        known: list[int | None] = list(found.shape or found.proposal or ())
        compilable = found.shape is not None and not problems
        graph, no_graph = None, CANNOT
        if compilable:
            opened = open_model(path, where)
            model = sketch(opened.layers, opened.tensors, found.shape or ())
            graph, no_graph = (None, SLOW) if model is None else (import_onnx(model, {}, "model"), "")
        inspection = Inspection(
            name=Path(where).stem,
            format=self.kind,
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
            estimate=None,
            no_estimate=no_graph,
        )
        return Look(inspection, graph, no_graph)


def only_shape(options: CompileOptions) -> tuple[int, ...] | None:
    """`--shape` for a model that has one input, whatever its name."""
    shapes = list(options.shape.values())
    if len(shapes) > 1:
        raise ModelError("E1004", "--shape is given several times, but the model has one input")
    return shapes[0] if shapes else None
