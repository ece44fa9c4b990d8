"""Operator attributes as JSON, and back: what may stand in a field is what the field's type hint says, nothing else."""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import numpy as np

from compiler.errors import CompilerBug, ModelError
from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, Layout, Quant, TensorType
from compiler.ops.base import Op, registry

MAX_DEPTH = 32  # of operators, steps and sub-graphs inside each other
MAX_TEXT = 4_096
MAX_ITEMS = 1_000_000
_INTEGERS = range(-(2**63), 2**64)
_SPECIAL = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


@dataclass(frozen=True)
class Encoder:
    """What a field may hold beside plain values: both go to other parts of the file."""

    graph: Callable[[Graph], Any]
    array: Callable[[Array], Any]

    def op(self, op: Op) -> dict[str, Any]:
        """`{"op": "Relu"}`, and the fields of operators that have some."""
        return {"op": type(op).__name__} | ({"fields": self.fields(op)} if fields(op) else {})

    def fields(self, item: Any) -> dict[str, Any]:
        return {f.name: self.value(getattr(item, f.name)) for f in fields(item)}

    def value(self, value: Any) -> Any:
        match value:
            case np.generic():
                return self.value(value.item())
            case None | bool() | int() | str():
                return value
            case float():
                return value if math.isfinite(value) else _spelled(value)
            case tuple() | list():
                return [self.value(item) for item in value]
            case Op():
                return self.op(value)
            case Graph():
                return self.graph(value)
            case np.ndarray():
                return self.array(value)
        if is_dataclass(value) and not isinstance(value, type):
            return self.fields(value)
        raise CompilerBug("E9901", f"a field of type {type(value).__name__} cannot be written to a graph file")


@dataclass(frozen=True)
class Decoder:
    """The way back. Everything that does not fit raises ModelError E0180 or E0181 and says where it stands."""

    graph: Callable[[Any, str, int], Graph]
    array: Callable[[Any, str], Array]

    def op(self, data: Any, where: str, depth: int = 0) -> Op:
        if not isinstance(data, dict):
            malformed(where, "an operator is no object")
        name = data.get("op")
        cls = _operators().get(name) if isinstance(name, str) else None
        if cls is None:
            raise ModelError(
                "E0181",
                f"there is no operator {str(name)[:60]!r} in this version",
                where=where,
                help="write the graph file again with this version of DeepMetal: deepmetal convert MODEL -o ...",
            )
        found: Op = self._dataclass(cls, data.get("fields", {}), where, depth)
        return found

    def _dataclass(self, cls: Any, data: Any, where: str, depth: int) -> Any:
        if not isinstance(data, dict):
            malformed(where, f"the fields of {cls.__name__} are no object")
        if depth > MAX_DEPTH:
            malformed(where, "operators are nested too deeply")
        hints = _hints(cls)
        if unknown := sorted(data.keys() - hints.keys()):
            raise ModelError("E0181", f"{cls.__name__} has no field {unknown[0][:60]!r} in this version", where=where)
        required = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
        if missing := sorted(required - data.keys()):
            malformed(where, f"{cls.__name__} needs the field '{missing[0]}'")
        return cls(**{name: self.value(hints[name], given, f"{where}.{name}", depth) for name, given in data.items()})

    def value(self, hint: Any, data: Any, where: str, depth: int = 0) -> Any:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            return self._one_of(arguments, data, where, depth)
        if origin is Literal:
            if not any(type(data) is type(a) and data == a for a in arguments):
                malformed(where, f"{str(data)[:40]!r} is none of {', '.join(map(str, arguments))}")
            return data
        if origin is tuple:
            return self._tuple(arguments, data, where, depth)
        if origin is np.ndarray:
            return self.array(data, where)
        if hint is Graph:
            return self.graph(data, where, depth + 1)
        if isinstance(hint, type) and issubclass(hint, Op):
            op = self.op(data, where, depth + 1)
            if not isinstance(op, hint):
                malformed(where, f"{type(op).__name__} is no {hint.__name__}")
            return op
        if is_dataclass(hint) and isinstance(hint, type):
            return self._dataclass(hint, data, where, depth + 1)
        return _plain(hint, data, where)

    def _one_of(self, hints: tuple[Any, ...], data: Any, where: str, depth: int) -> Any:
        if data is None and type(None) in hints:
            return None
        rest = [h for h in hints if h is not type(None)]
        for hint in rest[:-1]:
            try:
                return self.value(hint, data, where, depth)
            except ModelError:
                continue
        return self.value(rest[-1], data, where, depth)

    def _tuple(self, hints: tuple[Any, ...], data: Any, where: str, depth: int) -> tuple[Any, ...]:
        if not isinstance(data, list) or len(data) > MAX_ITEMS:
            malformed(where, "a list is needed")
        if len(hints) == 2 and hints[1] is Ellipsis:
            hints = (hints[0],) * len(data)
        if len(hints) != len(data):
            malformed(where, f"{len(hints)} items are needed, {len(data)} are given")
        return tuple(
            self.value(hint, item, f"{where}[{i}]", depth)
            for i, (hint, item) in enumerate(zip(hints, data, strict=True))
        )


def malformed(where: str, finding: str) -> NoReturn:
    raise ModelError(
        "E0180",
        f"the graph file is malformed: {finding}",
        where=where[:200],
        help="write it again with `deepmetal convert`, or undo the last change made by hand",
    )


def text(data: Any, where: str, most: int = MAX_TEXT) -> str:
    """A string that UTF-8 can express: JSON can spell half characters."""
    if not isinstance(data, str) or len(data) > most or any("\ud800" <= c <= "\udfff" for c in data):
        malformed(where, f"a text of at most {most} characters is needed")
    return data


def _plain(hint: Any, data: Any, where: str) -> Any:
    if hint is bool and isinstance(data, bool):
        return data
    if hint is int and type(data) is int and data in _INTEGERS:
        return data
    if hint is float and isinstance(data, str) and data in _SPECIAL:
        return _SPECIAL[data]
    if hint is float and type(data) in (int, float) and abs(data) <= sys.float_info.max:
        return float(data)
    if hint is str:
        return text(data, where)
    malformed(where, f"{str(data)[:40]!r} is no {getattr(hint, '__name__', hint)}")


def _spelled(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


@cache
def _operators() -> Mapping[str, type[Op]]:
    return {cls.__name__: cls for cls in registry() if cls is not Op}


@cache
def _hints(cls: Hashable) -> Mapping[str, Any]:
    """Field -> type. Names that a module imports for type checkers alone are looked up here."""
    assert isinstance(cls, type)
    known = {c.__name__: c for c in (Graph, Node, Value, TensorType, Layout, Quant, *registry())}
    hints = get_type_hints(cls, localns={**known, "Array": Array})
    return {f.name: hints[f.name] for f in fields(cls)}
