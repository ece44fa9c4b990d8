"""An ONNX model with external data: the model and its data files in one zip."""

from __future__ import annotations

from pathlib import Path

from onnx import ModelProto

from compiler.errors import ModelError
from compiler.importers.archive import PACKED, open_archive
from compiler.importers.external_data import embed
from compiler.importers.formats.base import Format, Loaded, Look
from compiler.importers.formats.onnx_file import look
from compiler.importers.onnx import analyse, parse
from compiler.options import CompileOptions


class OnnxZip(Format):
    kind = "onnx-zip"
    title = "a zip with one ONNX model and its external data"
    extensions = (".zip",)

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        return Loaded(onnx=unpacked(path, where), shapes=dict(options.shape))

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        return look(path, self.kind, analyse(unpacked(path, where), options.shape, where), where)


def unpacked(path: Path, where: str) -> ModelProto:
    """The model with the bytes of all its tensors. Raises ModelError E0190 to E0194 for what is wrong with the zip."""
    archive = open_archive(path, where, lambda name: True, PACKED)
    models = [name for name in archive.members if name.lower().endswith(".onnx") and "__MACOSX/" not in name]
    if len(models) != 1:
        raise ModelError(
            "E0192",
            f"the archive holds {len(models)} ONNX models, not one",
            where=where,
            facts={"models": ", ".join(name[:60] for name in models[:20])},
            help="pack one model with its data files",
        )
    model = parse(bytes(archive.read(models[0])))
    embed(model, archive, models[0].rpartition("/")[0])
    return model
