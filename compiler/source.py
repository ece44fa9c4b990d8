"""The model as it came: which format, its ONNX form, and how to run the original for comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.importers.detect import require_supported
from compiler.importers.onnx import import_onnx, read
from compiler.options import CompileOptions
from compiler.validate import SourceModel, TorchModel
from compiler.vectors import Vector

_MAX_NAME = 120


@dataclass(frozen=True)
class Source:
    """An imported model and what it was imported from."""

    name: str  # for people: the file's name without its ending
    format: str
    sha256: str
    graph: Graph
    onnx: onnx.ModelProto
    torch: TorchModel | None = None
    torch_version: str = ""

    def reference(self) -> SourceModel:
        outputs = tuple(v.name for v in self.graph.outputs)
        return SourceModel(self.onnx, outputs, self.torch, self.torch_version)


def load(path: Path, options: CompileOptions, display_name: str | None = None) -> Source:
    """Read a model file of any supported format. Raises ModelError for everything that is wrong with it."""
    label = display_name or path.name
    kind = require_supported(path, name=label).kind
    name = Path(label).stem[:_MAX_NAME] or "model"
    torch: TorchModel | None = None
    version = ""
    if kind == "torch":
        model, torch, version = _torch(path, options, label)
        shapes = {}
    else:
        model, shapes = read(path), dict(options.shape)
    if options.softmax:
        model = with_softmax(model)
    try:
        graph = import_onnx(model, shapes, name)
    except ModelError as error:
        error.where = f"{label}: {error.where}" if error.where else label
        raise
    if options.softmax and torch is not None:
        torch = _softmaxed(torch)
    return Source(name, kind, file_sha256(path), graph, model, torch, version)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _torch(path: Path, options: CompileOptions, label: str) -> tuple[onnx.ModelProto, TorchModel, str]:
    from compiler.importers.torch import load_torch  # imports torch: slow, and not needed for ONNX

    shape = only_shape(options)
    loaded = load_torch(path, shape, name=label)
    outputs = [o.name for o in loaded.onnx.graph.output]

    def run(vector: Vector) -> Sequence[np.ndarray]:
        result = loaded.run(vector)
        return [result[name] for name in outputs]

    import torch

    return loaded.onnx, run, str(torch.__version__).split("+")[0]


def only_shape(options: CompileOptions) -> tuple[int, ...] | None:
    """`--shape` for a model that has one input, whatever its name."""
    shapes = list(options.shape.values())
    if len(shapes) > 1:
        raise ModelError("E1004", "--shape is given several times, but the model has one input")
    return shapes[0] if shapes else None


def with_softmax(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with a softmax behind its only output; unchanged when it ends in one."""
    if len(model.graph.output) != 1:
        raise ModelError("E1004", "--softmax needs a model with one output")
    old = model.graph.output[0]
    if any(n.op_type == "Softmax" and old.name in n.output for n in model.graph.node):
        return model
    result = onnx.ModelProto()
    result.CopyFrom(model)
    name = f"{old.name}_softmax"
    result.graph.node.append(helper.make_node("Softmax", [old.name], [name], name="softmax", axis=-1))
    result.graph.output[0].name = name
    return result


def _softmaxed(run: TorchModel) -> TorchModel:
    def softmax(vector: Vector) -> Sequence[np.ndarray]:
        (y,) = run(vector)
        shifted = np.exp(np.asarray(y, np.float64) - y.max(axis=-1, keepdims=True))
        return [(shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)]

    return softmax
