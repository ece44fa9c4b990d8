"""Requantize: integer sums become stored integers again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array
from compiler.loop.nodes import I32, Cast, Expr, maximum, minimum
from compiler.loop.storage import compute_type
from compiler.ops.base import expect
from compiler.ops.elementwise import Elementwise
from compiler.quant.fixed_point import Rounding, requantize, requantized

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel

SUMS = frozenset({"int32", "int64"})


@dataclass(frozen=True)
class Requantize(Elementwise):
    """clamp(round(sum * factor) + zero, low, high). Operands: sums, multiplier, shift (quant/fixed_point.py)."""

    to: str = "int8"
    zero: int = 0
    low: int = -128
    high: int = 127
    rounding: Rounding = "single"
    arity = 3
    dtypes = SUMS

    def result(self, *dtypes: str) -> str:
        fits = dtypes[0] in SUMS and set(dtypes[1:]) == {"int32"}
        expect(fits, "E0305", f"Requantize of {', '.join(dtypes)}")
        return self.to

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        sums, multiplier, shift = x
        value = requantized(k, sums, multiplier, shift, self.rounding)
        moved = k.let("q", Cast(value, I32) + self.zero)
        return Cast(minimum(maximum(moved, self.low), self.high), compute_type(self.to))

    def reference(self, sums: Array, multiplier: Array, shift: Array) -> Array:
        value = requantize(sums, multiplier, shift, self.rounding).astype(np.int64)
        moved = (value + self.zero).astype(np.int32)  # wraps, as the loops do
        return np.clip(moved, self.low, self.high).astype(self.to)
