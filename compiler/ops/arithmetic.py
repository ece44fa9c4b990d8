"""Binary arithmetic with broadcasting; Sum, Min and Max of any number of operands become chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array
from compiler.loop import math
from compiler.loop.nodes import Compare, Expr, Select
from compiler.ops.base import Reader, expect
from compiler.ops.elementwise import Elementwise

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel


_OF_ANY_NUMBER = ("Sum", "Min", "Max")


@dataclass(frozen=True)
class Arithmetic(Elementwise):
    """Two operands; ONNX spells some of them with any number."""

    arity = 2

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        expect(len(r.inputs) == 2 or r.op_type in _OF_ANY_NUMBER, "E0304", f"{r.op_type} takes 2 operands")
        if any(r.type(i).dtype != "float32" for i in range(len(r.inputs))):
            kinds = sorted({r.type(i).dtype for i in range(len(r.inputs))})
            raise r.unsupported(f"{r.op_type} of {', '.join(kinds)} has no kernel", "cast the operands to float32")
        total = r.value(0)
        for value in r.inputs[1:]:
            total = r.add(cls(), total, value)
        return total


@dataclass(frozen=True)
class Add(Arithmetic):
    onnx = ("Add", "Sum")

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
        return x / y


@dataclass(frozen=True)
class Pow(Arithmetic):
    onnx = ("Pow",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return math.power(x[0], x[1])

    def reference(self, x: Array, y: Array) -> Array:
        return np.power(x, y)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        """The exponent may have another type than the base; as a constant it is converted."""
        exponent = r.known(1)
        if exponent is not None and r.type().dtype == "float32" and exponent.dtype != np.float32:
            return r.add(cls(), r.inputs[0], r.const(exponent.astype(np.float32)))
        return super().from_onnx(r)


@dataclass(frozen=True)
class Min(Arithmetic):
    """The smaller; NaN when either is."""

    onnx = ("Min",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return Select(Compare("lt", x[0], x[1]), x[0], Select(Compare("ne", x[0], x[0]), x[0], x[1]))

    def reference(self, x: Array, y: Array) -> Array:
        return np.minimum(x, y)


@dataclass(frozen=True)
class Max(Arithmetic):
    """The larger; NaN when either is."""

    onnx = ("Max",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return Select(Compare("gt", x[0], x[1]), x[0], Select(Compare("ne", x[0], x[0]), x[0], x[1]))

    def reference(self, x: Array, y: Array) -> Array:
        return np.maximum(x, y)
