"""Elements in another order: DepthToSpace, SpaceToDepth (both are transposes), ReverseSequence, Trilu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import INTEGERS, Array, TensorType
from compiler.loop.nodes import const, select
from compiler.ops.base import Op, Reader, Spelling, expect
from compiler.ops.indexing import bounded
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Transpose

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class DepthToSpace(Spelling):
    """(N, C*b*b, H, W) -> (N, C, H*b, W*b). DCR has the block's place in front of the channel, CRD behind it."""

    onnx = ("DepthToSpace",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, b = r.type(), int(r.attr("blocksize", 0))
        expect(x.rank == 4 and b > 0 and x.shape[1] % (b * b) == 0, "E0307", f"DepthToSpace of {x} by blocks of {b}")
        n, c, h, w = x.shape
        c //= b * b
        if r.attr("mode", "DCR") == "CRD":
            parts, axes = (n, c, b, b, h, w), (0, 1, 4, 2, 5, 3)
        else:
            parts, axes = (n, b, b, c, h, w), (0, 3, 4, 1, 5, 2)
        moved = r.add(Transpose(axes), r.add(Reshape(parts), r.inputs[0]))
        return r.add(Reshape((n, c, h * b, w * b)), moved)


@dataclass(frozen=True)
class SpaceToDepth(Spelling):
    """(N, C, H*b, W*b) -> (N, C*b*b, H, W), the inverse of DepthToSpace."""

    onnx = ("SpaceToDepth",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, b = r.type(), int(r.attr("blocksize", 0))
        fits = x.rank == 4 and b > 0 and x.shape[2] % b == 0 and x.shape[3] % b == 0
        expect(fits, "E0307", f"SpaceToDepth of {x} by blocks of {b}")
        n, c, h, w = x.shape
        parts = (n, c, h // b, b, w // b, b)
        axes = (0, 1, 3, 5, 2, 4) if r.attr("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
        moved = r.add(Transpose(axes), r.add(Reshape(parts), r.inputs[0]))
        return r.add(Reshape((n, c * b * b, h // b, w // b)), moved)


@dataclass(frozen=True)
class ReverseSequence(Op):
    """The first lengths[b] elements of each sequence in reverse order, the others as they are."""

    batch: int = 1
    time: int = 0
    onnx = ("ReverseSequence",)
    layout_rule = "same"

    def infer(self, x: TensorType, lengths: TensorType) -> TensorType:
        fits = x.rank >= 2 and self.batch != self.time and 0 <= self.batch < x.rank and 0 <= self.time < x.rank
        expect(fits, "E0303", f"ReverseSequence of {x}: batch axis {self.batch}, time axis {self.time}")
        expect(lengths.shape == (x.shape[self.batch],), "E0301", f"ReverseSequence of {x} with lengths {lengths}")
        expect(lengths.dtype in INTEGERS, "E0305", f"ReverseSequence with lengths of type {lengths.dtype}")
        return x.with_shape(x.shape)

    def reference(self, x: Array, lengths: Array) -> Array:
        y, n = x.copy(), x.shape[self.time]
        for b, length in enumerate(np.clip(lengths.astype(np.int64), 0, n)):
            row = np.moveaxis(np.take(x, b, self.batch), self.time - (self.batch < self.time), 0)
            to = np.moveaxis(y, (self.batch, self.time), (0, 1))[b]
            to[:length] = row[:length][::-1]
        return y

    def lower(self, k: Kernel, x: View, lengths: View, y: View) -> None:
        n = x.shape[self.time]
        with k.over(y) as at:
            length = k.let("n", bounded(lengths[at[self.batch]], 0, n))
            t = at[self.time]
            source = select(t < length, length - 1 - t, t)
            k.store(y, at, x[(*at[: self.time], source, *at[self.time + 1 :])])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(int(r.attr("batch_axis", 1)), int(r.attr("time_axis", 0))), *r.inputs)


@dataclass(frozen=True)
class Trilu(Op):
    """The upper (j - i >= diagonal) or lower (j - i <= diagonal) triangle of each matrix, zeros elsewhere."""

    upper: bool = True
    onnx = ("Trilu",)
    layout_rule = "same"

    def infer(self, x: TensorType, diagonal: TensorType) -> TensorType:
        expect(x.rank >= 2, "E0301", f"Trilu of {x}")
        expect(diagonal.elements == 1, "E0301", f"Trilu with a diagonal {diagonal}")
        return x.with_shape(x.shape)

    def reference(self, x: Array, diagonal: Array) -> Array:
        rows, columns = np.indices(x.shape[-2:])
        away = columns - rows
        kept = away >= int(diagonal.reshape(())) if self.upper else away <= int(diagonal.reshape(()))
        return np.where(kept, x, np.zeros((), x.dtype))

    def lower(self, k: Kernel, x: View, diagonal: View, y: View) -> None:
        limit = max(x.shape[-2:])
        d = k.let("d", bounded(diagonal.at(0), -limit, limit))
        with k.over(y) as at:
            away = at[-1] - at[-2]
            kept = away >= d if self.upper else away <= d
            k.store(y, at, select(kept, x[at], const(0, x.type)))

    def in_place(self) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        diagonal = r.inputs[1] if r.has(1) else r.const(np.asarray(0, np.int64))
        return r.add(cls(bool(r.attr("upper", 1))), r.inputs[0], diagonal)
