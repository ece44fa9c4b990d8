"""BiasGelu, which ONNX Runtime's optimiser writes for transformers: Gelu behind the bias of a Dense."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array
from compiler.loop import math
from compiler.loop.nodes import Expr
from compiler.ops.elementwise import Elementwise

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel


@dataclass(frozen=True)
class BiasGelu(Elementwise):
    """z/2 * (1 + erf(z / sqrt 2)) with z = x + bias"""

    arity = 2
    onnx = ("com.microsoft:BiasGelu",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        z = k.let("z", x[0] + x[1])
        return z * 0.5 * (math.erf(z * sqrt(0.5)) + 1.0)

    def reference(self, x: Array, bias: Array) -> Array:
        z = (x + bias).astype(np.float64)
        gate = np.vectorize(erf, otypes=[np.float64])(z * sqrt(0.5)) if z.size else z
        y: Array = (0.5 * z * (1 + gate)).astype(x.dtype)
        return y
