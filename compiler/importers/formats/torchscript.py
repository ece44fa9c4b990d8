"""TorchScript modules, traced or scripted, saved with `torch.jit.save`."""

from __future__ import annotations

from pathlib import Path

from compiler.errors import ModelError
from compiler.importers.file_hash import file_sha256
from compiler.importers.formats.base import CANNOT, Format, Loaded, Look
from compiler.importers.torchscript_data import open_script
from compiler.importers.torchscript_look import SeenInput, look
from compiler.inspection import Inspection, OpenTensor, Unsupported
from compiler.options import CompileOptions


class TorchScript(Format):
    kind = "torchscript"
    title = "a TorchScript module saved with torch.jit.save"
    extensions = (".pt", ".ts", ".torchscript")

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        from compiler.importers.torch_program import loaded
        from compiler.importers.torchscript import load_script

        return loaded(load_script(path, options.shape, where), where)

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        from compiler.importers.torch_program import SLOW, operator_counts, refusals

        file = open_script(path, where)
        problems: list[Unsupported] = []
        try:
            found = look(file, options.shape)
        except ModelError as error:
            if not options.shape:
                raise
            problems.append(Unsupported(node="input", op="shape", code=error.code, reason=error.title, help=error.help))
            found = look(file, {})
        if found.misfit:
            problems.append(
                Unsupported(
                    node="input",
                    op="shape",
                    code="E0132",
                    reason=f"The input shape does not fit: {found.misfit}",
                    help="Give the shape the model was trained with.",
                )
            )
        problems += refusals(found.unlisted)
        asked = {i.name: list(i.proposal or ()) for i in found.inputs if i.shape is None}
        compilable = not asked and not problems
        inspection = Inspection(
            name=Path(where).stem,
            format=self.kind,
            sha256=file_sha256(path),
            size=path.stat().st_size,
            inputs=[OpenTensor(name=i.name, dtype=i.dtype, shape=_open(i)) for i in found.inputs],
            outputs=[
                OpenTensor(name=name, dtype=dtype, shape=list(shape or ()))
                for name, (shape, dtype) in zip(found.output_names, found.outputs, strict=True)
            ],
            operators=operator_counts(found.operators, found.unlisted),
            parameters=file.parameters,
            macs=found.macs if compilable else None,
            unsupported=problems,
            shape_needed=asked,
            compilable=compilable,
            estimate=None,
            no_estimate=SLOW if compilable else CANNOT,
        )
        return Look(inspection, None, inspection.no_estimate)


def _open(found: SeenInput) -> list[int | None]:
    if found.shape is not None:
        return list(found.shape)
    return [None] * len(found.proposal or ())
