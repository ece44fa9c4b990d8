"""Activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array
from compiler.loop import math
from compiler.loop.nodes import F32, Cast, Expr, Unary, maximum, minimum, select
from compiler.ops.arithmetic import Max, Min
from compiler.ops.base import Reader, expect
from compiler.ops.cast import converted
from compiler.ops.elementwise import Elementwise
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel

_erf: Callable[[Array], Array] = np.vectorize(erf, otypes=[np.float64])


@dataclass(frozen=True)
class Relu(Elementwise):
    """max(x, 0); a NaN stays."""

    dtypes = FLOATS | INTEGERS
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
        return np.where(x < 0, x * x.dtype.type(self.alpha), x)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(float(r.attr("alpha", 0.01))), r.inputs[0])


@dataclass(frozen=True)
class PRelu(Elementwise):
    """x or slope * x; the slope is an operand."""

    arity = 2
    dtypes = FLOATS | INTEGERS
    onnx = ("PRelu",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return select(x[0] < 0.0, x[0] * x[1], x[0])

    def reference(self, x: Array, slope: Array) -> Array:
        return np.where(x < 0, x * slope, x)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        """Before opset 7 one slope for each channel was meant, wherever the channels lie."""
        cls.check(r)
        x, slope = r.type(0), r.type(1)
        if r.opset < 7 and slope.rank == 1 and slope.elements > 1 and x.rank > 2:
            return r.add(cls(), r.inputs[0], r.add(Reshape((slope.elements, *(1,) * (x.rank - 2))), r.inputs[1]))
        return r.add(cls(), *r.inputs)


@dataclass(frozen=True)
class Clip(Elementwise):
    """min(max(x, low), high) with bounds that are known; where low > high the result is high. A NaN stays."""

    low: float = -np.inf
    high: float = np.inf
    dtypes = FLOATS | INTEGERS
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
        low, high = (np.asarray(v).astype(x.dtype) for v in (self.low, self.high))
        bounded = np.maximum(x, low) if self.low > -np.inf else x
        return np.minimum(bounded, high) if self.high < np.inf else bounded

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        """Bounds that are computed at run time, and of integers, are a Max and a Min."""
        cls.check(r)
        if r.opset < 11:
            return r.add(cls(_f32(r.attr("min", -np.inf)), _f32(r.attr("max", np.inf))), r.inputs[0])
        for i in (1, 2):
            if r.has(i):
                expect(r.type(i).elements == 1, "E0301", f"a bound of Clip is {r.type(i)}")
        known = all(r.known(i) is not None for i in (1, 2) if r.has(i))
        if known and r.type().dtype == "float32":
            low, high = (r.constant(i).item() if r.has(i) else v for i, v in ((1, -np.inf), (2, np.inf)))
            return r.add(cls(_f32(low), _f32(high)), r.inputs[0])
        x = r.value(0)
        x = r.add(Max(), x, r.inputs[1]) if r.has(1) else x
        return r.add(Min(), x, r.inputs[2]) if r.has(2) else x


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
        return _clipped(x * x.dtype.type(self.alpha) + x.dtype.type(self.beta))

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
        return x * _clipped(x * x.dtype.type(1 / 6) + x.dtype.type(0.5))


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
class Selu(Elementwise):
    """gamma * x, below 0 gamma * alpha * (exp(x) - 1); the constants are those of Klambauer et al., 2017."""

    alpha: float = 1.6732632
    gamma: float = 1.050701
    onnx = ("Selu",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        below = (math.exp(minimum(x[0], 0.0)) - 1.0) * (self.gamma * self.alpha)
        return select(x[0] < 0.0, below, x[0] * self.gamma)

    def reference(self, x: Array) -> Array:
        below = self.gamma * self.alpha * np.expm1(np.minimum(x, 0))
        return np.where(x < 0, below, self.gamma * x).astype(x.dtype)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        alpha = 1.6732 if r.opset < 6 else 1.6732631921768188
        gamma = 1.0507 if r.opset < 6 else 1.0507010221481323
        return r.add(cls(_f32(r.attr("alpha", alpha)), _f32(r.attr("gamma", gamma))), r.inputs[0])


@dataclass(frozen=True)
class Shrink(Elementwise):
    """x + bias below -lambd, x - bias above lambd, 0 between."""

    lambd: float = 0.5
    bias: float = 0.0
    dtypes = FLOATS | INTEGERS
    onnx = ("Shrink",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        value = x[0] if x[0].type.is_float else Cast(x[0], F32)
        result = select(value < -self.lambd, value + self.bias, select(value > self.lambd, value - self.bias, 0.0))
        return result if x[0].type.is_float else Cast(result, x[0].type)

    def reference(self, x: Array) -> Array:
        wide = x if x.dtype.kind == "f" else x.astype(np.float32)
        bias = wide.dtype.type(self.bias)
        y = np.where(wide < -self.lambd, wide + bias, np.where(wide > self.lambd, wide - bias, wide.dtype.type(0)))
        return converted(y, str(x.dtype))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        cls.check(r)
        return r.add(cls(_f32(r.attr("lambd", 0.5)), _f32(r.attr("bias", 0.0))), r.inputs[0])


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


def _unit(k: Kernel, x: Expr) -> Expr:
    """clip(x, 0, 1), keeping a NaN"""
    t = k.let("t", x)
    return select(t < 0.0, 0.0, select(t > 1.0, 1.0, t))


def _clipped(x: Array) -> Array:
    """clip(x, 0, 1) in numpy"""
    return np.asarray(np.minimum(np.maximum(x, x.dtype.type(0)), x.dtype.type(1)))


def _f32(value: Any) -> float:
    return float(np.float32(value))
