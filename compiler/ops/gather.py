"""Elements picked by indices that are known at run time: Gather, GatherElements, GatherND."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import INTEGERS, Array, TensorType
from compiler.ops.base import Op, Reader, expect, normal_axis
from compiler.ops.index_map import Slice
from compiler.ops.indexing import as_stored, safe_index, safe_indices
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Gather(Op):
    """y[a.., i.., b..] = x[a.., indices[i..], b..]; negative indices count from the end, others are clamped."""

    axis: int = 0
    onnx = ("Gather",)

    def infer(self, x: TensorType, indices: TensorType) -> TensorType:
        expect(0 <= self.axis < x.rank, "E0303", f"Gather along axis {self.axis} of {x}")
        expect(indices.dtype in INTEGERS, "E0305", f"Gather by indices of type {indices.dtype}")
        y = (*x.shape[: self.axis], *indices.shape, *x.shape[self.axis + 1 :])
        expect(x.shape[self.axis] > 0 or prod(y) == 0, "E0303", f"Gather from the empty axis {self.axis} of {x}")
        return x.with_shape(y)

    def reference(self, x: Array, indices: Array) -> Array:
        return np.take(x, safe_indices(indices, x.shape[self.axis]), axis=self.axis)

    def lower(self, k: Kernel, x: View, indices: View, y: View) -> None:
        x, y = as_stored(x, y)
        if y.size == 0:
            return
        with k.grid(x.shape[: self.axis], "abcdefgh") as before, k.grid(indices.shape) as chosen:
            at = safe_index(k, indices[chosen], x.shape[self.axis])
            with k.grid(x.shape[self.axis + 1 :], "rstuvwxyz") as after:
                k.store(y, (*before, *chosen, *after), x[(*before, at, *after)])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        axis, known = normal_axis(int(r.attr("axis", 0)), x.rank), r.known(1)
        if known is not None and known.size:
            n = x.shape[axis]
            inside = -n <= int(known.min()) and int(known.max()) < n
            expect(inside, "E0303", f"Gather along axis {axis} of {x}: an index is outside")
        if known is not None and known.size == 1 and x.shape[axis]:  # one row: no table is needed
            start = tuple(int(safe_indices(known, n).item()) if a == axis else 0 for a, n in enumerate(x.shape))
            shape = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
            row = r.add(Slice(start, (1,) * x.rank, shape), r.inputs[0])
            return r.add(Reshape((*x.shape[:axis], *known.shape, *x.shape[axis + 1 :])), row)
        return r.add(cls(axis), *r.inputs)


@dataclass(frozen=True)
class GatherElements(Op):
    """y[i] = x[i with indices[i] at `axis`]; negative indices count from the end, others are clamped."""

    axis: int = 0
    onnx = ("GatherElements",)

    def infer(self, x: TensorType, indices: TensorType) -> TensorType:
        expect(x.rank == indices.rank and 0 <= self.axis < x.rank, "E0303", f"GatherElements of {x} by {indices}")
        expect(indices.dtype in INTEGERS, "E0305", f"GatherElements by indices of type {indices.dtype}")
        sizes = zip(indices.shape, x.shape, strict=True)
        fits = all(n <= m if a != self.axis else m > 0 or n == 0 for a, (n, m) in enumerate(sizes))
        expect(fits, "E0301", f"GatherElements of {x} by {indices} along axis {self.axis}")
        return x.with_shape(indices.shape)

    def reference(self, x: Array, indices: Array) -> Array:
        cut = tuple(slice(None) if a == self.axis else slice(n) for a, n in enumerate(indices.shape))
        return np.take_along_axis(x[cut], safe_indices(indices, x.shape[self.axis]), self.axis)

    def lower(self, k: Kernel, x: View, indices: View, y: View) -> None:
        x, y = as_stored(x, y)
        if y.size == 0:
            return
        with k.over(y) as at:
            chosen = safe_index(k, indices[at], x.shape[self.axis])
            k.store(y, at, x[(*at[: self.axis], chosen, *at[self.axis + 1 :])])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(normal_axis(int(r.attr("axis", 0)), r.type().rank)), *r.inputs)


@dataclass(frozen=True)
class GatherND(Op):
    """y[b.., i.., r..] = x[b.., indices[b.., i.., :].., r..], with as many leading axes b as `batch` says."""

    batch: int = 0
    onnx = ("GatherND",)

    def infer(self, x: TensorType, indices: TensorType) -> TensorType:
        b = self.batch
        expect(0 <= b < min(x.rank, indices.rank), "E0303", f"GatherND of {x} by {indices} with {b} batch axes")
        fits = x.shape[:b] == indices.shape[:b] and b + indices.shape[-1] <= x.rank
        expect(fits, "E0301", f"GatherND of {x} by {indices} with {b} batch axes")
        expect(indices.dtype in INTEGERS, "E0305", f"GatherND by indices of type {indices.dtype}")
        y = (*indices.shape[:-1], *x.shape[b + indices.shape[-1] :])
        picked = x.shape[b : b + indices.shape[-1]]
        expect(prod(picked) > 0 or prod(y) == 0, "E0303", f"GatherND from an empty axis of {x}")
        return x.with_shape(y)

    def reference(self, x: Array, indices: Array) -> Array:
        b, depth = self.batch, indices.shape[-1]
        lead = [g.reshape(*g.shape, *[1] * (indices.ndim - 1 - b)) for g in np.indices(x.shape[:b])]
        picked = [safe_indices(indices[..., i], x.shape[b + i]) for i in range(depth)]
        if not lead and not picked:
            return np.broadcast_to(x, (*indices.shape[:-1], *x.shape))
        chosen: Array = x[tuple(np.broadcast_arrays(*lead, *picked, np.zeros(indices.shape[:-1], np.int64))[:-1])]
        return chosen

    def lower(self, k: Kernel, x: View, indices: View, y: View) -> None:
        x, y = as_stored(x, y)
        if y.size == 0:
            return
        b, depth = self.batch, indices.shape[-1]
        with k.grid(indices.shape[:-1]) as at:
            chosen = [safe_index(k, indices[(*at, i)], x.shape[b + i]) for i in range(depth)]
            with k.grid(x.shape[b + depth :], "rstuvwxyz") as rest:
                k.store(y, (*at, *rest), x[(*at[:b], *chosen, *rest)])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(int(r.attr("batch_dims", 0))), *r.inputs)
