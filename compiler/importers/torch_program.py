"""A program of ATen operators, from whatever file, as the rest of the compiler takes models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ModelError
from compiler.importers.formats.base import Loaded, Original
from compiler.importers.torch_build import import_torch
from compiler.importers.torch_export import Names, program_to_onnx
from compiler.importers.torch_fx import Program
from compiler.inspection import OperatorCount, Unsupported

SLOW = "a layer of the model is known to the planner only once PyTorch has exported it, which takes seconds"


def loaded(program: Program, where: str) -> Loaded:
    """The program in ONNX form, with PyTorch as the reference for validation."""
    names = Names(weights=program.names)
    model = program_to_onnx(program.exported, program.inputs, program.outputs, where, names)
    version = str(import_torch().__version__).split("+")[0]

    def run(inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[np.generic]]:
        try:
            return program.run(inputs)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise ModelError(
                "E0135", "PyTorch cannot run the program of the file", where=where,
                facts={"reason": next(iter(str(error).splitlines()), type(error).__name__)[:300]},
                help="Load the file with PyTorch and run it there; what it says is what is wrong with it.",
            ) from error  # fmt: skip

    return Loaded(onnx=model, original=Original(f"PyTorch {version}", run))


def operator_counts(counts: Mapping[str, int], unlisted: Mapping[str, str]) -> list[OperatorCount]:
    return [OperatorCount(op=name, count=n, supported=name not in unlisted) for name, n in sorted(counts.items())]


def refusals(unlisted: Mapping[str, str]) -> list[Unsupported]:
    """What is in the way of compiling, one entry per operator."""
    help = "Replace it in the model by layers of torch.nn, or export the model to ONNX and compile that file."
    return [
        Unsupported(node=name, op=name, code="E0143", reason=reason, help=help)
        for name, reason in sorted(unlisted.items())
    ]
