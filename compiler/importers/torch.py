"""The PyTorch door: a whole pickled model made of stock `torch.nn` modules.

    archive.py          the zip, checked byte by byte
    torch_pickle.py     the pickle, read without running it
    torch_blueprint.py  the modules in it, as data            (torch_layers.py: the table of stock modules)
    torch_input.py      the shape of the input
    torch_build.py      fresh modules from torch's own constructors, filled with the file's tensors
    torch_export.py     torch.export, then ONNX

`torch.load`, `torch.jit.load` and `torch.export.load` are not used: each can be made to run code of the file.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from compiler.errors import ModelError
from compiler.importers.archive import Archive, open_archive
from compiler.importers.torch_blueprint import Layer, blueprint, steps
from compiler.importers.torch_build import Tensors, build, import_torch
from compiler.importers.torch_export import OUTPUT, to_onnx
from compiler.importers.torch_input import INPUT, Misfit, find_input_shape, resolve, run_shapes
from compiler.importers.torch_layers import Shape
from compiler.importers.torch_pickle import MAX_PICKLE_BYTES, TensorRef, Unpickled, unpickle


@dataclass(frozen=True, eq=False)
class TorchModel:
    """An imported model: its ONNX form, and the PyTorch module as the reference for validation."""

    onnx: onnx.ModelProto
    module: Any  # torch.nn.Module in evaluation mode
    module_text: str
    parameters: int
    input_shape: Shape

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """The outputs of the PyTorch module, by name."""
        torch = import_torch()
        with torch.no_grad():
            y = self.module(torch.from_numpy(np.array(inputs[INPUT], np.float32)))
        return {OUTPUT: np.asarray(y.numpy(), np.float32)}


@dataclass(frozen=True)
class TorchInspection:
    """What a `.pth` contains, found without importing torch."""

    module_text: str
    operators: Mapping[str, int]  # class name -> how often it runs
    parameters: int
    shape: Shape | None  # of the input, when known
    proposal: tuple[int | None, ...] | None  # otherwise
    reason: str
    output_shape: Shape | None
    macs: int | None


@dataclass(frozen=True)
class Opened:
    """A `.pth` that passed every check that needs no torch."""

    root: Layer
    layers: list[Layer]
    tensors: Tensors
    where: str


def load_torch(path: Path, shape: tuple[int, ...] | None = None, *, name: str | None = None) -> TorchModel:
    """Import a whole-model `.pth`. `shape` is needed where the layers leave it open (E0131 proposes one)."""
    opened = open_model(path, name or path.name)
    with _without_collector():
        module = build(opened.root, opened.tensors, opened.where)
        resolved = resolve(opened.root, opened.layers, shape, opened.where)
        exported = to_onnx(module, resolved, opened.where)
    return TorchModel(exported, module, opened.root.text(), _parameters(opened.layers), resolved)


def inspect_torch(path: Path, shape: tuple[int, ...] | None = None, *, name: str | None = None) -> TorchInspection:
    """A quick look: classes, parameters, and the input shape or a proposal for it."""
    opened = open_model(path, name or path.name)
    found = find_input_shape(opened.root, opened.layers, opened.where)
    known = resolve(opened.root, opened.layers, shape or found.shape, opened.where) if shape or found.shape else None
    output, macs = _cost(opened.layers, known)
    return TorchInspection(
        module_text=opened.root.text(),
        operators=dict(Counter(layer.kind.name for layer in opened.layers if layer.kind)),
        parameters=_parameters(opened.layers),
        shape=known,
        proposal=None if known else found.proposal,
        reason="" if known else found.reason,
        output_shape=output,
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


def open_model(path: Path, where: str) -> Opened:
    """Everything up to, but without, making PyTorch modules."""
    archive = open_archive(path, where)
    found, prefix = read_pickle(archive)
    tensors = Tensors(archive, prefix)
    for ref in found.tensors:
        tensors.check(ref)
    root = blueprint(found, where)
    layers = steps(root)
    _check_bytes(layers, path, where)
    return Opened(root, layers, tensors, where)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Importing PyTorch's exporter makes a million objects that stay; looking for garbage among them costs a second."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _distinct(layers: list[Layer]) -> list[TensorRef]:
    parameters = {id(t): t for layer in layers for t in layer.parameters.values() if t is not None}
    return list(parameters.values())


def _parameters(layers: list[Layer]) -> int:
    return sum(ref.elements for ref in _distinct(layers))


def _check_bytes(layers: list[Layer], path: Path, where: str) -> None:
    """Many views of one storage must not become many times its memory."""
    wanted = sum(ref.elements * ref.storage.item_bytes for ref in _distinct(layers))
    if wanted > path.stat().st_size:
        raise ModelError(
            code="E0127",
            title="A tensor in the file is impossible: together the tensors are larger than the file",
            where=where,
            facts={"tensors": str(wanted), "file": str(path.stat().st_size)},
            help="Copy tensors that overlap (tensor.clone()) and save the model again.",
        )


def _cost(layers: list[Layer], shape: Shape | None) -> tuple[Shape | None, int | None]:
    if shape is None:
        return None, None
    try:
        outputs = run_shapes(layers, shape)
    except Misfit:
        return None, None
    macs, x = 0, shape
    for layer, y in zip(layers, outputs, strict=True):
        if layer.kind is not None:
            macs += layer.kind.macs(layer.options, x, y)
        x = y
    return x, macs
