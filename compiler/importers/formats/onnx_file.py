"""ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compiler.graph.graph import Value
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import CANNOT, Format, Loaded, Look
from compiler.importers.onnx import Imported, analyse, read
from compiler.inspection import Inspection, OpenTensor, OperatorCount
from compiler.options import CompileOptions


class OnnxFile(Format):
    kind = "onnx"
    title = "an ONNX model"
    extensions = (".onnx",)

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        return Loaded(onnx=read(path), shapes=dict(options.shape))

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        return look(path, self.kind, analyse(read(path), options.shape, where), where)


def look(path: Path, kind: str, found: Imported, where: str, notes: Sequence[str] = ()) -> Look:
    """What the ONNX importer found, for every format that goes through it."""
    bad = {u.op for u in found.unsupported}
    graph = found.graph
    inspection = Inspection(
        name=Path(where).stem,
        format=kind,
        sha256=file_sha256(path),
        size=path.stat().st_size,
        inputs=_closed(found.inputs, graph.inputs if graph else ()),
        outputs=_closed(found.outputs, graph.outputs if graph else ()),
        operators=[OperatorCount(op=op, count=n, supported=op not in bad) for op, n in sorted(found.operators.items())],
        parameters=graph.parameters() if graph else found.parameters,
        macs=graph.macs() if graph else None,
        unsupported=found.unsupported,
        shape_needed=found.open_inputs,
        compilable=graph is not None,
        estimate=None,
        no_estimate="" if graph else CANNOT,
        notes=list(notes),
    )
    return Look(inspection, graph, "" if graph else CANNOT, found.model)


def _closed(declared: list[OpenTensor], known: tuple[Value, ...]) -> list[OpenTensor]:
    """The tensors with the shapes that the import found, where it got that far."""
    shapes = {v.name: list(v.shape) for v in known}
    return [t.model_copy(update={"shape": shapes.get(t.name, t.shape)}) for t in declared]
