"""Dense (y = x w^T + b with constant weights) and the general matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array, TensorType
from compiler.loop.nodes import const
from compiler.ops.arithmetic import Add, Mul
from compiler.ops.base import Op, Reader, broadcast, expect
from compiler.ops.conv import result_type, store_tail, sum_of, weighted, weights_fit
from compiler.ops.elementwise import Map
from compiler.ops.numbers import exact, require, rounded, wide
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Transpose

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View
    from compiler.loop.nodes import Expr


@dataclass(frozen=True)
class Dense(Op):
    """y[..., o] = b[o] + sum over i of x[..., i] * w[o, i], then the tail; bias may be None. Integers as in Conv."""

    tail: Map | None = None
    onnx = ()

    def infer(self, x: TensorType, w: TensorType, b: TensorType | None = None, *more: TensorType) -> TensorType:
        fits = x.rank >= 1 and x.shape[-1] == w.shape[1] and weights_fit(x, w, b)
        expect(fits, "E0301", f"x is {x}, the weights expect {w.dtype}[..., {w.shape[1]}]")
        expect(b is None or b.shape == (w.shape[0],), "E0301", f"bias {b} for {w.shape[0]} outputs")
        y = TensorType.of(result_type(x), (*x.shape[:-1], w.shape[0]))
        return y if self.tail is None else self.tail.infer(y, *more)

    def reference(self, x: Array, w: Array, b: Array | None = None, *more: Array) -> Array:
        left = exact(x)
        y: Array = left @ wide(w).T.astype(left.dtype)
        y = rounded(y if b is None else y + b.astype(y.dtype), result_type(TensorType.of(str(x.dtype), x.shape)))
        return y if self.tail is None else self.tail.reference(y, *more)

    def lower(self, k: Kernel, x: View, w: View, b: View | None, *rest: View) -> None:
        *more, y = rest
        with k.grid(y.shape[:-1], "nmpqr") as at, k.loop(y.shape[-1], "o") as o:
            acc = k.sum(const(0, sum_of(x)) if b is None else b[o])
            with k.loop(w.shape[1], "i") as i:
                acc += weighted(x[(*at, i)], w[o, i], acc.value.type)
            store_tail(k, self.tail, y, (*at, o), acc.value, more)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        w = inputs[1]
        assert w is not None
        return outputs[0].type.elements * w.shape[1]

    def in_place(self) -> tuple[int, ...]:
        return () if self.tail is None else tuple(range(3, 2 + self.tail.operands))


@dataclass(frozen=True)
class MatMul(Op):
    """y = a @ b with numpy's rules for batch dimensions; both have rank 2 or more."""

    onnx = ("MatMul", "Gemm")
    dtypes = FLOATS | INTEGERS
    layout_rule = "same"  # heads of attention are transposed in and out: no copies

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        fits = a.rank >= 2 and b.rank >= 2 and a.shape[-1] == b.shape[-2] and a.dtype == b.dtype
        expect(fits, "E0301", f"MatMul of {a} and {b}")
        return a.with_shape((*broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]))

    def reference(self, a: Array, b: Array) -> Array:
        return rounded(np.matmul(wide(a), wide(b)), str(a.dtype))

    def lower(self, k: Kernel, a: View, b: View, y: View) -> None:
        with k.grid(y.shape[:-2], "nmpqr") as at, k.grid(y.shape[-2:], "ij") as (i, j):
            acc = k.sum(const(0, a.type))
            with k.loop(a.shape[-1], "l") as step:
                acc += a[(*batch_index(a, at), i, step)] * b[(*batch_index(b, at), step, j)]
            k.store(y, (*at, i, j), acc.value)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        a = inputs[0]
        assert a is not None
        return outputs[0].type.elements * a.shape[-1]

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes, 0, 1)
        return _gemm(r) if r.op_type == "Gemm" else _matmul(r)


def batch_index(v: View, at: Sequence[Expr]) -> tuple[Expr | int, ...]:
    """Where in the leading axes of a matrix product's operand the matrix lies that belongs to the result's `at`."""
    own = v.shape[:-2]
    return tuple(0 if n == 1 else i for n, i in zip(own, at[len(at) - len(own) :], strict=True))


def _matmul(r: Reader) -> Value:
    known = r.known(1)
    if known is not None and known.ndim == 2 and r.type(0).rank >= 1:
        return r.add(Dense(), r.value(0), r.const(known.T, "w"), None)
    return product_of(r, MatMul(), r.value(0), r.value(1))


def product_of(r: Reader, op: Op, a: Value, b: Value, *more: Value | None) -> Value:
    """numpy's product of matrices or vectors by an operator for matrices; `more` are its further operands."""
    left, right = a.type.rank == 1, b.type.rank == 1
    a = r.add(Reshape((1, *a.shape)), a) if left else a
    b = r.add(Reshape((*b.shape, 1)), b) if right else b
    y = r.add(op, a, b, *more)
    if left or right:
        shape = y.shape[:-2] + (() if left else y.shape[-2:-1]) + (() if right else y.shape[-1:])
        y = r.add(Reshape(shape), y)
    return y


def _gemm(r: Reader) -> Value:
    """alpha * A' B' + beta * C; with constant B and a bias along the columns it is a Dense."""
    a, b = r.value(0), r.value(1)
    alpha, beta = r.attr("alpha", 1.0), r.attr("beta", 1.0)
    dtype = a.type.dtype

    def scaled(array: Array, factor: float) -> Array:
        return array if factor == 1 else rounded(wide(array) * np.asarray(factor, wide(array).dtype), dtype)

    def factor(value: float, name: str) -> Value:
        return r.const(np.asarray(value).astype(dtype), name)

    if r.attr("transA", 0):
        a = r.add(Transpose((1, 0)), a)
    known = r.known(1)
    c = r.inputs[2] if r.has(2) else None
    bias = r.known(2) if c is not None else None
    if known is not None:
        w = known if r.attr("transB", 0) else known.T
        w = scaled(w, alpha)
        columns = bias is not None and bias.size in (1, w.shape[0]) and prod(bias.shape[:-1]) == 1
        if c is None or columns:
            folded = None
            if bias is not None:
                spread = np.broadcast_to(bias.reshape(-1), (w.shape[0],))
                folded = r.const(scaled(spread, beta), "b")
            return r.add(Dense(), a, r.const(w, "w"), folded)
        y = r.add(Dense(), a, r.const(w, "w"), None)
    else:
        b = r.add(Transpose((1, 0)), b) if r.attr("transB", 0) else b
        y = r.add(MatMul(), a, b)
        if alpha != 1:
            y = r.add(Mul(), y, factor(alpha, "alpha"))
    if c is not None:
        if beta != 1:
            c = r.add(Mul(), c, factor(beta, "beta"))
        y = r.add(Add(), y, c)
    return y
