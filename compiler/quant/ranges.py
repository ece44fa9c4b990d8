"""Ways to find the range that a tensor's int8 numbers span, from its histogram.

What lies outside of the range saturates; what lies inside is rounded to a step, and the steps grow with the range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from compiler.quant.observe import Seen

Range = tuple[float, float]
LEVELS = 256
PERCENTILE = 0.9999  # of the values that stay inside
_SHARES = np.geomspace(0.05, 1.0, 49)  # of the full range that the searches try


def minmax(seen: Seen) -> Range:
    """Everything that was seen."""
    return seen.low, seen.high


def percentile(seen: Seen) -> Range:
    """All but the outermost values, as many at each end."""
    total = seen.counts.sum()
    if not total:
        return minmax(seen)
    outside = total * (1 - PERCENTILE) / 2
    running = np.cumsum(seen.counts)
    first = int(np.searchsorted(running, outside, side="right"))
    last = int(np.searchsorted(running, total - outside, side="left"))
    edges = np.linspace(seen.low, seen.high, seen.counts.size + 1)
    return min(0.0, float(edges[first])), max(0.0, float(edges[min(last + 1, seen.counts.size)]))


def mse(seen: Seen) -> Range:
    """The least mean squared error: each end is moved by itself until neither helps any more."""
    low, high = seen.low, seen.high
    for _ in range(2):
        low = min((seen.low * s for s in _SHARES), key=lambda at: (squared_error(seen, at, high), at))
        high = min((seen.high * s for s in _SHARES), key=lambda at: (squared_error(seen, low, at), -at))
    return low, high


def entropy(seen: Seen) -> Range:
    """The least divergence of the distribution that is left from the one that was seen (Migacz, 2017)."""
    best = min(_SHARES, key=lambda s: (divergence(seen, seen.low * s, seen.high * s), -s))
    return seen.low * float(best), seen.high * float(best)


METHODS: Mapping[str, Callable[[Seen], Range]] = {
    "minmax": minmax,
    "percentile": percentile,
    "mse": mse,
    "entropy": entropy,
}


def squared_error(seen: Seen, low: float, high: float) -> float:
    """Of all values together, with the int8 grid that spans [low, high]."""
    x, step = seen.centres, (high - low) / (LEVELS - 1)
    if step <= 0:
        return float(seen.counts @ (x * x))
    inside = np.clip(np.rint((x - low) / step), 0, LEVELS - 1) * step + low
    return float(seen.counts @ np.square(x - inside))


def divergence(seen: Seen, low: float, high: float) -> float:
    """Kullback-Leibler divergence between the clipped histogram and what LEVELS steps leave of it."""
    x = seen.centres
    inside = (x >= low) & (x <= high)
    if inside.sum() < 2:
        return float("inf")
    original = seen.counts[inside].astype(np.float64)
    clipped = original.copy()
    clipped[0] += seen.counts[x < low].sum()
    clipped[-1] += seen.counts[x > high].sum()
    level = np.minimum((np.arange(original.size) * LEVELS) // original.size, LEVELS - 1)
    occupied = original > 0
    mass = np.bincount(level, weights=original, minlength=LEVELS)
    places = np.bincount(level, weights=occupied, minlength=LEVELS)
    kept = np.where(occupied, mass[level] / np.maximum(places[level], 1), 0.0)
    if not clipped.sum() or not kept.sum():
        return float("inf")
    p, q = clipped / clipped.sum(), kept / kept.sum()
    both = p > 0
    return float((p[both] * np.log(p[both] / np.maximum(q[both], 1e-12))).sum())


def of_clamp(low: float, high: float, bounds: Range) -> Range:
    """A range within the bounds of a clamp: beyond them there is nothing to represent."""
    return max(low, min(bounds[0], 0.0)), min(high, max(bounds[1], 0.0))
