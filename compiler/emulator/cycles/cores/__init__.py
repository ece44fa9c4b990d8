"""The registry of pipeline models: every module of this package that defines `CORE`."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from compiler.emulator.cycles.cores.base import Core


@cache
def cores() -> dict[str, Core]:
    """All models by name."""
    found = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return {found_core.name: found_core for module in found if (found_core := getattr(module, "CORE", None))}


def core(name: str) -> Core | None:
    """A model by the name that targets give in `cycles`; None when there is none."""
    return cores().get(name)
