"""What a valid argument of a layer is. A check gives the value back, or raises `Unfit` with what it must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Shape = tuple[int, ...]
Options = Mapping[str, Any]
Check = Callable[[Any], Any]


class Unfit(Exception):
    """A shape or an option does not fit; the text says how."""


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 1 << 31:
        raise Unfit("must be a positive number")
    return value


def whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 31) <= value < 1 << 31:
        raise Unfit("must be a whole number")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e30:
        raise Unfit("must be a finite number")
    return value


def optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def only(*allowed: Any) -> Check:
    def check(value: Any) -> Any:
        if not isinstance(value, (str, int, bool, type(None))) or value not in allowed:
            raise Unfit("must be " + " or ".join(map(repr, allowed)))
        return value

    return check


def ints(rank: int, least: int = 1) -> Check:
    """One whole number, or one per spatial axis."""

    def check(value: Any) -> Any:
        values = value if isinstance(value, tuple) else (value,)
        if isinstance(value, tuple) and len(value) != rank:
            raise Unfit(f"must have {rank} entries")
        if any(whole(v) < least for v in values):
            raise Unfit(f"must be at least {least}")
        return value

    return check


def sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not 1 <= len(value) <= 6 or any(whole(v) < -1 or v == 0 for v in value):
        raise Unfit("must be a list of sizes")
    return value


def padding_of_conv(rank: int) -> Check:
    amounts = ints(rank, 0)
    return lambda value: only("same", "valid")(value) if isinstance(value, str) else amounts(value)


def number_or_each(value: Any) -> Any:
    """A finite positive number, or one per axis."""
    values = value if isinstance(value, tuple) else (value,)
    if not 1 <= len(values) <= 3 or any(number(v) <= 0 for v in values):
        raise Unfit("must be positive numbers")
    return value


def power(value: Any) -> float:
    if number(value) == 0:
        raise Unfit("must not be zero")
    return float(value)


def window(rank: int) -> Check:
    """A stride that may be left open: then it is the window's size."""
    return optional(ints(rank))
