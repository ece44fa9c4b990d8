"""Options and verbs that the contract names and that a later version brings: refused with a code, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.errors import ModelError

CODE = "E1010"

# Option -> what it will do. A value that says "off" is no request for it.
OPTIONS: dict[str, str] = {}
# (option, value) -> what it will do.
VALUES: dict[tuple[str, str], str] = {}
VERBS: dict[str, str] = {
    "compare": "comparing two reports layer by layer",
    "tune": "measuring schedules",
    "replay": "running a dump again",
    "backup": "copying the service's data",
    "restore": "bringing a copy back",
}


def refuse_later(options: Mapping[str, Any]) -> None:
    """Raise E1010 for the first of `options` (names in snake_case) that this version does not have yet."""
    for name, value in options.items():
        if name in OPTIONS and value not in (None, False, [], {}, ""):
            raise _error(_flag(name), OPTIONS[name], "leave the option out")
        what = VALUES.get((name, str(value)))
        if what:
            raise _error(f"{_flag(name)} {value}", what, f"leave it out for the default; `deepmetal explain {CODE}`")


def refuse_verb(verb: str) -> None:
    if verb in VERBS:
        raise _error(f"`deepmetal {verb}`", VERBS[verb], "`deepmetal --help` lists what there is")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _error(what: str, purpose: str, help: str) -> ModelError:
    return ModelError(CODE, f"{what} is not in this version", facts={"it will bring": purpose}, help=help)
