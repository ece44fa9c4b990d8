"""The activations that recurrent cells name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array
from compiler.loop import math
from compiler.loop.nodes import Expr, Unary, const, maximum, minimum, select
from compiler.ops.base import expect

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel

# name -> alpha and beta where the node gives none
DEFAULTS = {
    "Relu": (0.0, 0.0), "Tanh": (0.0, 0.0), "Sigmoid": (0.0, 0.0), "Affine": (1.0, 0.0), "LeakyRelu": (0.01, 0.0),
    "ThresholdedRelu": (1.0, 0.0), "ScaledTanh": (1.0, 1.0), "HardSigmoid": (0.2, 0.5), "Elu": (1.0, 0.0),
    "Softsign": (0.0, 0.0), "Softplus": (0.0, 0.0),
}  # fmt: skip
_TAKES = {
    "Affine": 2, "LeakyRelu": 1, "ThresholdedRelu": 1, "ScaledTanh": 2, "HardSigmoid": 2, "Elu": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Activation:
    """A function of one number by its ONNX name."""

    name: str
    alpha: float = 0.0
    beta: float = 0.0

    def scalar(self, k: Kernel, x: Expr) -> Expr:
        x = k.let("p", x)
        match self.name:
            case "Relu":
                return select(x < 0.0, 0.0, x)
            case "Tanh":
                return math.tanh(x)
            case "Sigmoid":
                return math.sigmoid(x)
            case "Affine":
                return x * self.alpha + self.beta
            case "LeakyRelu":
                return select(x < 0.0, x * self.alpha, x)
            case "ThresholdedRelu":
                return select(x > self.alpha, x, 0.0)
            case "ScaledTanh":
                return math.tanh(x * self.beta) * self.alpha
            case "HardSigmoid":
                return minimum(maximum(x * self.alpha + self.beta, 0.0), 1.0)
            case "Elu":
                return select(x < 0.0, (math.exp(x) - 1.0) * self.alpha, x)
            case "Softsign":
                return x / (Unary("abs", x) + 1.0)
            case _:  # Softplus, without overflow
                a = k.let("a", math.exp(-Unary("abs", x)))
                return maximum(x, const(0.0, x.type)) + math.log_(a + 1.0)

    def reference(self, x: Array) -> Array:
        """In float64."""
        with np.errstate(all="ignore"):
            match self.name:
                case "Relu":
                    y = np.maximum(x, 0)
                case "Tanh":
                    y = np.tanh(x)
                case "Sigmoid":
                    y = 1 / (1 + np.exp(-x))
                case "Affine":
                    y = x * self.alpha + self.beta
                case "LeakyRelu":
                    y = np.where(x < 0, x * self.alpha, x)
                case "ThresholdedRelu":
                    y = np.where(x > self.alpha, x, 0)
                case "ScaledTanh":
                    y = self.alpha * np.tanh(self.beta * x)
                case "HardSigmoid":
                    y = np.clip(x * self.alpha + self.beta, 0, 1)
                case "Elu":
                    y = np.where(x < 0, self.alpha * (np.exp(x) - 1), x)
                case "Softsign":
                    y = x / (1 + np.abs(x))
                case _:
                    y = np.logaddexp(0, x)
        return np.asarray(y)


def read_activations(
    names: Sequence[str], alphas: Sequence[float], betas: Sequence[float], count: int
) -> tuple[Activation, ...]:
    """The activations of a node; alphas and betas are listed for those that take them."""
    by_lower = {n.lower(): n for n in DEFAULTS}
    expect(len(names) == count, "E0311", f"{len(names)} activations for a cell that takes {count}")
    left = list(alphas), list(betas)
    found = []
    for given in names:
        name = by_lower.get(given.lower(), "")
        expect(bool(name), "E0311", f"there is no activation {given[:40]!r}")
        values = list(DEFAULTS[name])
        for place in range(_TAKES.get(name, 0)):
            if left[place]:
                values[place] = float(left[place].pop(0))
        found.append(Activation(name, *values))
    return tuple(found)
