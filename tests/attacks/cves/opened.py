"""Opening a hostile file in every way that the product does, with a canary that must not sing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from compiler.errors import ModelError
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.source import load
from tests.support.needs import ROOT

PACKAGES = ("compiler", "deepmetal", "server", "worker")


def codes(path: Path) -> set[str]:
    """The codes with which `path` is refused; "" where it is taken. Anything but a `ModelError` fails the test."""
    found = set()
    functions: tuple[Callable[..., object], ...] = (load, inspect_model)
    for function in functions:
        try:
            function(path, CompileOptions())
        except ModelError as error:
            found.add(error.code)
        else:
            found.add("")
    return found


def refused(folder: Path, name: str, make: Callable[[str], bytes]) -> set[str]:
    """The codes for a file that would touch a canary; the canary is checked."""
    canary = folder / "canary"
    path = folder / name
    path.write_bytes(make(f"touch '{canary}'"))
    found = codes(path)
    assert not canary.exists(), "code of the file ran"
    assert "" not in found, "the file was taken"
    return found


def sources_with(pattern: str) -> list[str]:
    """Files of the product whose text matches: for what must never be used."""
    wanted = re.compile(pattern)
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(paths) > 100
    return [str(path.relative_to(ROOT)) for path in paths if wanted.search(path.read_text("utf-8"))]
