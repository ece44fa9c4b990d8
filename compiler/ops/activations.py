"""Elementwise activations and unary mathematics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import Array
from compiler.loop import math
from compiler.loop.nodes import Expr, Unary, const, maximum, minimum, select
from compiler.ops.base import Reader
from compiler.ops.elementwise import Elementwise

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel

_erf: Callable[[Array], Array] = np.vectorize(erf, otypes=[np.float64])


@dataclass(frozen=True)
class Relu(Elementwise):
    """max(x, 0); a NaN stays."""

    onnx = ("Relu",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return select(x[0] < 0.0, 0.0, x[0])

    def reference(self, x: Array) -> Array:
        return np.maximum(x, 0)


@dataclass(frozen=True)
class LeakyRelu(Elementwise):
    alpha: float = 0.01
    onnx = ("LeakyRelu",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return select(x[0] < 0.0, x[0] * self.alpha, x[0])

    def reference(self, x: Array) -> Array:
        return np.where(x < 0, x * np.float32(self.alpha), x)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(float(r.attr("alpha", 0.01))), r.inputs[0])


@dataclass(frozen=True)
class PRelu(Elementwise):
    """x or slope * x; the slope is an operand."""

    arity = 2
    onnx = ("PRelu",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return select(x[0] < 0.0, x[0] * x[1], x[0])

    def reference(self, x: Array, slope: Array) -> Array:
        return np.where(x < 0, x * slope, x)


@dataclass(frozen=True)
class Clip(Elementwise):
    """min(max(x, low), high); where low > high the result is high, as in ONNX. A NaN stays."""

    low: float = -np.inf
    high: float = np.inf
    onnx = ("Clip",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        value = x[0]
        if self.low > -np.inf:
            value = select(value < self.low, self.low, value)
        if self.high < np.inf:
            value = k.let("t", value)
            value = select(value > self.high, self.high, value)
        return value

    def reference(self, x: Array) -> Array:
        return np.minimum(np.maximum(x, np.float32(self.low)), np.float32(self.high))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.type().dtype != "float32":
            raise r.unsupported(f"Clip of {r.type().dtype} has no kernel", "cast the input to float32")
        if r.opset < 11:
            return r.add(cls(_f32(r.attr("min", -np.inf)), _f32(r.attr("max", np.inf))), r.inputs[0])
        low = r.constant(1).item() if r.has(1) else -np.inf
        high = r.constant(2).item() if r.has(2) else np.inf
        return r.add(cls(_f32(low), _f32(high)), r.inputs[0])


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    onnx = ("Sigmoid",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return math.sigmoid(x[0])

    def reference(self, x: Array) -> Array:
        wide = 1.0 / (1.0 + np.exp(-x.astype(np.float64)))
        return wide.astype(x.dtype)


@dataclass(frozen=True)
class Tanh(Elementwise):
    onnx = ("Tanh",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return math.tanh(x[0])

    def reference(self, x: Array) -> Array:
        return np.tanh(x)


@dataclass(frozen=True)
class HardSigmoid(Elementwise):
    """clip(alpha * x + beta, 0, 1)"""

    alpha: float = 0.2
    beta: float = 0.5
    onnx = ("HardSigmoid",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return _unit(k, x[0] * self.alpha + self.beta)

    def reference(self, x: Array) -> Array:
        return _clipped(x * np.float32(self.alpha) + np.float32(self.beta))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(_f32(r.attr("alpha", 0.2)), _f32(r.attr("beta", 0.5))), r.inputs[0])


@dataclass(frozen=True)
class HardSwish(Elementwise):
    """x * clip(x / 6 + 1 / 2, 0, 1)"""

    onnx = ("HardSwish",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return x[0] * _unit(k, x[0] * _f32(1 / 6) + 0.5)

    def reference(self, x: Array) -> Array:
        return x * _clipped(x * np.float32(1 / 6) + np.float32(0.5))


@dataclass(frozen=True)
class Elu(Elementwise):
    """alpha * (exp(x) - 1) below 0"""

    alpha: float = 1.0
    onnx = ("Elu",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return select(x[0] < 0.0, (math.exp(minimum(x[0], 0.0)) - 1.0) * self.alpha, x[0])

    def reference(self, x: Array) -> Array:
        return np.where(x < 0, self.alpha * np.expm1(np.minimum(x, 0)), x).astype(x.dtype)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(_f32(r.attr("alpha", 1.0))), r.inputs[0])


@dataclass(frozen=True)
class Gelu(Elementwise):
    """x/2 * (1 + erf(x / sqrt 2)), or its tanh approximation."""

    tanh: bool = False
    onnx = ("Gelu",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        if self.tanh:
            inner = (x[0] * x[0] * x[0] * 0.044715 + x[0]) * sqrt(2 / np.pi)
            return x[0] * 0.5 * (math.tanh(inner) + 1.0)
        return x[0] * 0.5 * (math.erf(x[0] * sqrt(0.5)) + 1.0)

    def reference(self, x: Array) -> Array:
        wide = x.astype(np.float64)
        if self.tanh:
            gate = np.tanh(sqrt(2 / np.pi) * (wide + 0.044715 * wide**3))
        else:
            gate = _erf(wide * sqrt(0.5))
        y: Array = 0.5 * wide * (1 + gate)
        return y.astype(x.dtype)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(r.attr("approximate", "none") == "tanh"), r.inputs[0])


@dataclass(frozen=True)
class Softplus(Elementwise):
    """ln(1 + exp(x)), without overflow."""

    onnx = ("Softplus",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        tail = math.log_(math.exp(-Unary("abs", x[0])) + 1.0)
        return maximum(x[0], 0.0) + tail

    def reference(self, x: Array) -> Array:
        wide: Array = np.logaddexp(0, x.astype(np.float64))
        return wide.astype(x.dtype)


@dataclass(frozen=True)
class Softsign(Elementwise):
    """x / (1 + |x|)"""

    onnx = ("Softsign",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return x[0] / (Unary("abs", x[0]) + 1.0)

    def reference(self, x: Array) -> Array:
        y: Array = x / (1 + np.abs(x))
        return y


@dataclass(frozen=True)
class Erf(Elementwise):
    onnx = ("Erf",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return math.erf(x[0])

    def reference(self, x: Array) -> Array:
        wide: Array = _erf(x)
        return wide.astype(x.dtype)


@dataclass(frozen=True)
class Exp(Elementwise):
    onnx = ("Exp",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return math.exp(x[0])

    def reference(self, x: Array) -> Array:
        return np.exp(x)


@dataclass(frozen=True)
class Log(Elementwise):
    onnx = ("Log",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return math.log_(x[0])

    def reference(self, x: Array) -> Array:
        return np.log(x)


@dataclass(frozen=True)
class Sqrt(Elementwise):
    onnx = ("Sqrt",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return Unary("sqrt", x[0])

    def reference(self, x: Array) -> Array:
        return np.sqrt(x)


@dataclass(frozen=True)
class Neg(Elementwise):
    onnx = ("Neg",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return -x[0]

    def reference(self, x: Array) -> Array:
        return -x


@dataclass(frozen=True)
class Abs(Elementwise):
    onnx = ("Abs",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return Unary("abs", x[0])

    def reference(self, x: Array) -> Array:
        return np.abs(x)


@dataclass(frozen=True)
class Reciprocal(Elementwise):
    onnx = ("Reciprocal",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return const(1.0, x[0].type) / x[0]

    def reference(self, x: Array) -> Array:
        return np.float32(1) / x


def _unit(k: Kernel, x: Expr) -> Expr:
    """clip(x, 0, 1), keeping a NaN"""
    t = k.let("t", x)
    return select(t < 0.0, 0.0, select(t > 1.0, 1.0, t))


def _clipped(x: Array) -> Array:
    """clip(x, 0, 1) in numpy"""
    return np.minimum(np.maximum(x, np.float32(0)), np.float32(1))


def _f32(value: Any) -> float:
    return float(np.float32(value))
