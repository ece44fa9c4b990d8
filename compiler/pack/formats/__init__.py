"""Packages for build systems, made of an artifact's files alone: nothing is compiled, no tool is called.

A format is one module here with `FORMAT`. The command line (`--pack`, `deepmetal pack`), the API and the browser know
it from then on; tests make and build every format they find.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.pack.archive import zip_bytes
from compiler.pack.formats.kit import Kit

UNKNOWN, NOT_MADE = "E1030", "E1032"


def _always(options: CompileOptions) -> str | None:
    return None


@dataclass(frozen=True)
class Format:
    """`files` are paths with one folder at the top; a single file is a package by itself.

    `refuses` gives the reason why there is no such package for a compilation with these options.
    """

    name: str
    title: str
    description: str
    files: Callable[[Kit], Mapping[str, bytes]]
    refuses: Callable[[CompileOptions], str | None] = _always


@cache
def registry() -> dict[str, Format]:
    """All formats by name."""
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    found = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {one.name: one for one in sorted(found, key=lambda f: f.name)}


def check(name: str, options: CompileOptions, where: str = "--pack") -> Format:
    """The format; a ModelError when there is none of that name, or none for these options."""
    if name not in registry():
        raise ModelError(
            UNKNOWN,
            f"unknown package format {name[:80]!r}",
            where=where,
            facts={"formats": ", ".join(registry())},
            help="`deepmetal packs` describes them",
        )
    chosen = registry()[name]
    if reason := chosen.refuses(options):
        raise ModelError(
            NOT_MADE,
            f"there is no {chosen.title} for this compilation: {reason}",
            where=where,
            facts={"target": options.target, "emit": options.emit},
        )
    return chosen


def package(name: str, artifact: Mapping[str, bytes], where: str = "--format") -> tuple[str, bytes]:
    """The package of an artifact as one file: its name and content. `artifact` maps paths inside the zip to bytes."""
    kit = Kit.of(artifact)
    files = check(name, kit.options, where).files(kit)
    if len(files) == 1:
        return next(iter(files.items()))
    return f"{kit.name}-{name}.zip", zip_bytes(files)


def folder(name: str, artifact: Mapping[str, bytes]) -> dict[str, bytes]:
    """The package's files as they lie in the artifact that it is made from."""
    kit = Kit.of(artifact)
    return {f"pack/{name}/{path}": data for path, data in check(name, kit.options).files(kit).items()}
