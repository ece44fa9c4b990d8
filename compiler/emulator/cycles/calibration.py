"""How far the models are off: the worst error on references, written down by the bench (`bench/cycles.py --write`)."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("calibration.toml")


def worst_error(core: str) -> float | None:
    """Percent; None for a core without a reference."""
    entry = _table().get(core)
    return None if entry is None else float(entry["worst_error_percent"])


@cache
def _table() -> dict[str, dict[str, float]]:
    return tomllib.loads(TABLE.read_text("utf-8"))
