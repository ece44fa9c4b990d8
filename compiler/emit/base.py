"""What an emitter is: a printer from a program to source files. A new file in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.program import Program

Files = dict[str, bytes]


@dataclass(frozen=True)
class Emitter:
    """`files` prints a program: path in the artifact -> bytes."""

    name: str
    title: str
    files: Callable[[Program, CompileOptions], Files]


@cache
def registry() -> Mapping[str, Emitter]:
    import compiler.emit as package

    found: dict[str, Emitter] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"compiler.emit.{info.name}")
        emitter = getattr(module, "EMITTER", None)
        if isinstance(emitter, Emitter):
            found[emitter.name] = emitter
    return dict(sorted(found.items()))


def get(name: str) -> Emitter:
    if name not in registry():
        raise ModelError("E1003", f"there is no emitter '{name}'", help=f"choose one of {', '.join(registry())}")
    return registry()[name]
