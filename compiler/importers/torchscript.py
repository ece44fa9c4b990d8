"""TorchScript files (`torch.jit.save`): traced and scripted modules, read as text and data, never run.

    torchscript_data.py      the archive: module objects, tensors, constants, the shapes that tracing noted
    torchscript_code.py      its program text, parsed
    torchscript_run.py       the program followed statement by statement
    torchscript_builtins.py  the functions it calls on numbers and lists
    torchscript_look.py      a walk without PyTorch: operators, and what the layers tell about the input
    torch_fx.py              a walk with PyTorch: the graph

`torch.jit.load` is not used: it runs `__setstate__` of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compiler.errors import ModelError
from compiler.importers.aten import Calls, Tensor, output_names
from compiler.importers.torch_build import import_torch
from compiler.importers.torch_checks import Shape
from compiler.importers.torch_fast_paths import FAST_PATHS, spelled_out
from compiler.importers.torch_fx import Builder, Misfit, Program, Scope
from compiler.importers.torch_pickle import TensorRef
from compiler.importers.torchscript_builtins import ProgramError
from compiler.importers.torchscript_data import ScriptFile, dtype_of, open_script
from compiler.importers.torchscript_inputs import known_inputs
from compiler.importers.torchscript_run import Follower

MAX_OUTPUTS = 256


def load_script(path: Path, shapes: Mapping[str, Shape], where: str) -> Program:
    """The program of a file for these input shapes. Raises ModelError."""
    file = open_script(path, where)
    inputs = known_inputs(file, shapes)
    calls = _Building(file)
    values: list[Any] = [calls.builder.input(i.name, i.shape, i.dtype) for i in inputs.tensors]
    try:
        result = Follower(file, calls).forward(inputs.arguments(values))
        outputs = named_outputs(result, where)
    except (Misfit, ProgramError) as reason:
        raise inputs.misfit(str(reason)) from None
    return calls.builder.finish(outputs)


class _Building(Calls):
    """Makes a graph of what the program calls."""

    def __init__(self, file: ScriptFile) -> None:
        self.file = file
        self.builder = Builder(file.where)
        self._storages: dict[str, Any] = {}

    def enter(self, path: str, cls: str) -> None:
        self.builder.scope = Scope(path, f"torch.nn.{cls}")

    def weight(self, ref: TensorRef) -> Tensor:
        return self.builder.weight(self.file.names.get(id(ref), ""), self._tensor(ref))

    def scalar(self, value: float | int | bool) -> Tensor:
        return self.builder.number(value)

    def call(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        if name in FAST_PATHS:
            return spelled_out(self.builder.call, name, arguments, keywords, self.file.where)
        return self.builder.call(name, arguments, keywords)

    def _tensor(self, ref: TensorRef) -> Any:
        torch = import_torch()
        dtype = getattr(torch, dtype_of(ref, self.file.where))
        if not ref.elements:
            return torch.empty(ref.shape, dtype=dtype)
        record = self.file.storage(ref)
        if record not in self._storages:
            self._storages[record] = torch.frombuffer(self.file.archive.read(record), dtype=torch.uint8)
        flat = self._storages[record].view(dtype)
        return torch.as_strided(flat, ref.shape, ref.strides, ref.offset).contiguous()


def named_outputs(result: Any, where: str) -> list[tuple[str, Any]]:
    """The tensors that a program returns, in order, with names."""
    found = [value for value in _flat(result) if isinstance(value, Tensor)]
    if not found or len(found) > MAX_OUTPUTS:
        raise ModelError(
            "E0142", "The program returns no tensor" if not found else "The program returns far too many tensors",
            where=where, help="Return the outputs of the network: a tensor, or a tuple of them.",
        )  # fmt: skip
    return list(zip(output_names(len(found)), found, strict=True))


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in _flat(part)]
    return [value]
