"""The sample models that ship with the compiler."""

from __future__ import annotations

from pathlib import Path

from server.errors import not_found
from server.schemas import SampleInfo


def samples() -> list[SampleInfo]:
    return []


def sample_path(name: str) -> Path:
    raise not_found("sample", name)
