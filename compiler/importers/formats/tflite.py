"""TensorFlow Lite models: float ones, quantised ones, and those whose weights alone are integers."""

from __future__ import annotations

from pathlib import Path

from compiler.errors import ModelError
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import CANNOT, Format, Loaded, Look
from compiler.importers.formats.onnx_file import look
from compiler.importers.onnx import analyse, unsupported_error
from compiler.importers.tflite_convert import Converted, convert
from compiler.importers.tflite_model import read
from compiler.inspection import Inspection, OperatorCount
from compiler.options import CompileOptions


class Tflite(Format):
    kind = "tflite"
    title = "a TensorFlow Lite model"
    extensions = (".tflite",)

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        converted = _converted(path, where)
        if converted.model is None:
            error = unsupported_error(converted.unsupported)
            error.where = f"{where}: {error.where}" if error.where else where
            raise error
        return Loaded(onnx=converted.model, shapes=dict(options.shape), notes=converted.notes)

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        found = _converted(path, where)
        bad = {u.op for u in found.unsupported}
        counts = [OperatorCount(op=op, count=n, supported=op not in bad) for op, n in found.operators.items()]
        if found.model is None:
            inspection = Inspection(
                name=Path(where).stem,
                format=self.kind,
                sha256=file_sha256(path),
                size=path.stat().st_size,
                inputs=found.inputs,
                outputs=found.outputs,
                operators=counts,
                parameters=found.parameters,
                macs=None,
                unsupported=found.unsupported,
                compilable=False,
                estimate=None,
                no_estimate=CANNOT,
                notes=list(found.notes),
            )
            return Look(inspection, None, CANNOT)
        return look(path, self.kind, analyse(found.model, options.shape, where), where, found.notes)


def _converted(path: Path, where: str) -> Converted:
    try:
        return convert(read(path), Path(where).stem or "model")
    except ModelError as error:
        error.where = f"{where}: {error.where}" if error.where else where
        raise
