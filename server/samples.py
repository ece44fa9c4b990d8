"""The sample models that ship with the compiler."""

from __future__ import annotations

from pathlib import Path

from compiler import samples as shipped
from server.errors import not_found
from server.schemas import SampleInfo

URL = "/api/v1/samples"


def samples() -> list[SampleInfo]:
    return [SampleInfo(**card, url=f"{URL}/{card['name']}") for card in shipped.catalogue()]


def sample_path(name: str) -> Path:
    """The model file, or 404."""
    try:
        return shipped.sample_path(name)
    except KeyError as error:
        raise not_found("sample", name) from error
