"""The PyTorch door: a whole pickled model made of stock `torch.nn` modules.

    archive.py          the zip, checked byte by byte
    torch_pickle.py     the pickle, read without running it
    torch_blueprint.py  the modules in it, as data            (torch_layers.py: the table of stock modules)
    torch_input.py      the shapes of the inputs
    torch_build.py      fresh modules from torch's own constructors, filled with the file's tensors
    torch_export.py     torch.export, then ONNX

`torch.load`, `torch.jit.load` and `torch.export.load` are not used: each can be made to run code of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from compiler.errors import ModelError
from compiler.importers.archive import Archive, open_archive
from compiler.importers.torch_blueprint import Layer, Stored, blueprint, steps
from compiler.importers.torch_build import Tensors, build, import_torch, paths
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_export import Input, flattened, quick_imports, to_onnx
from compiler.importers.torch_input import (
    Misfit,
    Shapes,
    find_input_shape,
    input_names,
    output_names,
    reads_indices,
    resolve,
    run_shapes,
)
from compiler.importers.torch_kind import Template
from compiler.importers.torch_pickle import MAX_PICKLE_BYTES, Unpickled, unpickle


@dataclass(frozen=True, eq=False)
class TorchModel:
    """An imported model: its ONNX form, and the PyTorch module as the reference for validation."""

    onnx: onnx.ModelProto
    module: Any  # torch.nn.Module in evaluation mode
    module_text: str
    parameters: int
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    nest: Callable[[list[Any], tuple[Input, ...]], tuple[Any, ...]] = lambda values, _: tuple(values)

    @property
    def input_shapes(self) -> Shapes:
        return {each.name: each.shape for each in self.inputs}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The outputs of the PyTorch module, by name."""
        torch = import_torch()
        given = [torch.from_numpy(np.array(inputs[each.name], each.dtype)) for each in self.inputs]
        with torch.no_grad():
            found = flattened(self.module(*self.nest(given, self.inputs)))
        return {name: np.asarray(y.numpy()) for name, y in zip(self.outputs, found, strict=True)}


@dataclass(frozen=True)
class TorchInspection:
    """What a `.pth` contains, found without importing torch."""

    module_text: str
    operators: Mapping[str, int]  # class name -> how often it runs
    parameters: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    indices: bool  # the input is whole numbers
    shapes: Shapes | None  # of the inputs, when known
    proposal: Mapping[str, Template]  # otherwise
    reason: str
    output_shapes: tuple[Shape, ...]
    macs: int | None


@dataclass(frozen=True)
class Opened:
    """A `.pth` that passed every check that needs no torch."""

    root: Layer
    layers: list[Layer]
    tensors: Tensors
    where: str


def load_torch(path: Path, shapes: Mapping[str, Shape] | None = None, *, name: str | None = None) -> TorchModel:
    """Import a whole-model `.pth`. `shapes` are needed where the layers leave them open (E0131 proposes some)."""
    return load_opened(open_model(path, name or path.name), shapes)


def load_opened(opened: Opened, shapes: Mapping[str, Shape] | None = None) -> TorchModel:
    with quick_imports():
        module = build(opened.root, opened.tensors, opened.where)
        resolved = resolve(opened.root, opened.layers, shapes or {}, opened.where)
        dtype = "int64" if reads_indices(opened.layers) else "float32"
        inputs = tuple(Input(each, shape, dtype) for each, shape in resolved.items())
        outputs = output_names(opened.layers)
        exported = to_onnx(module, inputs, outputs, opened.where, arguments, paths(opened.root))
    parameters = _parameters(opened.layers)
    return TorchModel(exported, module, opened.root.text(), parameters, inputs, outputs, arguments)


def arguments(values: list[Any], inputs: tuple[Input, ...]) -> tuple[Any, ...]:
    """The values as a module takes them: PyTorch wants the two states of an LSTM as a pair."""
    names = [each.name for each in inputs]
    if "c_0" in names:
        x, h, c = values
        return x, (h, c)
    return tuple(values)


