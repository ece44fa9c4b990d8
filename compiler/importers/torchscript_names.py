"""What the inputs of a program are called, and which of the shapes that a user gives belongs to which."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from compiler.errors import ModelError
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_pickle import shown
from compiler.importers.torchscript_data import ScriptFile
from compiler.importers.torchscript_run import FORWARD

MAX_INPUTS = 64


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
