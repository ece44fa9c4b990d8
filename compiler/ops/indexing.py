"""What operators share that move elements by indices: elements as they lie in memory, and indices made safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array
from compiler.loop.nodes import I32, Cast, Const, Expr, maximum, minimum, select

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel, View


def as_stored(*views: View) -> tuple[View, ...]:
    """The views without the conversions of their type, where all have memory: elements that move stay as they are."""
    return views if any(v.buffer is None for v in views) else tuple(v.in_memory() for v in views)


def safe_index(k: Kernel, index: Expr, size: int) -> Expr:
    """An element's place along an axis: negative ones count from the end, what lies outside is clamped."""
    if isinstance(index, Const):
        known = int(index.value) + (size if int(index.value) < 0 else 0)
        return Const(min(max(known, 0), size - 1))
    place = k.let("at", bounded(index, -size, size - 1))
    return k.let("at", select(place < 0, place + size, place)) if index.type.kind == "i" else place


def bounded(value: Expr, low: int, high: int) -> Expr:
    """An integer of any type as an int32 between two others; `low` counts for signed types only."""
    wide = Cast(value, I32) if value.type.bits < 32 else value
    limited = minimum(maximum(wide, low), high) if wide.type.kind == "i" else minimum(wide, high)
    return limited if limited.type == I32 else Cast(limited, I32)


def safe_indices(indices: Array, size: int) -> Array:
    """`safe_index` for an array."""
    wide = indices.astype(np.int64)
    return np.clip(np.where(wide < 0, wide + size, wide), 0, max(size - 1, 0))
