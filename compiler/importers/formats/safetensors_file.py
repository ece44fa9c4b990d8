"""safetensors files: weights, which need an architecture."""

from __future__ import annotations

from pathlib import Path

from compiler.errors import ModelError
from compiler.importers.formats.base import Format, Loaded, Look
from compiler.importers.formats.torch_module import loaded
from compiler.options import CompileOptions


class SafetensorsFile(Format):
    kind = "safetensors"
    title = "weights as safetensors"
    extensions = (".safetensors",)

    def load(self, path: Path, options: CompileOptions, where: str) -> Loaded:
        from compiler.importers.state_dict import load_state

        state = load_state(path, where)
        if options.architecture is None:
            raise ModelError(
                code="E0120",
                title="The file holds weights, not a whole model",
                where=where,
                facts={"tensors": str(len(state.tensors))},
                help="Weights alone do not say how the layers are connected. List the layers with --architecture "
                "FILE.json; `deepmetal inspect FILE --json` prints a list to start from.",
            )
        from compiler.importers.layer_list_build import load_listed  # imports torch: slow

        return loaded(load_listed(state, options.architecture, options.shape))

    def inspect(self, path: Path, options: CompileOptions, where: str) -> Look:
        from compiler.importers.layer_list_look import look_at_weights
        from compiler.importers.state_dict import load_state

        return look_at_weights(path, self.kind, load_state(path, where), options)
