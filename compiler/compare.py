"""How far two tensors are apart, over all vectors, and how far they may be: the tolerances, in this one place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from compiler.report import LayerError

Array = NDArray[np.generic]

TOLERANCE: dict[str, float] = {
    "float64": 2e-5,
    "float32": 2e-5,
}
"""Largest allowed difference, as a share of the tensor's range. Integers and booleans must be equal.

Compiled code and reference add up the same products in different orders. Each float32 addition rounds by up to
6e-8 of the running sum; the sum of a few thousand products is off by some 1e-6 of the tensor's range, and deviations
of earlier layers pass through later ones. Correct code shows 1e-6 to 1e-5 on the MLPerf Tiny models and on random
networks of 60 layers; one wrong element, stride or operand shows 1e-3 and more. float64 occurs where a model mixes it
with float32, whose rounding it then carries.

Some models amplify rounding: a softmax over logits in the hundreds, a division by nearly zero. What counts as the
range of a tensor is therefore at least `SENSITIVITY` times what a change of the input by `SHAKE` does to it in the
reference. A tensor that follows its input in proportion is not affected: its range is larger than that.
"""

SHAKE = 1e-6  # of the input's largest value
SENSITIVITY = 0.2 / SHAKE
FLOOR = 1e-4  # smallest range that is told apart from zero
SHARE_OF_ALL = 1 / 16  # a vector is held to its own range, but to no less than this share of all vectors' range
IRRECONCILABLE = float(np.finfo(np.float32).max)  # the "difference" of a NaN from a number: JSON has no infinity


def tolerance(dtype: str) -> float:
    """The tolerance for tensors of this type; 0 for integers and booleans."""
    return TOLERANCE.get(dtype, 0.0)


@dataclass
class Difference:
    """Differences of one tensor from its reference, collected vector by vector."""

    dtype: str
    max_abs: float = 0.0
    sum_abs: float = 0.0
    count: int = 0
    dot: float = 0.0
    norm_got: float = 0.0
    norm_wanted: float = 0.0
    noise: float = 0.0
    low: float = 0.0
    high: float = 0.0
    bit_exact: bool = True
    vectors: list[tuple[float, float]] = field(default_factory=list)  # per vector: largest difference, range

    def add(self, got: Array, wanted: Array, shaken: Array | None = None) -> None:
        """One vector. NaN and infinities must be the same on both sides; then they count no further.

        `shaken` is what the reference computes from an input that is changed by `SHAKE`.
        """
        if got.size != wanted.size:
            self._irreconcilable()
            return
        g, w = got.ravel(), wanted.ravel()
        self.bit_exact &= bool(np.array_equal(g, w.astype(g.dtype), equal_nan=g.dtype.kind == "f"))
        g64, w64 = g.astype(np.float64), w.astype(np.float64)
        finite = np.isfinite(w64)
        special = ~finite
        if not np.array_equal(g64[special], w64[special], equal_nan=True) or not np.isfinite(g64[finite]).all():
            self._irreconcilable()
            return
        g64, w64 = g64[finite], w64[finite]
        error = np.abs(g64 - w64)
        largest = float(error.max(initial=0.0))
        low, high = float(w64.min(initial=0.0)), float(w64.max(initial=0.0))  # 0 belongs to every range
        self.max_abs = max(self.max_abs, largest)
        self.sum_abs += float(error.sum())
        self.count += g64.size
        self.dot += float(g64 @ w64)
        self.norm_got += float(g64 @ g64)
        self.norm_wanted += float(w64 @ w64)
        self.noise += float(error @ error)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.vectors.append((largest, max(high - low, _sway(wanted, shaken))))

    def _irreconcilable(self) -> None:
        self.bit_exact = False
        self.max_abs = IRRECONCILABLE
        self.vectors.append((math.inf, 0.0))

    @property
    def relative(self) -> float:
        """The largest difference as a share of the tensor's range for its vector."""
        worst = max((largest / self._range(k) for k, (largest, _) in enumerate(self.vectors)), default=0.0)
        return min(worst, IRRECONCILABLE)

    def allowed(self, vector: int) -> float:
        """The largest difference that passes for this vector."""
        return tolerance(self.dtype) * self._range(vector)

    def _range(self, vector: int) -> float:
        return max(self.vectors[vector][1], FLOOR, SHARE_OF_ALL * (self.high - self.low))

    @property
    def passed(self) -> bool:
        return self.bit_exact or self.relative <= tolerance(self.dtype)

    @property
    def cosine(self) -> float | None:
        """Cosine of the angle between both; None when one of them is zero."""
        product = math.sqrt(self.norm_got) * math.sqrt(self.norm_wanted)
        return max(-1.0, min(1.0, self.dot / product)) if product > 0 else None


def _sway(wanted: Array, shaken: Array | None) -> float:
    """The range that a sensitive tensor is given; 0 for integers, which do not sway but jump."""
    if shaken is None or wanted.dtype.kind != "f" or shaken.shape != wanted.shape:
        return 0.0
    change = np.abs(shaken.astype(np.float64) - wanted.astype(np.float64))
    return SENSITIVITY * float(change[np.isfinite(change)].max(initial=0.0))


def shake(vectors: Sequence[Mapping[str, Array]], seed: int = 0) -> list[dict[str, Array]]:
    """The vectors with every float element moved up or down by `SHAKE` of the input's largest value."""
    rng = np.random.default_rng(seed)
    reach = {
        name: max(float(np.abs(vector[name][np.isfinite(vector[name])]).max(initial=0.0)) for vector in vectors)
        for name, array in (vectors[0].items() if vectors else ())
        if array.dtype.kind == "f"
    }

    def moved(x: Array, amount: float) -> Array:
        steps = amount * rng.choice([-1.0, 1.0], x.shape)
        return np.asarray(x.astype(np.float64) + steps).astype(x.dtype)

    return [
        {name: moved(x, SHAKE * reach[name]) if name in reach else x for name, x in vector.items()}
        for vector in vectors
    ]


def layer_error(differences: Iterable[Difference]) -> LayerError | None:
    """The outputs of one layer together, as the report shows them; None when nothing could be compared."""
    parts = list(differences)
    if not parts:
        return None
    noise, signal = sum(d.noise for d in parts), sum(d.norm_wanted for d in parts)
    cosines = [d.cosine for d in parts if d.cosine is not None]
    return LayerError(
        max_abs=max(d.max_abs for d in parts),
        mean_abs=sum(d.sum_abs for d in parts) / max(1, sum(d.count for d in parts)),
        cosine=min(cosines, default=None),
        sqnr_db=10 * math.log10(signal / noise) if noise > 0 and signal > 0 else None,
    )
