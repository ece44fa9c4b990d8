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
    from compiler.importers.torch_build import Tensors
    from compiler.importers.torch_pickle import Unpickled

# Files whose weights can be read although their layers cannot: a state dict, and classes that are not PyTorch's.
_WITHOUT_LAYERS = frozenset({"E0120", "E0124"})
SLOW = "a layer of the model is known to the planner only once PyTorch has exported it, which takes seconds"


class TorchModule(Format):
    kind = "torch"
    title = "a PyTorch model of stock layers saved whole with torch.save(model, file), or a state dict"
    extensions = (".pth", ".pt")

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        from compiler.importers.torch import load_opened, open_pickle, opened_model  # imports torch: slow

        found, tensors = open_pickle(path, where)
        if options.architecture is not None:
            from compiler.importers.layer_list_build import load_listed
            from compiler.importers.state_dict import state_in

            state = state_in(found, tensors, path, where)
            return loaded(load_listed(state, options.architecture, options.shape))
        return loaded(load_opened(opened_model(found, tensors, path, where), options.shape))

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        from compiler.importers.torch import look, open_pickle, opened_model

        content, tensors = open_pickle(path, where)
        weights = options.architecture is not None
        try:
            opened = None if weights else opened_model(content, tensors, path, where)
        except ModelError as error:
            if error.code not in _WITHOUT_LAYERS:
                raise
            return _weights(path, options, where, content, tensors, error)
        if opened is None:
            return _weights(path, options, where, content, tensors, None)
        problems: list[Unsupported] = []
        try:
            found = look(opened, options.shape)
        except ModelError as error:
            if not options.shape:
                raise
            problems.append(Unsupported(node="input", op="shape", code=error.code, reason=error.title, help=error.help))
            found = look(opened, {})
        return _look(path, opened, found, problems, where)


def _weights(
    path: Path, options: CompileOptions, where: str, content: Unpickled, tensors: Tensors, error: ModelError | None
) -> Look:
    """The look at a file whose layers must be listed; `error` says why they must."""
    from compiler.importers.layer_list_look import MISSING, look_at_weights
    from compiler.importers.state_dict import state_in

    try:
        state = state_in(content, tensors, path, where)
    except ModelError:
        if error is not None:
            raise error from None
        raise
    if error is None or error.code == MISSING.code:
        return look_at_weights(path, "torch", state, options)
    why = Unsupported(node="the file", op="custom class", code=error.code, reason=error.title, help=error.help)
    return look_at_weights(path, "torch", state, options, why)


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
