"""What values tensors take on the calibration data: extremes, and a histogram between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.quant.host import Host

BINS = 2048


@dataclass(frozen=True)
class Seen:
    """`counts` are of BINS equal parts of [low, high], a range with 0 inside."""

    low: float
    high: float
    counts: Array

    @property
    def centres(self) -> Array:
        step = (self.high - self.low) / self.counts.size
        return self.low + step * (np.arange(self.counts.size) + 0.5)

    def shown(self, bars: int = 32) -> list[int]:
        """The histogram in so few parts that people can see them."""
        return [int(part.sum()) for part in np.array_split(self.counts, bars)]


def observe(host: Host, samples: Iterable[Mapping[str, Array]]) -> dict[str, Seen]:
    """Two walks through the samples: the first for the extremes, the second for the histograms."""
    kept = list(samples)
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for sample in kept:
        for name, x in host.run(sample).items():
            least, most = float(x.min(initial=0.0)), float(x.max(initial=0.0))
            if not (np.isfinite(least) and np.isfinite(most)):
                raise ModelError(
                    "E0434",
                    "the model computes a NaN or an infinity on the calibration data",
                    where=f"tensor '{name}'",
                    help="look at the data's range: `--preprocess` has to be what the model was trained with",
                )
            low[name], high[name] = min(low.get(name, 0.0), least), max(high.get(name, 0.0), most)
    counts = {name: np.zeros(BINS, np.int64) for name in low}
    for sample in kept:
        for name, x in host.run(sample).items():
            if high[name] > low[name]:
                counts[name] += _histogram(x, low[name], high[name])
    return {name: Seen(low[name], high[name], counts[name]) for name in low}


def _histogram(x: Array, low: float, high: float) -> Array:
    place = ((x.ravel().astype(np.float64) - low) * (BINS / (high - low))).astype(np.int64)
    return np.bincount(np.minimum(place, BINS - 1), minlength=BINS)
