"""The processors that DeepMetal compiles for. Every module in this folder with a `TARGET` is one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache

from compiler.errors import ModelError
from compiler.targets.base import Target


@cache
def targets() -> dict[str, Target]:
    """All targets by name, in alphabetical order."""
    found: dict[str, Target] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        target = getattr(importlib.import_module(module.name), "TARGET", None)
        if isinstance(target, Target):
            if target.name in found:
                raise ValueError(f"two modules define the target {target.name}")
            found[target.name] = target
    return dict(sorted(found.items()))


@cache
def aliases() -> dict[str, str]:
    """Other names of targets, e.g. avx2 -> x86-64-v3."""
    found = {alias: one.name for one in targets().values() for alias in one.aliases}
    if len(found) != sum(len(one.aliases) for one in targets().values()) or found.keys() & targets().keys():
        raise ValueError("two targets share a name")
    return dict(sorted(found.items()))


def target(name: str) -> Target:
    """The target of this name or alias; an unknown name is the user's error and gets the list."""
    known = targets()
    if found := known.get(aliases().get(name, name)):
        return found
    near = difflib.get_close_matches(name.lower().replace("_", "-"), [*known, *aliases()], n=1, cutoff=0.5)
    raise ModelError(
        "E1001",
        f"unknown target '{name}'",
        where="--target",
        facts={"targets": ", ".join(known)},
        help=f"did you mean '{near[0]}'?" if near else "`deepmetal targets` describes each of them",
    )
