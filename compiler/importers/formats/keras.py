"""Keras models: the .keras archive, and the .h5 file of Keras 2 and 3."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from compiler.errors import ModelError
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import CANNOT, Format, Loaded, Look
from compiler.importers.formats.onnx_file import look
from compiler.importers.keras_convert import Converted, convert
from compiler.importers.keras_file import read
from compiler.importers.onnx import analyse, unsupported_error
from compiler.inspection import Inspection, OperatorCount
from compiler.options import CompileOptions


class Keras(Format):
    kind = "keras"
    title = "a Keras model (.keras)"
    extensions: ClassVar[tuple[str, ...]] = (".keras",)

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        found = _converted(path, options, where)
        if found.open_inputs:
            first, dims = next(iter(found.open_inputs.items()))
            asked = ",".join("?" if d is None else str(d) for d in dims)
            raise ModelError(
                "E0308",
                f"input '{first[:80]}' has open dimensions: [{asked}]",
                where=where,
                facts={"input": first[:80], "shape": asked},
                help=f"give the shape: --shape {first[:80]}={','.join('N' if d is None else str(d) for d in dims)}",
            )
        if found.model is None:
            error = unsupported_error(found.unsupported)
            error.where = f"{where}: {error.where}" if error.where else where
            raise error
        return Loaded(onnx=found.model)

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        found = _converted(path, options, where)
        if found.model is not None:
            return look(path, self.kind, analyse(found.model, {}, where), where)
        bad = {u.op for u in found.unsupported}
        inspection = Inspection(
            name=Path(where).stem,
            format=self.kind,
            sha256=file_sha256(path),
            size=path.stat().st_size,
            inputs=found.inputs,
            outputs=found.outputs,
            operators=[
                OperatorCount(op=k, count=n, supported=k not in bad) for k, n in sorted(found.operators.items())
            ],
            parameters=found.parameters,
            macs=None,
            unsupported=found.unsupported,
            shape_needed=found.open_inputs,
            compilable=False,
            estimate=None,
            no_estimate=CANNOT,
        )
        return Look(inspection, None, CANNOT)


class KerasHdf5(Keras):
    kind = "hdf5"
    title = "a Keras model (.h5)"
    extensions = (".h5", ".hdf5")


def _converted(path: Path, options: CompileOptions, where: str) -> Converted:
    try:
        return convert(read(path, where), options.shape, Path(where).stem or "model")
    except ModelError as error:
        if not error.where.startswith(where):
            error.where = f"{where}: {error.where}" if error.where else where
        raise
