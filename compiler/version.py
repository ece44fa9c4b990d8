"""The version of the installed distribution."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("deepmetal")
    except PackageNotFoundError:  # a checkout that nobody installed
        return "0+checkout"


VERSION = _version()
