"""Comparisons and the choice between two tensors."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import DTYPES, FLOATS, Array
from compiler.loop.nodes import I1, Compare, CompareOp, Expr, const, select
from compiler.ops.base import Reader, expect
from compiler.ops.elementwise import Elementwise

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel

ALL = frozenset(DTYPES)


class Predicate(Elementwise):
    """The result is bool, which cannot lie over wider operands."""

    def in_place(self) -> tuple[int, ...]:
        return ()


@dataclass(frozen=True)
class Comparison(Predicate):
    """Two operands of one type; false where a NaN takes part."""

    arity = 2
    dtypes = ALL
    how: ClassVar[CompareOp]
    numpy: ClassVar[np.ufunc]

    def result(self, *dtypes: str) -> str:
        super().result(*dtypes)
        return "bool"

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return Compare(self.how, x[0], x[1])

    def reference(self, x: Array, y: Array) -> Array:
        return np.asarray(type(self).numpy(x, y))


@dataclass(frozen=True)
class Equal(Comparison):
    onnx = ("Equal",)
    how, numpy = "eq", np.equal


@dataclass(frozen=True)
class Less(Comparison):
    onnx = ("Less",)
    how, numpy = "lt", np.less


@dataclass(frozen=True)
class LessOrEqual(Comparison):
    onnx = ("LessOrEqual",)
    how, numpy = "le", np.less_equal


@dataclass(frozen=True)
class Greater(Comparison):
    onnx = ("Greater",)
    how, numpy = "gt", np.greater


@dataclass(frozen=True)
class GreaterOrEqual(Comparison):
    onnx = ("GreaterOrEqual",)
    how, numpy = "ge", np.greater_equal


@dataclass(frozen=True)
class IsNaN(Predicate):
    onnx = ("IsNaN",)

    def result(self, *dtypes: str) -> str:
        return "bool"

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return Compare("ne", x[0], x[0])

    def reference(self, x: Array) -> Array:
        return np.isnan(x)


@dataclass(frozen=True)
class IsInf(Predicate):
    """Is it infinite, of a sign that is asked for?"""

    negative: bool = True
    positive: bool = True
    onnx = ("IsInf",)

    def result(self, *dtypes: str) -> str:
        return "bool"

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        low = x[0].eq(-inf) if self.negative else const(0, I1)
        return low | x[0].eq(inf) if self.positive else low

    def reference(self, x: Array) -> Array:
        return (np.isneginf(x) & self.negative) | (np.isposinf(x) & self.positive)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        cls.check(r)
        return r.add(cls(bool(r.attr("detect_negative", 1)), bool(r.attr("detect_positive", 1))), *r.inputs)


@dataclass(frozen=True)
class Where(Elementwise):
    """x where the condition holds, else y."""

    arity = 3
    dtypes = ALL
    onnx = ("Where",)

    def result(self, *dtypes: str) -> str:
        expect(dtypes[0] == "bool", "E0305", f"the condition of Where has type {dtypes[0]}")
        return super().result(*dtypes[1:])

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return select(x[0], x[1], x[2])

    def reference(self, condition: Array, x: Array, y: Array) -> Array:
        return np.where(condition.astype(bool), x, y)


@dataclass(frozen=True)
class Sign(Elementwise):
    """1, 0 or -1; a NaN stays."""

    dtypes = FLOATS | frozenset(d for d in DTYPES if "int" in d)
    onnx = ("Sign",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        one = const(1, x[0].type)
        if x[0].type.kind == "u":
            return select(x[0] > 0, one, 0, like=x[0].type)
        return select(x[0] > 0, one, select(x[0] < 0, -1, x[0]))

    def reference(self, x: Array) -> Array:
        return np.sign(x)
