"""Arithmetic with broadcasting; Sum, Mean, Min and Max of any number of operands become chains.

Integers wrap, their division truncates and gives 0 for a zero divisor. Min and Max of floats give NaN when either
operand is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array
from compiler.loop import math, rounding
from compiler.loop.nodes import Cast, Compare, Expr, Select, select
from compiler.ops.base import Reader, expect
from compiler.ops.cast import converted
from compiler.ops.elementwise import Elementwise, aligned_operands

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel


_OF_ANY_NUMBER = ("Sum", "Mean", "Min", "Max")


@dataclass(frozen=True)
class Arithmetic(Elementwise):
    """Two operands; ONNX spells some of them with any number."""

    arity = 2
    dtypes = FLOATS | INTEGERS

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        expect(len(r.inputs) == 2 or r.op_type in _OF_ANY_NUMBER, "E0304", f"{r.op_type} takes 2 operands")
        cls.check(r)
        total, *rest = aligned_operands(r)
        assert total is not None
        for value in rest:
            total = r.add(cls(), total, value)
        if r.op_type == "Mean" and rest:
            count = np.asarray(len(r.inputs)).astype(total.type.dtype)
            total = r.add(Div(), total, r.const(count, "count"))
        return total


@dataclass(frozen=True)
class Add(Arithmetic):
    onnx = ("Add", "Sum", "Mean")

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return x[0] + x[1]

    def reference(self, x: Array, y: Array) -> Array:
        return x + y


@dataclass(frozen=True)
class Sub(Arithmetic):
    onnx = ("Sub",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return x[0] - x[1]

    def reference(self, x: Array, y: Array) -> Array:
        return x - y


@dataclass(frozen=True)
class Mul(Arithmetic):
    onnx = ("Mul",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return x[0] * x[1]

    def reference(self, x: Array, y: Array) -> Array:
        return x * y


@dataclass(frozen=True)
class Div(Arithmetic):
    onnx = ("Div",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return x[0] / x[1]

    def reference(self, x: Array, y: Array) -> Array:
        return x / y if x.dtype.kind == "f" else truncated_division(x, y)


@dataclass(frozen=True)
class Mod(Arithmetic):
    """x - n*y: with the sign of y (n is x/y rounded down), or with `fmod` the sign of x (n is truncated)."""

    fmod: bool = False
    onnx = ("Mod",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        a, b = x
        r = k.let("r", rounding.fmod(a, b) if a.type.is_float else a % b)
        if self.fmod or a.type.kind == "u":
            return r
        return select(r.ne(0) & (r < 0).ne(b < 0), r + b, r)

    def reference(self, x: Array, y: Array) -> Array:
        if x.dtype.kind == "f":
            return np.fmod(x, y) if self.fmod else np.mod(x, y)
        safe = np.where(y == 0, 1, y).astype(y.dtype)
        return np.where(y == 0, 0, np.fmod(x, safe) if self.fmod else np.mod(x, safe))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        cls.check(r)
        return r.add(cls(bool(r.attr("fmod", 0))), *r.inputs)


@dataclass(frozen=True)
class Pow(Arithmetic):
    """x to the power of y, in the type of x; y may have another."""

    onnx = ("Pow",)

    def result(self, *dtypes: str) -> str:
        return dtypes[0]

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        base, exponent = x
        if base.type == exponent.type:
            return math.power(base, exponent)
        if not base.type.is_float and not exponent.type.is_float:
            return math.power(base, Cast(exponent, base.type))
        if base.type.is_float:
            return math.power(base, Cast(exponent, base.type))
        return Cast(math.power(Cast(base, exponent.type), exponent), base.type)

    def reference(self, x: Array, y: Array) -> Array:
        if x.dtype.kind == "f":
            return np.asarray(np.power(x, y.astype(x.dtype)))
        if y.dtype.kind == "f":
            return converted(np.power(x.astype(y.dtype), y), str(x.dtype))
        whole = np.power(x, np.maximum(y, 0).astype(x.dtype))
        unit = np.where(x == -1, np.where(y % 2 != 0, -1, 1), np.where(x == 1, 1, 0)) if x.dtype.kind == "i" else whole
        return np.where(y < 0, unit, whole).astype(x.dtype)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        """A constant exponent takes the base's type: it may then need no function."""
        cls.check(r)
        base, exponent = aligned_operands(r)
        known = r.known(1)
        if known is not None and r.type().dtype in FLOATS and exponent is not None:
            exponent = r.const(known.astype(r.type().dtype).reshape(exponent.shape))
        return r.add(cls(), base, exponent)


@dataclass(frozen=True)
class Min(Arithmetic):
    onnx = ("Min",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        if not x[0].type.is_float:
            return select(x[0] < x[1], x[0], x[1])
        return Select(Compare("lt", x[0], x[1]), x[0], Select(Compare("ne", x[0], x[0]), x[0], x[1]))

    def reference(self, x: Array, y: Array) -> Array:
        return np.minimum(x, y)


@dataclass(frozen=True)
class Max(Arithmetic):
    onnx = ("Max",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        if not x[0].type.is_float:
            return select(x[0] > x[1], x[0], x[1])
        return Select(Compare("gt", x[0], x[1]), x[0], Select(Compare("ne", x[0], x[0]), x[0], x[1]))

    def reference(self, x: Array, y: Array) -> Array:
        return np.maximum(x, y)


def truncated_division(x: Array, y: Array) -> Array:
    """Integers, towards zero; a zero divisor gives 0."""
    safe = np.where(y == 0, 1, y).astype(y.dtype)
    quotient = x // safe
    rest = x - quotient * safe
    up = (rest != 0) & ((x < 0) != (safe < 0))
    return np.where(y == 0, 0, quotient + up).astype(x.dtype)
