"""The numbers a tensor can take once it is quantised: real = scale * (stored - zero)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.graph.types import Array, Quant

SMALLEST = 2.0**-60  # of a scale; a tensor of zeros needs one, too
LARGEST = 2.0**60


@dataclass(frozen=True)
class Grid:
    """`scale` is a float32 value; `low` and `high` are the stored numbers in use."""

    dtype: str
    scale: float
    zero: int
    low: int
    high: int

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest real number."""
        return (self.low - self.zero) * self.scale, (self.high - self.zero) * self.scale

    @property
    def quant(self) -> Quant:
        return Quant((self.scale,), (self.zero,))

    def stored(self, x: Array) -> Array:
        """The nearest stored numbers, as the operator Quantize computes them."""
        whole = np.rint(np.asarray(x, np.float32) / np.float32(self.scale)) + self.zero
        return np.asarray(np.clip(whole, self.low, self.high)).astype(self.dtype)

    def real(self, stored: Array) -> Array:
        return ((stored.astype(np.int32) - self.zero) * np.float32(self.scale)).astype(np.float32)

    def rounded(self, x: Array) -> Array:
        """What is left of x."""
        return self.real(self.stored(x))


def int8_grid(low: float, high: float) -> Grid:
    """The int8 grid that spans [low, high] and 0; 0 is a stored number, so that padding and ReLU are exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = _scale((high - low) / 255)
    zero = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return Grid("int8", scale, zero, -128, 127)


def int16_grid(low: float, high: float) -> Grid:
    """Symmetric, as operators with 16-bit activations expect it."""
    return Grid("int16", _scale(max(abs(low), abs(high)) / 32767), 0, -32768, 32767)


SOFTMAX = Grid("int8", 1 / 256, -128, -128, 127)  # [0, 255/256]: what every int8 softmax in the field answers in


def _scale(value: float) -> float:
    return float(np.float32(np.clip(value, SMALLEST, LARGEST)))


def weight_scales(w: Array, clip: Array | float = 1.0) -> Array:
    """For each output channel (axis 0) the symmetric scale that reaches `clip` of its largest weight with ±127."""
    largest = np.abs(w.reshape(w.shape[0], -1)).max(axis=1, initial=0.0).astype(np.float64)
    return np.asarray(np.clip(largest * clip / 127, SMALLEST, LARGEST)).astype(np.float32)


def along_first(scales: Array, rank: int) -> Array:
    """One number for each output channel, in a shape that broadcasts over the weights."""
    return scales.reshape(-1, *[1] * (rank - 1))


def weight_numbers(w: Array, scales: Array) -> Array:
    """The nearest int8 weights; -128 stays unused, so that sign-magnitude hardware and symmetric kernels fit."""
    return np.asarray(np.clip(np.rint(w / along_first(scales, w.ndim)), -127, 127)).astype(np.int8)
