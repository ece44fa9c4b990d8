"""Convolutions and matrix products of 8-bit integers with zero points: sums in int32, and 8 bits made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I32, Cast, Expr, const
from compiler.ops.arithmetic import Div, Mul
from compiler.ops.base import Op, Reader, Spelling, aligned, broadcast, expect
from compiler.ops.cast import Convert
from compiler.ops.conv import Conv, read_geometry
from compiler.ops.dense import MatMul, batch_index, product_of
from compiler.ops.numbers import converted, require
from compiler.ops.quantize import Quantize
from compiler.ops.quantized_spellings import convolution, matrix_product, static
from compiler.ops.shaping import Reshape
from compiler.ops.window import inside

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

BYTES = frozenset({"int8", "uint8"})


def _minus(x: Expr, zero: Expr | None) -> Expr:
    wide = Cast(x, I32)
    return wide if zero is None else wide - zero


@dataclass(frozen=True)
class ConvInteger(Op):
    """Conv of (x - x's zero point) with (w - w's zero point), plus the bias, in int32.

    Operands: x, w, bias (O) of int32 or None, zero point of x (one) or None, zero point of w (one, or (O)) or None.
    """

    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    groups: int = 1
    dtypes = BYTES
    layout_rule = "channels_last"

    @property
    def _conv(self) -> Conv:
        return Conv(self.strides, self.pads, self.dilations, self.groups)

    def infer(self, x: TensorType, w: TensorType, b: TensorType | None = None, *zeros: TensorType | None) -> TensorType:
        expect({x.dtype, w.dtype} <= BYTES, "E0305", f"ConvInteger of {x} with weights {w}")
        for zero, most in zip(zeros, (1, w.shape[0]), strict=False):
            fits = zero is None or zero.elements in (1, most)
            expect(fits, "E0301", f"zero points {zero} for ConvInteger of {x} with weights {w}")
        bias = None if b is None else TensorType.of("int32", b.shape)
        return self._conv.infer(TensorType.of("int32", x.shape), TensorType.of("int32", w.shape), bias)

    def reference(
        self, x: Array, w: Array, b: Array | None = None, x_zero: Array | None = None, w_zero: Array | None = None
    ) -> Array:
        left, right = x.astype(np.int32), w.astype(np.int32)
        if x_zero is not None:
            left = left - x_zero.astype(np.int32).reshape(())
        if w_zero is not None:
            right = right - w_zero.astype(np.int32).reshape(-1, *[1] * (w.ndim - 1))
        return self._conv.reference(left, right, b)

    def lower(
        self, k: Kernel, x: View, w: View, b: View | None, x_zero: View | None, w_zero: View | None, y: View
    ) -> None:
        n = len(self.strides)
        per_group, out_per_group = w.shape[1], w.shape[0] // self.groups
        zero = None if x_zero is None else k.let("zx", Cast(x_zero.at(0), I32))
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p, k.loop(y.shape[1], "o") as o:
            acc = k.sum(const(0, I32) if b is None else b[o])
            one = w_zero is not None and w_zero.size == 1
            own = None if w_zero is None else k.let("zw", Cast(w_zero.at(0 if one else o), I32))
            with k.grid(w.shape[2:], "rst") as q:
                at = [p[a] * self.strides[a] + q[a] * self.dilations[a] - self.pads[a] for a in range(n)]
                with inside(k, at, x.shape[2:], self.pads), k.loop(per_group, "c") as c:
                    channel = c if self.groups == 1 else (o // out_per_group) * per_group + c
                    acc += _minus(x[(i, channel, *at)], zero) * _minus(w[(o, c, *q)], own)
            k.store(y, (i, o, *p), acc.value)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        w = inputs[1]
        assert w is not None
        return outputs[0].type.elements * prod(w.shape[1:])


@dataclass(frozen=True)
class MatMulInteger(Op):
    """(a - a's zero point) @ (b - b's zero point) in int32; the zero points (or None) broadcast to the result."""

    dtypes = BYTES

    def infer(self, a: TensorType, b: TensorType, *zeros: TensorType | None) -> TensorType:
        expect({a.dtype, b.dtype} <= BYTES, "E0305", f"MatMulInteger of {a} and {b}")
        y = MatMul().infer(*(TensorType.of("int32", t.shape) for t in (a, b)))
        for zero, axis in zip(zeros, (-1, -2), strict=False):
            fits = zero is None or (broadcast(zero.shape, y.shape) == y.shape and (1, 1, *zero.shape)[axis] == 1)
            expect(fits, "E0302", f"zero points {zero} for MatMulInteger of {a} and {b}")
        return y

    def reference(self, a: Array, b: Array, a_zero: Array | None = None, b_zero: Array | None = None) -> Array:
        left, right = a.astype(np.int32), b.astype(np.int32)
        left = left if a_zero is None else left - a_zero.astype(np.int32)
        right = right if b_zero is None else right - b_zero.astype(np.int32)
        return MatMul().reference(left, right)

    def lower(self, k: Kernel, a: View, b: View, a_zero: View | None, b_zero: View | None, y: View) -> None:
        with k.grid(y.shape[:-2], "nmpqr") as at, k.grid(y.shape[-2:], "ij") as (i, j):
            zeros = [None if z is None else k.let("z", _zero(z, (*at, i, j), y)) for z in (a_zero, b_zero)]
            acc = k.sum(const(0, I32))
            with k.loop(a.shape[-1], "l") as step:
                left, right = a[(*batch_index(a, at), i, step)], b[(*batch_index(b, at), step, j)]
                acc += _minus(left, zeros[0]) * _minus(right, zeros[1])
            k.store(y, (*at, i, j), acc.value)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        return MatMul().macs(inputs, outputs)


def _zero(zero: View, at: tuple[Expr, ...], y: View) -> Expr:
    offset: Expr = const(0, I32)
    for i, stride in zip(at, aligned(zero, y.shape), strict=True):
        if stride:
            offset = offset + i * stride
    return converted(zero.at(offset), I32)


def _optional(r: Reader, index: int) -> Value | None:
    return r.inputs[index] if r.has(index) else None


def _single(r: Reader, value: Value) -> Value:
    """Something of one element, as a scalar."""
    return r.add(Reshape(()), value) if value.type.elements == 1 and value.shape else value


def _rows(r: Reader, value: Value) -> Value:
    """One number for each row, given as a vector, as a column."""
    value = _single(r, value)
    return r.add(Reshape((*value.shape, 1)), value) if value.type.rank == 1 else value


def _factor(r: Reader, left: Value, right: Value, result: Value) -> Value:
    """What the integer result is divided by: the result's scale in units of the operands' scales."""

    def real(value: Value) -> Value:
        return value if value.type.dtype == "float32" else r.add(Convert("float32"), value)

    return r.add(Div(), real(result), r.add(Mul(), real(left), real(right)))


class ConvIntegerSpelling(Spelling):
    """Without scales the int32 numbers themselves; with them (QLinearConv) rounded to 8 bits again.

    Where the scales are known, as in every model that a quantiser wrote, it is read as quantized_spellings.py says.
    """

    onnx = ("ConvInteger", "QLinearConv")

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.op_type == "ConvInteger":
            require(r, BYTES, 0, 1)
            op = ConvInteger(*read_geometry(r, r.type(0), r.type(1)))
            return r.add(op, r.value(0), r.value(1), None, _optional(r, 2), _optional(r, 3))
        require(r, BYTES, 0, 3, 7)
        if static(r, *range(1, 8)):
            return convolution(r)
        x, w, zero = r.value(0), r.value(3), r.value(7)
        op = ConvInteger(*read_geometry(r, x.type, w.type))
        total = r.add(op, x, w, _optional(r, 8), r.value(2), r.value(5))
        each = _single(r, r.value(4))
        if each.type.rank:
            each = r.add(Reshape((each.type.elements, *(1,) * (x.type.rank - 2))), each)
        scale = _factor(r, _single(r, r.value(1)), each, _single(r, r.value(6)))
        return r.add(Quantize(zero.type.dtype), total, scale, _single(r, zero))


class MatMulIntegerSpelling(Spelling):
    """Without scales the int32 numbers themselves; with them (QLinearMatMul) rounded to 8 bits again; see above."""

    onnx = ("MatMulInteger", "QLinearMatMul")

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.op_type == "MatMulInteger":
            require(r, BYTES, 0, 1)
            zeros = [None if (z := _optional(r, i)) is None else (_rows, _single)[i - 2](r, z) for i in (2, 3)]
            return product_of(r, MatMulInteger(), r.value(0), r.value(1), *zeros)
        require(r, BYTES, 0, 3, 7)
        if static(r, 1, 2, 4, 5, 6, 7):
            return matrix_product(r)
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (r.value(i) for i in range(8))
        total = product_of(r, MatMulInteger(), a, b, _rows(r, a_zero), _single(r, b_zero))
        scale = _factor(r, _rows(r, a_scale), _single(r, b_scale), _single(r, y_scale))
        return r.add(Quantize(y_zero.type.dtype), total, scale, _single(r, y_zero))
