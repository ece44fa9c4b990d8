"""Quantised tensors of TensorFlow Lite in ONNX' QDQ form: operators see real numbers, between them run integers.

A tensor whose elements are integers with a scale is kept as it is stored. Whoever reads it as numbers reads a
DequantizeLinear of it, whoever computes it is followed by a QuantizeLinear; `passes` fold both into integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.channels import Value, first_axis, to_first
from compiler.importers.onnx_builder import OnnxBuilder
from compiler.importers.tflite_model import Quantization, Tensor
from compiler.ops.cast import limits

OPSET, IR_VERSION = 21, 10  # the first with 16-bit and 4-bit QuantizeLinear
SMALL = {"int4": 4, "uint4": 4, "int2": 2}  # bits of types that lie packed, the first element in the lowest bits
ACTIVATIONS = frozenset({"int8", "uint8", "int16"})
WEIGHTS = ACTIVATIONS | frozenset(SMALL)


def is_quantized(tensor: Tensor) -> bool:
    """Does it stand for real numbers? int32 and int64 with a scale are biases, which only their operator reads so."""
    return tensor.quantization is not None and tensor.dtype in (WEIGHTS if tensor.data is not None else ACTIVATIONS)


def unpacked(data: Array, dtype: str, shape: tuple[int, ...], name: str) -> Array:
    """The elements of a type narrower than a byte."""
    bits = SMALL[dtype]
    count, each = prod(shape), 8 // bits
    if data.size != -(-count // each):
        raise ModelError("E0160", f"tensor '{name[:80]}' holds {data.size} bytes for {list(shape)} of {dtype}")
    parts = (data[:, np.newaxis] >> np.arange(0, 8, bits, dtype=np.uint8)) & (2**bits - 1)
    numbers = parts.reshape(-1)[:count].astype(np.int8)
    if not dtype.startswith("u"):
        numbers = np.where(numbers >= 2 ** (bits - 1), numbers - 2**bits, numbers)
    return np.asarray(numbers.astype(np.dtype(dtype)).reshape(shape))


def checked(tensor: Tensor) -> Quantization:
    """The tensor's scale and zero point; E0175 where they mean nothing."""
    found = tensor.quantization
    assert found is not None
    scale, zero = found.scale, found.zero_point
    low, high = limits(tensor.dtype)
    if not np.all(np.isfinite(scale)) or np.any(scale <= 0):
        raise _wrong(tensor, "has a scale that is not a positive number")
    if np.any(zero < low) or np.any(zero > high):
        raise _wrong(tensor, f"has a zero point that is no {tensor.dtype}")
    if tensor.data is None and scale.size != 1:
        raise _wrong(tensor, "is computed at run time with a scale for each channel")
    return found


def _wrong(tensor: Tensor, what: str) -> ModelError:
    return ModelError("E0175", f"tensor '{tensor.name[:80]}' {what}", help="quantise and convert the model again")


@dataclass(eq=False)
class Dequantized(Value):
    """A quantised tensor as the real numbers that it stands for, in whichever order of axes is read."""

    stored: Value | None = None
    scale: Array | None = None
    zero: Array | None = None
    axis: int = 0  # of the source's order, where there are several scales

    @staticmethod
    def of(stored: Value, quantization: Quantization) -> Dequantized:
        scale, zero = quantization.scale, quantization.zero_point
        if scale.size == 1:
            scale, zero = scale.reshape(()), zero.reshape(())
        array = None if stored.array is None else _numbers(stored.array, scale, zero, quantization.axis)
        zeros = zero.astype(np.dtype(stored.dtype))
        return Dequantized(
            stored.builder, stored.shape, "float32", array=array, stored=stored,
            scale=scale.astype(np.float32), zero=zeros, axis=quantization.axis,
        )  # fmt: skip

    def _of(self, name: str, axis: int) -> str:
        """Real numbers for a tensor in some order of axes, of which `axis` has the scales."""
        assert self.scale is not None
        assert self.zero is not None
        # an int32 has no zero point: ONNX wants none
        zero = [] if self.zero.dtype == np.int32 else [self.builder.constant(self.zero)]
        along = axis if self.scale.size > 1 else None
        return self.builder.add("DequantizeLinear", name, self.builder.constant(self.scale), *zero, axis=along)

    def need(self) -> Array:
        """The numbers of a constant."""
        assert self.array is not None
        return self.array

    def _given(self) -> Value:
        assert self.stored is not None
        return self.stored

    @property
    def source(self) -> str:
        if not self.last:
            self.last = self._of(self._given().source, self.axis)
        return self.last

    @property
    def planar(self) -> str:
        if not self.first:
            self.first = self._of(self._given().planar, first_axis(self.axis, self.rank))
        return self.first

    @property
    def only_planar(self) -> bool:
        return not self.last and self._given().only_planar

    def turned(self, axes: Sequence[int]) -> str:
        stored = self._given()
        if stored.array is None:
            return super().turned(axes)
        constant = self.builder.constant(np.transpose(stored.array, axes), stored.name)
        return self._of(constant, list(axes).index(self.axis))

    def spread(self, rank: int) -> str:
        stored = self._given()
        assert stored.array is not None
        assert self.scale is not None
        if self.scale.size > 1:  # no operator of the format has these: as real numbers they are right, too
            return super().spread(rank)
        full = stored.array.reshape((1,) * (rank - stored.array.ndim) + stored.array.shape)
        return self._of(self.builder.constant(np.transpose(full, to_first(rank))), 0)


def _numbers(data: Array, scale: Array, zero: Array, axis: int) -> Array:
    shape: list[int] = [1] * data.ndim
    if scale.size > 1:
        shape[axis] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    numbers: Array = ((data.astype(np.int64) - zero) * scale).astype(np.float32)
    return numbers


def quantize(value: Value, tensor: Tensor, shape: tuple[int, ...]) -> Value:
    """Real numbers of this shape as the tensor stores its elements."""
    builder, found = value.builder, checked(tensor)
    scale = builder.constant(found.scale.reshape(()).astype(np.float32))
    zero = builder.constant(found.zero_point.reshape(()).astype(np.dtype(tensor.dtype)))
    planar = value.only_planar
    name = builder.add("QuantizeLinear", value.planar if planar else value.source, scale, zero)
    if planar:
        return Value(builder, shape, tensor.dtype, first=name)
    return Value(builder, shape, tensor.dtype, last=name)


def bias(builder: OnnxBuilder, tensor: Tensor, x: Quantization, w: Quantization) -> str | None:
    """An integer bias, whose scale is the product of the operands' whatever the file says; None: too large for ONNX."""
    assert tensor.data is not None
    low, high = limits("int32")
    if tensor.data.size and (tensor.data.min() < low or tensor.data.max() > high):
        return None
    scale = (x.scale.astype(np.float32) * w.scale.astype(np.float32)).astype(np.float32)
    if scale.size == 1:
        scale = scale.reshape(())
    elif scale.shape != tensor.data.shape:
        raise ModelError("E0175", f"bias '{tensor.name[:80]}' has {tensor.data.size} elements for {scale.size} scales")
    name = builder.constant(tensor.data.astype(np.int32), tensor.name.split(";")[0])
    axis = 0 if scale.size > 1 else None
    return builder.add("DequantizeLinear", name, builder.constant(scale), axis=axis)
