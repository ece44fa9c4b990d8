"""The inputs of a TorchScript program: names from its `forward`, shapes from the user, from tracing, or asked for."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.errors import ModelError
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_pickle import shown
from compiler.importers.torchscript_data import ScriptFile
from compiler.importers.torchscript_run import FORWARD

MAX_INPUTS = 64


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


def forward_names(file: ScriptFile) -> list[str]:
    """The tensors that `forward` needs, by name. Arguments with a default keep it."""
    cls = file.code.type(f"{file.root.cls.module}.{file.root.cls.name}")
    function = cls.methods.get(FORWARD)
    if function is None:
        raise ModelError(
            "E0140", "The module in the TorchScript file has no forward", where=file.where,
            help="Save a module whose forward is what you want to compile.",
        )  # fmt: skip
    needed = function.args.args[1 : len(function.args.args) - len(function.args.defaults)]
    for argument in needed:
        kind = ast.unparse(argument.annotation) if argument.annotation else "Tensor"
        if kind not in ("Tensor", "Optional[Tensor]"):
            raise ModelError(
                "E0142", f"The argument '{shown(argument.arg)}' of forward is no tensor: {shown(kind)}",
                where=file.where, help="Give it a default value, or save a module that takes tensors only.",
            )  # fmt: skip
    if not 1 <= len(needed) <= MAX_INPUTS:
        raise ModelError(
            "E0142", f"forward has {len(needed)} inputs", where=file.where,
            help="A model that can be compiled has at least one input and no more than 64.",
        )  # fmt: skip
    return [argument.arg for argument in needed]


def given_shapes(names: Sequence[str], shapes: Mapping[str, Shape], where: str) -> dict[str, Shape]:
    """`--shape` by input name; a lone shape without a name, or with any, is that of a lone input."""
    if len(names) == 1 and len(shapes) == 1:
        return {names[0]: next(iter(shapes.values()))}
    if unknown := [name for name in shapes if name not in names]:
        raise ModelError(
            "E1004", f"--shape is given for '{shown(unknown[0])}', which is no input of the model", where=where,
            facts={"inputs": ", ".join(map(shown, names))}, help="Give one --shape NAME=... for each input.",
        )  # fmt: skip
    return dict(shapes)


def known_inputs(file: ScriptFile, shapes: Mapping[str, Shape]) -> Inputs:
    """The inputs with their shapes. Raises E0131 when one must be asked for."""
    from compiler.importers.torchscript_look import look

    names = forward_names(file)
    given = given_shapes(names, shapes, file.where)
    found = look(file, given)
    if found.unlisted:
        raise found.refusal()
    missing = [i for i in found.inputs if i.shape is None]
    if missing:
        raise found.question()
    return Inputs(tuple(Input(i.name, i.shape or (), i.dtype) for i in found.inputs), file.where, bool(given))
