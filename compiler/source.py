"""The model as it came: which format, its ONNX form, and how to run the original for comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.graph.types import Array
from compiler.importers.detect import require_supported
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import Loaded, Original, formats
from compiler.importers.onnx import import_onnx
from compiler.options import CompileOptions
from compiler.validate import SourceModel

_MAX_NAME = 120


@dataclass(frozen=True)
class Source:
    """An imported model and what it was imported from."""

    name: str  # for people: the file's name without its ending
    format: str
    sha256: str
    graph: Graph
    onnx: onnx.ModelProto | None  # None: the file held a graph of our own
    original: Original | None = None
    notes: tuple[str, ...] = ()  # what people should know about how the file was read

    def reference(self) -> SourceModel:
        outputs = tuple(v.name for v in self.graph.outputs)
        return SourceModel(self.graph if self.onnx is None else self.onnx, outputs, self.original)


def load(path: Path, options: CompileOptions, display_name: str | None = None) -> Source:
    """Read a model file of any supported format. Raises ModelError for everything that is wrong with it."""
    label = display_name or path.name
    kind = require_supported(path, name=label).kind
    name = Path(label).stem[:_MAX_NAME] or "model"
    loaded = (
        formats()[kind].load(path, options, label) if options.source is None else _by_source(path, kind, options, label)
    )
    model, graph, original = loaded.onnx, loaded.graph, loaded.original
    if options.softmax:
        model = with_softmax(_in_onnx_form(model, kind))
        original = _softmaxed(original) if original else None
    if graph is None:
        try:
            graph = import_onnx(_in_onnx_form(model, kind), loaded.shapes, name)
        except ModelError as error:
            error.where = f"{label}: {error.where}" if error.where else label
            raise
    return Source(name, kind, file_sha256(path), graph, model, original, loaded.notes)


def _by_source(path: Path, kind: str, options: CompileOptions, label: str) -> Loaded:
    from compiler.importers.torch_source import load as load_by_source  # runs code of the user's, confined

    return load_by_source(path, kind, options, label)


def _in_onnx_form(model: onnx.ModelProto | None, kind: str) -> onnx.ModelProto:
    if model is None:
        raise ModelError("E1004", f"--softmax is not for a model that comes as {kind}", help="add it to the model")
    return model


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


def _softmaxed(original: Original) -> Original:
    def softmax(vector: Mapping[str, Array]) -> Sequence[Array]:
        (y,) = original.run(vector)
        shifted = np.exp(np.asarray(y, np.float64) - y.max(axis=-1, keepdims=True))
        return [(shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)]

    return Original(original.name, softmax)
