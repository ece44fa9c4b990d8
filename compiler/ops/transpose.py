"""Transpose, and Copy, which changes how a tensor lies in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.ops.base import Op, Reader, expect
from compiler.ops.indexing import as_stored

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Transpose(Op):
    """y's axis i is x's axis `axes[i]`. Costs nothing where the layouts can absorb it."""

    axes: tuple[int, ...] = ()
    onnx = ("Transpose",)
    layout_rule = "view"

    def infer(self, x: TensorType) -> TensorType:
        expect(sorted(self.axes) == list(range(x.rank)), "E0303", f"axes {self.axes} for a tensor of rank {x.rank}")
        return x.with_shape(tuple(x.shape[a] for a in self.axes))

    def reference(self, x: Array) -> Array:
        return np.transpose(x, self.axes)

    def lower(self, k: Kernel, x: View, y: View) -> None:
        x, y = as_stored(x, y)
        with k.over(y) as at:
            k.store(y, at, x[tuple(at[self.axes.index(a)] for a in range(len(x.shape)))])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        axes = tuple(r.attr("perm") or reversed(range(r.type().rank)))
        return r.add(cls(axes), r.inputs[0])


@dataclass(frozen=True)
class Copy(Op):
    """The same tensor at another place, or in another layout."""

    onnx = ()
    layout_rule = "same"

    def infer(self, x: TensorType) -> TensorType:
        return x.with_shape(x.shape)

    def reference(self, x: Array) -> Array:
        return x

    def lower(self, k: Kernel, x: View, y: View) -> None:
        x, y = as_stored(x, y)
        if x.strides == y.strides:
            with k.loop(y.size, "i") as i:
                k.store_at(y, i, x.at(i))
            return
        Transpose(tuple(range(len(x.shape)))).lower(k, x, y)
