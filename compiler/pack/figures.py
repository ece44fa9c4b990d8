"""How numbers are written for people. A missing number is a dash or words, never a zero."""

from __future__ import annotations

import math
from collections.abc import Iterable

NONE = "–"


def count(value: int | None) -> str:
    """12,912,345"""
    return NONE if value is None else f"{value:,}"


def short(value: int | None) -> str:
    """12.91 M"""
    if value is None:
        return NONE
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if abs(value) >= size:
            return f"{_three_digits(value / size)} {unit}"
    return str(value)


def size(value: int | None) -> str:
    """92.4 KiB; exact below one KiB."""
    if value is None:
        return NONE
    for unit, one in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(value) >= one:
            return f"{_three_digits(value / one)} {unit}"
    return f"{value} B"


def _three_digits(value: float) -> str:
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:,.{digits}f}"


def small(value: float | None) -> str:
    """1.2e-06, 0.031; for errors."""
    if value is None or math.isnan(value):
        return NONE
    return "0" if value == 0 else f"{value:.2g}"


def shape(dims: Iterable[int]) -> str:
    """1×3×32×32; a scalar has no dimensions."""
    return "×".join(str(d) for d in dims) or "scalar"


def percent(part: int | float | None, whole: int | float | None) -> float | None:
    """The share in percent, None when it means nothing."""
    if part is None or not whole:
        return None
    return 100.0 * part / whole
