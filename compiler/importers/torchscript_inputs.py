"""The shapes of a TorchScript program's inputs: from the user, from tracing, from its layers, or asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.errors import ModelError
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_pickle import shown
from compiler.importers.torchscript_data import ScriptFile
from compiler.importers.torchscript_look import look


@dataclass(frozen=True)
class Input:
    name: str
    shape: Shape
    dtype: str = "float32"


@dataclass(frozen=True)
class Inputs:
    """What `forward` is called with."""

    tensors: tuple[Input, ...]
    where: str
    asked: bool  # whether the user gave a shape

    def arguments(self, values: Sequence[Any]) -> list[Any]:
        return list(values)

    def misfit(self, reason: str) -> ModelError:
        """The error for a program that cannot run on these shapes."""
        given = " ".join(f"{shown(i.name)}={','.join(map(str, i.shape))}" for i in self.tensors)
        return ModelError(
            "E0132",
            f"The input shape does not fit: {reason}",
            where=self.where,
            facts={"given" if self.asked else "noted in the file": given},
            help="Give the shape the model was trained with, batch first: --shape NAME=1,3,32,32.",
        )


def known_inputs(file: ScriptFile, shapes: Mapping[str, Shape]) -> Inputs:
    """The inputs with their shapes. Raises E0131 when one must be asked for."""
    found = look(file, shapes)
    if found.unlisted:
        raise found.refusal()
    missing = [i for i in found.inputs if i.shape is None]
    if missing:
        raise found.question()
    return Inputs(tuple(Input(i.name, i.shape or (), i.dtype) for i in found.inputs), file.where, bool(shapes))
