"""Reading what verbs have in common: shapes, and options into `CompileOptions`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from compiler.errors import ModelError
from compiler.options import CompileOptions

INVALID = "E1002"
NO_SUCH_FILE = "E1006"
Setting = dict[str, Any]

_MOST_JSON = 4 << 20


def typed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """`parse` for argparse: a ValueError becomes a usage error with the message."""

    def wrapped(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return wrapped


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`NAME=1,3,32,32`, or `1,3,32,32` for a model's only input (the empty name). `x` separates as well."""
    name, _, numbers = text.rpartition("=")
    try:
        dims = tuple(int(part) for part in numbers.replace("x", ",").split(",")) if numbers.strip() else ()
    except ValueError:
        raise ValueError(f"'{numbers}' is not a shape; write for instance input=1,3,32,32") from None
    if any(d < 0 for d in dims):
        raise ValueError(f"'{numbers}' has a negative dimension")
    return name, dims


def shapes_from(given: list[tuple[str, tuple[int, ...]]]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, dims in given:
        if name in shapes:
            raise ModelError(INVALID, f"two shapes for the input {name or '(the only one)'!r}", where="--shape")
        shapes[name] = dims
    return shapes


def checked(given: Setting) -> CompileOptions:
    """`CompileOptions` from plain values; what pydantic finds wrong becomes E1002."""
    try:
        return CompileOptions.model_validate(given)
    except ValidationError as error:
        first, *_ = problems = error.errors()
        names = [".".join(str(p) for p in problem["loc"]) for problem in problems]
        facts = {
            name: problem["msg"].removeprefix("Value error, ") for name, problem in zip(names, problems, strict=True)
        }
        if not names[0]:  # it is about several
            raise ModelError(INVALID, f"these options do not go together: {facts['']}") from error
        title = f"the option {names[0]} has a value that does not work: {str(first['input'])[:80]!r}"
        raise ModelError(INVALID, title, facts=facts, help="`deepmetal compile --help` lists the values") from error


def read_architecture(path: Path) -> Any:
    """The JSON document of `--architecture`, or an inspection that holds one; `checked` says what is wrong inside."""
    must_exist(path, "architecture")
    try:
        document = json.loads(path.read_bytes()[: _MOST_JSON + 1])
    except (ValueError, RecursionError) as error:
        raise ModelError(
            INVALID,
            f"the architecture is not a JSON document: {str(error)[:120]}",
            where=str(path),
            help="`deepmetal inspect MODEL --json` prints one to start from, under 'architecture'",
        ) from error
    return document["architecture"] if isinstance(document, dict) and "architecture" in document else document


def read_source(path: Path) -> str:
    """The text of `--source`."""
    must_exist(path, "source")
    try:
        return path.read_bytes()[: _MOST_JSON + 1].decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(INVALID, "the source is no UTF-8 text", where=str(path)) from error


def parse_class_args(text: str) -> Any:
    """`{"n": 10}` or `[10]`, the arguments of a constructor."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{text[:80]!r} is not JSON") from error
    if not isinstance(value, (dict, list)):
        raise ValueError("write a JSON object, or a list")
    return value


def parse_keep(text: str) -> tuple[str, str]:
    """`LAYER=int16` or `LAYER=float32`."""
    name, _, how = text.rpartition("=")
    if not name or how not in ("int16", "float32"):
        raise ValueError(f"{text[:80]!r} is not LAYER=int16 or LAYER=float32")
    return name, how


def must_exist(path: Path, role: str) -> None:
    if not path.exists():
        raise ModelError(NO_SUCH_FILE, f"there is no {role} file {str(path)!r}", help="check the path")
