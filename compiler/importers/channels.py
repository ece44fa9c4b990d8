"""Tensors whose channels come last in the source model and first in ONNX: each is kept in the order it was made in.

TensorFlow's convolutions and pools have (N, H, W, C), ONNX' have (N, C, H, W). A value remembers both orders and adds
a Transpose only when somebody wants the other one, so that a chain of convolutions has none between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.graph.types import Array
from compiler.importers.onnx_builder import OnnxBuilder


def to_first(rank: int) -> list[int]:
    return [0, rank - 1, *range(1, rank - 1)]


def to_last(rank: int) -> list[int]:
    return [0, *range(2, rank), 1]


def first_axis(axis: int, rank: int) -> int:
    """Where an axis of the source model is once channels come first."""
    return to_first(rank).index(axis % rank)


@dataclass(eq=False)
class Value:
    """A tensor of the source model; `shape` is the source's."""

    builder: OnnxBuilder
    shape: tuple[int, ...]
    dtype: str = "float32"
    last: str = ""  # its ONNX name in the source's order
    first: str = ""  # and with channels first
    array: Array | None = None  # its elements, where they are known; they enter the model when somebody reads them
    name: str = ""  # what a constant is called in the model

    @staticmethod
    def constant(builder: OnnxBuilder, array: Array, name: str = "") -> Value:
        array = np.asarray(array)
        return Value(builder, array.shape, array.dtype.name, array=array, name=name)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def source(self) -> str:
        if not self.last:
            if self.array is not None:
                self.last = self.builder.constant(self.array, self.name)
            else:
                self.last = self.builder.add("Transpose", self.first, perm=to_last(self.rank))
        return self.last

    @property
    def planar(self) -> str:
        """Its name with channels first; ranks below 3 have no such order."""
        if not self.first:
            if self.array is not None:
                self.first = self.builder.constant(np.transpose(self.array, to_first(self.rank)))
            else:
                self.first = self.builder.add("Transpose", self.source, perm=to_first(self.rank))
        return self.first

    @property
    def only_planar(self) -> bool:
        return bool(self.first) and not self.last

    def turned(self, axes: Sequence[int]) -> str:
        """Its name with the source's axes in another order; turned at compile time where it is constant."""
        if self.array is not None:
            return self.builder.constant(np.transpose(self.array, axes), self.name)
        return self.builder.add("Transpose", self.source, perm=list(axes))

    def spread(self, rank: int) -> str:
        """A constant so that it broadcasts against channels-first tensors of this rank."""
        array: Any = self.array
        if array.size == 1:
            return self.builder.constant(array.reshape(()))
        full = np.transpose(array.reshape((1,) * (rank - array.ndim) + array.shape), to_first(rank))
        while full.ndim > 1 and full.shape[0] == 1:
            full = full[0]
        return self.builder.constant(full)


def planar_operands(values: Sequence[Value]) -> list[str] | None:
    """Operands of an elementwise operator with channels first; None where the source's order is as good.

    Constants take part whatever their rank; computed tensors must have the rank of the result.
    """
    rank = max(v.rank for v in values)
    if rank < 3 or not any(v.only_planar and v.rank == rank for v in values):
        return None
    names = []
    for v in values:
        if v.array is not None:
            names.append(v.spread(rank))
        elif v.rank == rank:
            names.append(v.planar)
        else:
            return None
    return names
