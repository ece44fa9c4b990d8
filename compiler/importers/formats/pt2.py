"""Programs of torch.export, saved with `torch.export.save`."""

from __future__ import annotations

from pathlib import Path

from compiler.errors import ModelError
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import CANNOT, Format, Loaded, Look
from compiler.importers.pt2 import load_export, look_at
from compiler.importers.pt2_file import open_export
from compiler.inspection import Inspection, OpenTensor, Unsupported
from compiler.options import CompileOptions


class TorchExport(Format):
    kind = "pt2"
    title = "a program of torch.export saved with torch.export.save (.pt2)"
    extensions = (".pt2",)

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        from compiler.importers.torch_program import loaded

        return loaded(load_export(path, options.shape, where), where)

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        from compiler.importers.torch_program import SLOW, operator_counts, refusals

        file = open_export(path, where)
        problems: list[Unsupported] = []
        try:
            found = look_at(file, options.shape)
        except ModelError as error:
            if not options.shape:
                raise
            problems.append(Unsupported(node="input", op="shape", code=error.code, reason=error.title, help=error.help))
            found = look_at(file, {})
        problems += refusals(found.unlisted)
        asked = {i.name: list(i.example) for i in found.inputs if i.name not in found.shapes}
        compilable = not asked and not problems
        inspection = Inspection(
            name=Path(where).stem,
            format=self.kind,
            sha256=file_sha256(path),
            size=path.stat().st_size,
            inputs=[
                OpenTensor(name=i.name, dtype=i.dtype, shape=list(found.shapes.get(i.name, i.shape)))
                for i in found.inputs
            ],
            outputs=[
                OpenTensor(
                    name=name, dtype=meta.dtype if meta else "float32", shape=list(meta.open_shape) if meta else []
                )
                for name, meta in zip(found.output_names, found.outputs, strict=True)
            ],
            operators=operator_counts(found.operators, found.unlisted),
            parameters=found.parameters,
            macs=found.macs if compilable else None,
            unsupported=problems,
            shape_needed=asked,
            compilable=compilable,
            estimate=None,
            no_estimate=SLOW if compilable else CANNOT,
        )
        return Look(inspection, None, inspection.no_estimate)
