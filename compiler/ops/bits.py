"""Logic on bool and on the bits of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import INTEGERS, Array
from compiler.loop.nodes import Binary, BinaryOp, Expr, Operand, Unary, select
from compiler.ops.base import Reader
from compiler.ops.elementwise import Elementwise

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel


@dataclass(frozen=True)
class Bitwise(Elementwise):
    """Two operands, bit by bit; of bool, the logical operation."""

    arity = 2
    dtypes = INTEGERS | {"bool"}
    how: ClassVar[BinaryOp]
    numpy: ClassVar[np.ufunc]

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return Binary(self.how, x[0], x[1])

    def reference(self, x: Array, y: Array) -> Array:
        return np.asarray(type(self).numpy(x, y))


@dataclass(frozen=True)
class And(Bitwise):
    onnx = ("And", "BitwiseAnd")
    how, numpy = "and", np.bitwise_and


@dataclass(frozen=True)
class Or(Bitwise):
    onnx = ("Or", "BitwiseOr")
    how, numpy = "or", np.bitwise_or


@dataclass(frozen=True)
class Xor(Bitwise):
    onnx = ("Xor", "BitwiseXor")
    how, numpy = "xor", np.bitwise_xor


@dataclass(frozen=True)
class Not(Elementwise):
    dtypes = INTEGERS | {"bool"}
    onnx = ("Not", "BitwiseNot")

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        return Unary("not", x[0])

    def reference(self, x: Array) -> Array:
        return np.invert(x)


@dataclass(frozen=True)
class BitShift(Elementwise):
    """Shift by y bits, to the right with the sign. When y is negative or the width or more, only the sign is left."""

    left: bool = True
    arity = 2
    dtypes = INTEGERS
    onnx = ("BitShift",)

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        value, by = x
        bits = value.type.bits
        outside = (by < 0) | (by >= bits) if by.type.kind == "i" else by >= bits
        if self.left:
            return select(outside, 0, value << by)
        gone: Operand = value >> (bits - 1) if value.type.kind == "i" else 0
        return select(outside, gone, value >> by)

    def reference(self, x: Array, y: Array) -> Array:
        bits = x.dtype.itemsize * 8
        inside = (y >= 0) & (y < bits)
        by = np.where(inside, y, 0).astype(x.dtype)
        gone = np.zeros_like(x) if self.left or x.dtype.kind == "u" else np.where(x < 0, -1, 0).astype(x.dtype)
        return np.where(inside, x << by if self.left else x >> by, gone).astype(x.dtype)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        cls.check(r)
        return r.add(cls(r.attr("direction") == "LEFT"), *r.inputs)
