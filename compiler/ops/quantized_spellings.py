"""ONNX Runtime's operators on 8-bit integers, read as what they mean: real numbers in, the operator, 8 bits out.

The pairs of Dequantize and Quantize around the operator are those that a QDQ model has, so that one fold
(compiler/quant) turns both into integer operators.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from compiler.ops.arithmetic import Mul
from compiler.ops.base import Reader, Spelling, normal_axis, onnx_readers
from compiler.ops.numbers import require
from compiler.ops.quantize import Dequantize, Quantize
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Transpose

if TYPE_CHECKING:
    from compiler.graph.graph import Value

BYTES = frozenset({"int8", "uint8"})
OPSET = 20  # of the float operators in the middle


def real(r: Reader, x: Value, scale: Value, zero: Value | None, axis: int | None = None) -> Value:
    """(x - zero) * scale; vectors of scales and zero points lie along `axis`."""
    zero = r.const(np.zeros((), np.dtype(x.type.dtype)), "zero") if zero is None else along(r, zero, x, axis)
    return r.add(Dequantize(), x, along(r, scale, x, axis), zero)


def stored(r: Reader, y: Value, scale: Value, zero: Value | None, dtype: str) -> Value:
    """y in 8 bits: of the zero point's type, `dtype` where there is none."""
    zero = r.const(np.zeros((), np.dtype(dtype)), "zero") if zero is None else along(r, zero, y, None)
    return r.add(Quantize(zero.type.dtype), y, along(r, scale, y, None), zero)


def along(r: Reader, value: Value, x: Value, axis: int | None) -> Value:
    """A scale or zero point in a shape that broadcasts to x: a scalar, or a vector along `axis`."""
    if value.type.elements == 1:
        return value if value.shape == () else r.add(Reshape(()), value)
    if axis is None:
        raise r.unsupported(f"scales {value.type} where one is expected", "quantise this tensor as a whole", "E0420")
    axis = normal_axis(axis, x.type.rank)
    if value.type.elements != x.shape[axis]:
        raise r.unsupported(f"scales {value.type} along axis {axis} of {x.type}", "give one for each channel", "E0420")
    return r.add(Reshape(tuple(n if a == axis else 1 for a, n in enumerate(x.shape))), value)


def optional(r: Reader, index: int) -> Value | None:
    return r.inputs[index] if r.has(index) else None


def read_as(r: Reader, op_type: str, inputs: Sequence[Value | None], opset: int = OPSET) -> Value:
    """The only result of another operator of the standard, with the attributes of this node."""
    other = copy.copy(r)
    other.op_type, other.opset, other.inputs = op_type, opset, list(inputs)
    made = onnx_readers()[op_type](other)
    first: Value = made[0] if isinstance(made, tuple) else made
    return first


def static(r: Reader, *operands: int) -> bool:
    """Are these operands known when the model is compiled?"""
    return all(r.known(i) is not None for i in operands)


def convolution(r: Reader) -> Value:
    """QLinearConv. Operands: x and its two, w and its two, the result's two, the bias in units of both scales."""
    x, w = real(r, r.value(0), r.value(1), r.value(2)), real(r, r.value(3), r.value(4), r.value(5), 0)
    operands: list[Value | None] = [x, w]
    if r.has(8):
        unit = r.add(Mul(), along(r, r.value(1), x, None), r.value(4))
        operands.append(real(r, r.value(8), unit, None, 0))
    return stored(r, read_as(r, "Conv", operands), r.value(6), r.value(7), r.type(7).dtype)


def matrix_product(r: Reader) -> Value:
    """QLinearMatMul. Operands: a and its two, which may be vectors along rows, b's along columns, the result's two."""
    a = real(r, r.value(0), r.value(1), r.value(2), -2)
    b = real(r, r.value(3), r.value(4), r.value(5), -1)
    return stored(r, read_as(r, "MatMul", [a, b]), r.value(6), r.value(7), r.type(7).dtype)


