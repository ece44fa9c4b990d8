"""Tensor types: dtype, shape, how the logical axes lie in memory, and an optional quantisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import ml_dtypes  # noqa: F401  (numpy learns the small types by it)
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]

DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
    "float4_e2m1fn", "int4", "uint4", "int2", "uint2",
)  # fmt: skip


FLOATS = frozenset(d for d in DTYPES if "float" in d)
INTEGERS = frozenset(d for d in DTYPES if "int" in d)


@dataclass(frozen=True)
class Layout:
    """How logical axes lie in memory: `order` lists them from the outermost to the innermost.

    Operators keep the source's axis order (N, C, H, W for ONNX); `Layout((0, 2, 3, 1))` says that such a tensor
    lies channels-last in memory. Blocked and padded layouts will be further fields.
    """

    order: tuple[int, ...]

    @staticmethod
    def row_major(rank: int) -> Layout:
        return Layout(tuple(range(rank)))

    @staticmethod
    def channels_last(rank: int) -> Layout:
        """Logical (N, C, spatial...) with the channels innermost; row-major below rank 3."""
        return Layout((0, *range(2, rank), 1)) if rank >= 3 else Layout.row_major(rank)

    def strides(self, shape: Shape) -> tuple[int, ...]:
        """In elements, one for each logical axis."""
        result, step = [0] * len(shape), 1
        for axis in reversed(self.order):
            result[axis] = step
            step *= shape[axis]
        return tuple(result)

    def same_memory(self, other: Layout, shape: Shape) -> bool:
        """Do both put every element at the same place? Axes of length one do not count."""

        def long(order: tuple[int, ...]) -> list[int]:
            return [a for a in order if shape[a] != 1]

        return long(self.order) == long(other.order) or prod(shape) == 0

    def permuted(self, axes: tuple[int, ...]) -> Layout:
        """The layout of `transpose(x, axes)` when no element moves."""
        return Layout(tuple(axes.index(a) for a in self.order))

    def __str__(self) -> str:
        return "" if self.order == tuple(range(len(self.order))) else "@" + "".join(map(str, self.order))


@dataclass(frozen=True)
class Quant:
    """real = scale * (stored - zero_point), per tensor or along `axis`. Used by the integer types."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None


@dataclass(frozen=True)
class TensorType:
    """Shapes are concrete; rank 0 and zero-size dimensions are legal."""

    dtype: str
    shape: Shape
    layout: Layout
    quant: Quant | None = None

    @staticmethod
    def of(dtype: str, shape: Shape, layout: Layout | None = None) -> TensorType:
        return TensorType(dtype, tuple(int(n) for n in shape), layout or Layout.row_major(len(shape)))

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        return int(np.dtype(self.dtype).itemsize)

    @property
    def bytes(self) -> int:
        return self.elements * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return self.layout.strides(self.shape)

    def with_shape(self, shape: Shape) -> TensorType:
        """Another shape, row-major."""
        return TensorType.of(self.dtype, shape)

    def with_layout(self, layout: Layout) -> TensorType:
        return replace(self, layout=layout)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]{self.layout}"


def is_fill(array: Array) -> bool:
    """Is it one value repeated, kept symbolically (a broadcast with every stride zero)?"""
    return array.size > 1 and all(s == 0 for s, n in zip(array.strides, array.shape, strict=True) if n > 1)


def fill(value: float | int | np.generic, dtype: str, shape: Shape) -> Array:
    """A constant tensor that takes no memory."""
    return np.broadcast_to(np.asarray(value, dtype=dtype), shape)


def stored_bytes(array: Array) -> int:
    """What an image has to carry for this constant."""
    return 0 if is_fill(array) else array.size * array.itemsize