def inspect_torch(path: Path, shapes: Mapping[str, Shape] | None = None, *, name: str | None = None) -> TorchInspection:
    """A quick look: classes, parameters, and the input shapes or a proposal for them."""
    return look(open_model(path, name or path.name), shapes or {})


def look(opened: Opened, shapes: Mapping[str, Shape]) -> TorchInspection:
    layers = opened.layers
    found = find_input_shape(opened.root, layers, opened.where)
    known = resolve(opened.root, layers, shapes, opened.where) if shapes or found.shapes else None
    outputs, macs = _cost(layers, known)
    return TorchInspection(
        module_text=opened.root.text(),
        operators=dict(Counter(layer.kind.name for layer in layers if layer.kind)),
        parameters=_parameters(layers),
        inputs=input_names(layers, shapes),
        outputs=output_names(layers),
        indices=reads_indices(layers),
        shapes=known,
        proposal={} if known else found.proposal,
        reason="" if known else found.reason,
        output_shapes=outputs,
        macs=macs,
    )


def read_pickle(archive: Archive) -> tuple[Unpickled, str]:
    """The inert content of the archive's only `data.pkl`, and the folder it lies in."""
    pickles = [name for name in archive.members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ModelError(
            code="E0130",
            title=f"The zip archive is refused: it has {len(pickles) or 'no'} data.pkl where torch.save writes one",
            where=archive.where,
            help="Save the model again with torch.save(model, file) and upload that very file.",
        )
    prefix = pickles[0].removesuffix("data.pkl")
    order = archive.members.get(f"{prefix}byteorder")
    if order is not None and bytes(archive.read(order.name, 16)) != b"little":
        raise ModelError(
            code="E0127",
            title="The weights were saved on a big-endian computer",
            where=archive.where,
            help="Load and save the model on a little-endian computer.",
        )
    return unpickle(bytes(archive.read(pickles[0], MAX_PICKLE_BYTES)), archive.where), prefix


def open_pickle(path: Path, where: str) -> tuple[Unpickled, Tensors]:
    """The inert content of the file and its tensors, each of which lies inside the file."""
    archive = open_archive(path, where)
    found, prefix = read_pickle(archive)
    tensors = Tensors(archive, prefix)
    for ref in found.tensors:
        tensors.check(ref)
    return found, tensors


def open_model(path: Path, where: str) -> Opened:
    """Everything up to, but without, making PyTorch modules."""
    found, tensors = open_pickle(path, where)
    return opened_model(found, tensors, path, where)


def opened_model(found: Unpickled, tensors: Tensors, path: Path, where: str) -> Opened:
    root = blueprint(found, where)
    layers = steps(root)
    check_bytes(_distinct(layers), path, where)
    return Opened(root, layers, tensors, where)


def check_bytes(tensors: list[Stored], path: Path, where: str) -> None:
    """Many views of one storage must not become many times its memory."""
    wanted = sum(ref.bytes for ref in tensors)
    if wanted > path.stat().st_size:
        raise ModelError(
            code="E0127",
            title="A tensor in the file is impossible: together the tensors are larger than the file",
            where=where,
            facts={"tensors": str(wanted), "file": str(path.stat().st_size)},
            help="Copy tensors that overlap (tensor.clone()) and save the model again.",
        )


def _distinct(layers: list[Layer]) -> list[Stored]:
    """The parameters, each once however often its layer runs."""
    found = {id(t): t for top in layers for layer in top.walk() for t in layer.parameters.values() if t is not None}
    return list(found.values())


def _parameters(layers: list[Layer]) -> int:
    return sum(ref.elements for ref in _distinct(layers))


def _cost(layers: list[Layer], shapes: Shapes | None) -> tuple[tuple[Shape, ...], int | None]:
    if shapes is None:
        return (), None
    try:
        outputs = run_shapes(layers, *shapes.values())
    except Misfit:
        return (), None
    macs, x = 0, tuple(shapes.values())
    for layer, y in zip(layers, outputs, strict=True):
        if layer.kind is not None:
            macs += layer.kind.macs(layer.options, *x[: len(layer.kind.inputs)], y[0])
        x = y
    return x, macs