class QuantizedUnary(Spelling):
    """An operator of one tensor. Operands: x, its scale and zero point, the result's scale and zero point."""

    onnx = (
        "com.microsoft:QLinearSigmoid",
        "com.microsoft:QLinearLeakyRelu",
        "com.microsoft:QLinearSoftmax",
        "com.microsoft:QLinearAveragePool",
        "com.microsoft:QLinearGlobalAveragePool",
    )

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, BYTES)
        x = r.value(0)
        y = real(r, x, r.value(1), optional(r, 2))
        name = r.op_type.removeprefix("QLinear")
        last = bool(r.attr("channels_last", 0))
        y = r.add(Transpose(_channels_first(x.type.rank)), y) if last else y
        y = read_as(r, name, [y], int(r.attr("opset", OPSET)))
        y = r.add(Transpose(_channels_last(x.type.rank)), y) if last else y
        return stored(r, y, r.value(3), optional(r, 4), x.type.dtype)


class QuantizedBinary(Spelling):
    """The sum or product of two tensors. Operands: a, its scale and zero point, b likewise, the result's."""

    onnx = ("com.microsoft:QLinearAdd", "com.microsoft:QLinearMul")

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, BYTES, 0, 3)
        a = real(r, r.value(0), r.value(1), optional(r, 2))
        b = real(r, r.value(3), r.value(4), optional(r, 5))
        y = read_as(r, r.op_type.removeprefix("QLinear"), [a, b])
        return stored(r, y, r.value(6), optional(r, 7), r.type(0).dtype)


class QuantizedWhere(Spelling):
    """Elements of two tensors. Operands: the condition, x, its scale and zero point, y likewise, the result's."""

    onnx = ("com.microsoft:QLinearWhere",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, BYTES, 1, 4)
        x = real(r, r.value(1), r.value(2), optional(r, 3))
        y = real(r, r.value(4), r.value(5), optional(r, 6))
        return stored(r, read_as(r, "Where", [r.value(0), x, y]), r.value(7), optional(r, 8), r.type(1).dtype)


class QuantizedConcat(Spelling):
    """Tensors with scales of their own, joined. Operands: the result's scale and zero point, then three for each."""

    onnx = ("com.microsoft:QLinearConcat",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if len(r.inputs) < 5 or len(r.inputs) % 3 != 2:
            raise r.unsupported(f"{len(r.inputs)} operands, which are not three for each tensor", "", "E0420")
        places = range(2, len(r.inputs), 3)
        require(r, BYTES, *places)
        parts = [real(r, r.value(i), r.value(i + 1), optional(r, i + 2)) for i in places]
        return stored(r, read_as(r, "Concat", parts), r.value(0), optional(r, 1), r.type(2).dtype)


class QuantizedGemm(Spelling):
    """Gemm; the bias is int32 in units of both scales. Without a scale for the result it stays real."""

    onnx = ("com.microsoft:QGemm",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, BYTES, 0, 3)
        columns = 0 if r.attr("transB", 0) else 1
        a = real(r, r.value(0), r.value(1), optional(r, 2))
        b = real(r, r.value(3), r.value(4), optional(r, 5), columns)
        operands: list[Value | None] = [a, b]
        if r.has(6):
            unit = r.add(Mul(), along(r, r.value(1), a, None), r.value(4))
            factor = float(r.attr("alpha", 1.0))
            if factor != 1:
                unit = r.add(Mul(), unit, r.const(np.array(factor, np.float32), "alpha"))
            operands.append(real(r, r.value(6), unit, None, -1))
        y = read_as(r, "Gemm", operands)
        return stored(r, y, r.value(7), optional(r, 8), r.type(0).dtype) if r.has(7) else y


def _channels_first(rank: int) -> tuple[int, ...]:
    return (0, rank - 1, *range(1, rank - 1))


def _channels_last(rank: int) -> tuple[int, ...]:
    return (0, *range(2, rank), 1)
