"""Mathematical functions of one operand, element by element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array
from compiler.loop import math, rounding, trigonometry
from compiler.loop.nodes import Expr, Unary, const
from compiler.ops.elementwise import Elementwise

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel

_erf: Callable[[Array], Array] = np.vectorize(erf, otypes=[np.float64])


@dataclass(frozen=True)
class Erf(Elementwise):
    dtypes = FLOATS | INTEGERS
    onnx = ("Erf",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return math.erf(x[0])

    def reference(self, x: Array) -> Array:
        wide: Array = _erf(x) if x.size else x
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
    dtypes = FLOATS | INTEGERS
    onnx = ("Neg",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return -x[0]

    def reference(self, x: Array) -> Array:
        return -x


@dataclass(frozen=True)
class Abs(Elementwise):
    dtypes = FLOATS | INTEGERS
    onnx = ("Abs",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return x[0] if x[0].type.kind == "u" else Unary("abs", x[0])

    def reference(self, x: Array) -> Array:
        return np.abs(x)


@dataclass(frozen=True)
class Reciprocal(Elementwise):
    onnx = ("Reciprocal",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return const(1.0, x[0].type) / x[0]

    def reference(self, x: Array) -> Array:
        return np.ones((), x.dtype) / x


@dataclass(frozen=True)
class Floor(Elementwise):
    onnx = ("Floor",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return rounding.floor(x[0])

    def reference(self, x: Array) -> Array:
        return np.floor(x)


@dataclass(frozen=True)
class Ceil(Elementwise):
    onnx = ("Ceil",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return rounding.ceil(x[0])

    def reference(self, x: Array) -> Array:
        return np.ceil(x)


@dataclass(frozen=True)
class Round(Elementwise):
    """The nearest whole number, ties to even."""

    onnx = ("Round",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return rounding.rint(x[0])

    def reference(self, x: Array) -> Array:
        return np.rint(x)


@dataclass(frozen=True)
class Trigonometric(Elementwise):
    """A function of `loop/trigonometry.py`."""

    function: ClassVar[str]
    numpy: ClassVar[np.ufunc]

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return trigonometry.function(self.function, x[0])

    def reference(self, x: Array) -> Array:
        return np.asarray(type(self).numpy(x))


@dataclass(frozen=True)
class Sin(Trigonometric):
    onnx = ("Sin",)
    function, numpy = "sin", np.sin


@dataclass(frozen=True)
class Cos(Trigonometric):
    onnx = ("Cos",)
    function, numpy = "cos", np.cos


@dataclass(frozen=True)
class Tan(Trigonometric):
    onnx = ("Tan",)
    function, numpy = "tan", np.tan


@dataclass(frozen=True)
class Asin(Trigonometric):
    onnx = ("Asin",)
    function, numpy = "asin", np.arcsin


@dataclass(frozen=True)
class Acos(Trigonometric):
    onnx = ("Acos",)
    function, numpy = "acos", np.arccos


@dataclass(frozen=True)
class Atan(Trigonometric):
    onnx = ("Atan",)
    function, numpy = "atan", np.arctan


@dataclass(frozen=True)
class Sinh(Trigonometric):
    onnx = ("Sinh",)
    function, numpy = "sinh", np.sinh


@dataclass(frozen=True)
class Cosh(Trigonometric):
    onnx = ("Cosh",)
    function, numpy = "cosh", np.cosh


@dataclass(frozen=True)
class Asinh(Trigonometric):
    onnx = ("Asinh",)
    function, numpy = "asinh", np.arcsinh


@dataclass(frozen=True)
class Acosh(Trigonometric):
    onnx = ("Acosh",)
    function, numpy = "acosh", np.arccosh


@dataclass(frozen=True)
class Atanh(Trigonometric):
    onnx = ("Atanh",)
    function, numpy = "atanh", np.arctanh
