"""Tensors made by a rule: OneHot at run time; EyeLike and Range, which are constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I64, Cast, select
from compiler.ops.base import Op, Reader, Spelling, expect, normal_axis
from compiler.ops.cast import dtype_named
from compiler.ops.indexing import bounded

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


MOST = 2**26  # elements of a constant


@dataclass(frozen=True)
class OneHot(Op):
    """y[.., i, ..] = values[1] where indices[..] = i, else values[0], with a new axis of `depth` elements.

    Negative indices count from the end; those outside are nowhere.
    """

    axis: int = 0
    depth: int = 1
    onnx = ("OneHot",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"OneHot": (1,)}

    def infer(self, indices: TensorType, values: TensorType) -> TensorType:
        fits = 0 <= self.axis <= indices.rank and values.shape == (2,) and self.depth >= 0
        expect(fits, "E0303", f"OneHot of {indices} into {self.depth} elements of axis {self.axis}, values {values}")
        return values.with_shape((*indices.shape[: self.axis], self.depth, *indices.shape[self.axis :]))

    def reference(self, indices: Array, values: Array) -> Array:
        given = indices.astype(np.int64)
        places = np.expand_dims(np.where(given < 0, given + self.depth, given), self.axis)
        own = np.arange(self.depth).reshape([-1 if a == self.axis else 1 for a in range(places.ndim)])
        y: Array = np.where(places == own, values[1], values[0])
        return y

    def lower(self, k: Kernel, indices: View, values: View, y: View) -> None:
        off, on = k.let("off", values[0]), k.let("on", values[1])
        with k.grid(indices.shape) as rest:
            given = k.let("g", indices[rest] if not indices.type.is_float else Cast(indices[rest], I64))
            place = k.let("p", bounded(given, -self.depth - 1, self.depth))
            if given.type.kind == "i":
                place = k.let("p", select(place < 0, place + self.depth, place))
            with k.loop(self.depth, "i") as i:
                k.store(y, (*rest[: self.axis], i, *rest[self.axis :]), select(place.eq(i), on, off))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        axis = normal_axis(int(r.attr("axis", -1)), r.type().rank + 1)
        return r.add(cls(axis, int(r.constant(1).reshape(-1)[0])), r.inputs[0], r.inputs[2])


@dataclass(frozen=True)
class EyeLike(Spelling):
    """Ones on a diagonal of a matrix."""

    onnx = ("EyeLike",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        expect(x.rank == 2, "E0301", f"EyeLike of {x}")
        kind = x.dtype if r.attr("dtype") is None else dtype_named(r, r.attr("dtype"))
        return r.const(np.eye(x.shape[0], x.shape[1], k=int(r.attr("k", 0))).astype(np.dtype(kind)))


@dataclass(frozen=True)
class Range(Spelling):
    """start, start + delta, ... up to but not including the limit."""

    onnx = ("Range",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Range": (0, 1, 2)}

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        kind = r.type().dtype
        start, limit, delta = (r.constant(i).reshape(()) for i in range(3))
        wide = np.int64 if "int" in kind else np.float64
        first, last, step = (a.astype(wide).item() for a in (start, limit, delta))
        expect(step != 0, "E0303", "Range with a delta of 0")
        count = max(0, -(-(last - first) // step) if wide is np.int64 else int(np.ceil((last - first) / step)))
        expect(count <= MOST, "E0310", f"Range of {count} elements, more than {MOST}")
        return r.const((first + np.arange(int(count)).astype(wide) * step).astype(np.dtype(kind)))
