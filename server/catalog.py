"""What there is to choose from, as the compiler tells it."""

from __future__ import annotations

from compiler.targets import target


def check_target(name: str) -> None:
    """An unknown target is a `ModelError` that lists the known ones."""
    target(name)


def read(settings):
    raise NotImplementedError
