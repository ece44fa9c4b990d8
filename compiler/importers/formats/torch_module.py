"""PyTorch files of `torch.save(x, file)`: whole models made of stock modules, or weights with an architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import CANNOT, Format, Loaded, Look, Original
from compiler.importers.onnx import import_onnx
from compiler.inspection import Inspection, OpenTensor, OperatorCount, Unsupported
from compiler.options import CompileOptions

if TYPE_CHECKING:
    from compiler.importers.torch import Opened, TorchInspection, TorchModel

SLOW = "a layer of the model is known to the planner only once PyTorch has exported it, which takes seconds"


class TorchModule(Format):
    kind = "torch"
    title = "a PyTorch model of stock layers saved whole with torch.save(model, file)"
    extensions = (
        ".pth",
        ".pt",
    )

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        from compiler.importers.torch import load_torch  # imports torch: slow, and not needed for ONNX

        return loaded(load_torch(path, options.shape, name=where))

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        from compiler.importers.torch import look, open_model

        opened = open_model(path, where)
        problems: list[Unsupported] = []
        try:
            found = look(opened, options.shape)
        except ModelError as error:
            if not options.shape:
                raise
            problems.append(Unsupported(node="input", op="shape", code=error.code, reason=error.title, help=error.help))
            found = look(opened, {})
        return _look(path, opened, found, problems, where)


def loaded(model: TorchModel) -> Loaded:
    """The ONNX form, with the PyTorch module as a second reference."""
    import torch

    def run(vector: Mapping[str, Array]) -> Sequence[Array]:
        result = model.run(vector)
        return [result[name] for name in model.outputs]

    version = str(torch.__version__).split("+")[0]
    return Loaded(onnx=model.onnx, original=Original(f"PyTorch {version}", run))


def _look(path: Path, opened: Opened, found: TorchInspection, problems: list[Unsupported], where: str) -> Look:
    from compiler.importers.torch_sketch import sketch

    compilable = found.shapes is not None and not problems
    model, graph, no_graph = None, None, CANNOT
    if found.shapes is not None and not problems:
        model = sketch(opened.layers, opened.tensors, *found.shapes.values()) if len(found.inputs) == 1 else None
        graph, no_graph = (None, SLOW) if model is None else (import_onnx(model, {}, "model"), "")
    dtype = "int64" if found.indices else "float32"
    shapes: Mapping[str, Sequence[int | None]] = found.shapes or found.proposal
    outputs = found.output_shapes or ((),) * len(found.outputs)
    inspection = Inspection(
        name=Path(where).stem,
        format="torch",
        sha256=file_sha256(path),
        size=path.stat().st_size,
        inputs=[
            OpenTensor(
                name=name,
                dtype=dtype,
                shape=list(shapes.get(name, ())) if found.shapes else [None] * len(shapes.get(name, ())),
            )
            for name in found.inputs
        ],
        outputs=[
            OpenTensor(name=name, dtype="float32", shape=list(shape))
            for name, shape in zip(found.outputs, outputs, strict=True)
        ],
        operators=[OperatorCount(op=op, count=n, supported=True) for op, n in sorted(found.operators.items())],
        parameters=found.parameters,
        macs=found.macs,
        unsupported=problems,
        shape_needed={} if found.shapes else {name: list(shapes.get(name, ())) for name in found.inputs},
        compilable=compilable,
        estimate=None,
        no_estimate=no_graph,
    )
    return Look(inspection, graph, no_graph)
