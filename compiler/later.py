"""Verbs that the contract names and that a later version brings: refused with a code, never ignored."""

from __future__ import annotations

from compiler.errors import ModelError

CODE = "E1010"

# Verb -> what it will do.
VERBS: dict[str, str] = {
    "compare": "comparing two reports layer by layer",
    "tune": "measuring schedules",
    "replay": "running a dump again",
    "backup": "copying the service's data",
    "restore": "bringing a copy back",
}


def refuse_verb(verb: str) -> None:
    """Raise E1010 when this version does not have the verb yet."""
    if verb in VERBS:
        raise ModelError(
            CODE,
            f"`deepmetal {verb}` is not in this version",
            facts={"it will bring": VERBS[verb]},
            help="`deepmetal --help` lists what there is",
        )
