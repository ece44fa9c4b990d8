"""Arguments and results of a node in a `.pt2` file: names of values, numbers, and lists of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.errors import ModelError
from compiler.importers.aten import Tensor
from compiler.importers.pt2_file import DTYPES, damaged, part
from compiler.importers.torch_dtypes import DTYPE_NUMBERS
from compiler.importers.torch_pickle import shown

_NUMBERS_IN_TEXT = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}


@dataclass(frozen=True)
class SubGraph:
    """A program inside of the program."""

    graph: Mapping[str, Any]


class Arguments:
    """Values by name, as nodes take and leave them."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self.values = values
        self.where = where

    def of(self, inputs: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments."""
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        for each in inputs:
            value = self.value(part(each, "arg", dict, self.where))
            if each.get("kind", 1) == 1 and not keywords:
                positional.append(value)
            else:
                keywords[part(each, "name", str, self.where)] = value
        return positional, keywords

    def value(self, argument: Any) -> Any:
        if not isinstance(argument, dict) or len(argument) != 1:
            damaged("an argument is none, or several", self.where)
        kind, value = next(iter(argument.items()))
        match kind, value:
            case "as_none", _:
                return None
            case "as_tensor", {"name": str(name)}:
                return self.tensor(name)
            case "as_tensors", list():
                return [self.tensor(part(each, "name", str, self.where)) for each in value]
            case ("as_optional_tensors", list()):
                return [self.value(each) for each in value]
            case "as_optional_tensor", dict():
                return self.value(value)
            case (("as_int" | "as_bool"), int()):
                return value
            case ("as_float", int() | float()):
                return float(value)
            case "as_float", str() if value in _NUMBERS_IN_TEXT:
                return _NUMBERS_IN_TEXT[value]
            case "as_string", str():
                return value
            case (("as_ints" | "as_bools" | "as_floats" | "as_strings"), list()) if _plain(value):
                return value
            case (("as_sym_int" | "as_sym_float" | "as_sym_bool"), dict()):
                return self._symbol(value)
            case (("as_sym_ints" | "as_sym_floats" | "as_sym_bools"), list()):
                return [self._symbol(each) for each in value]
            case "as_scalar_type", int() if value in DTYPES:
                return DTYPE_NUMBERS[DTYPES[value]]
            case (("as_layout" | "as_memory_format"), int()):
                return 0
            case "as_device", dict():
                return "cpu"
            case "as_graph", {"graph": dict(graph)}:
                return SubGraph(graph)
            case _:
                raise ModelError(
                    "E0140", f"The program in the .pt2 file has an argument that is not supported: {shown(kind)}",
                    where=self.where, help="Export the model to ONNX and compile that file.",
                )  # fmt: skip

    def tensor(self, name: str) -> Tensor:
        found = self.values.get(name)
        if not isinstance(found, Tensor):
            damaged(f"the value '{shown(name)}' is used before it is made", self.where)
        return found

    def _symbol(self, argument: Any) -> Any:
        """A size: a number, or one that the program computed."""
        kind, value = next(iter(argument.items())) if isinstance(argument, dict) and len(argument) == 1 else ("", None)
        if kind == "as_name" and isinstance(value, str):
            value = self.values.get(value)
        if not isinstance(value, (int, float)):
            damaged("a size is used before it is computed", self.where)
        return value

    def keep(self, outputs: list[Any], results: Any) -> None:
        """Give the results their names."""
        names: list[str | None] = []
        for output in outputs:
            names += _names(output)
        found = results if isinstance(results, list) else [results]
        if names and len(names) > len(found):
            damaged("an operator has more results than it gives", self.where)
        self.values |= {name: value for name, value in zip(names, found, strict=False) if name is not None}


def _names(output: Any) -> list[str | None]:
    """What a result is called; a result nobody uses has no name."""
    kind, value = next(iter(output.items())) if isinstance(output, dict) and len(output) == 1 else ("", None)
    if kind == "as_tensors" and isinstance(value, list):
        return [each.get("name") if isinstance(each, dict) else None for each in value]
    if isinstance(value, dict):
        name = value.get("name", value.get("as_name"))
        return [name if isinstance(name, str) else None]
    return [None]


def _plain(values: list[Any]) -> bool:
    return all(isinstance(v, (int, float, str)) for v in values)
