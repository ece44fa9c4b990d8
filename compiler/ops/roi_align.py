"""RoiAlign: the mean or maximum of samples in each cell of a grid over each region of interest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import INTEGERS, Array, TensorType
from compiler.loop import rounding
from compiler.loop.nodes import F32, F64, I32, Cast, Const, Expr, const, maximum, minimum, select
from compiler.ops.base import Op, Reader, expect
from compiler.ops.indexing import safe_index, safe_indices
from compiler.ops.numbers import converted, rounded

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

_MOST = 64  # samples along one side of a cell, when their number depends on the region


@dataclass(frozen=True)
class RoiAlign(Op):
    """y[r, c, i, j]: samples of x[batch[r], c] in cell (i, j) of the region [x1, y1, x2, y2] = rois[r] * scale.

    `samples` along each side of a cell; 0 takes one for each element that the cell is wide (at most 64). The maximum
    is one over the four weighted neighbours of all samples, as ONNX has it.
    """

    sizes: tuple[int, int] = (1, 1)
    samples: int = 0
    scale: float = 1.0
    half_pixel: bool = True
    largest: bool = False
    onnx = ("RoiAlign",)

    def infer(self, x: TensorType, rois: TensorType, batch: TensorType) -> TensorType:
        fits = x.rank == 4 and rois.rank == 2 and rois.shape[1] == 4 and batch.shape == rois.shape[:1]
        fits = fits and min(x.shape[0], *x.shape[2:]) > 0
        expect(fits and batch.dtype in INTEGERS, "E0301", f"RoiAlign of {x} with regions {rois} of images {batch}")
        return x.with_shape((rois.shape[0], x.shape[1], *self.sizes))

    def reference(self, x: Array, rois: Array, batch: Array) -> Array:
        kind = np.float64 if x.dtype == np.float64 else np.float32
        y = np.zeros((len(rois), x.shape[1], *self.sizes), kind)
        images = safe_indices(batch, x.shape[0])
        for n, box in enumerate(rois.astype(kind)):
            image = x[images[n]].astype(kind)
            starts, cells, counts = [], [], []
            for a in range(2):  # rows, then columns
                low, high = (box[1 - a + side] * kind(self.scale) - kind(self._shift) for side in (0, 2))
                length = high - low if self.half_pixel else max(high - low, kind(1))
                starts.append(low)
                cells.append(length / kind(self.sizes[a]))
                counts.append(self.samples or int(min(max(np.ceil(np.nan_to_num(cells[a])), 0), _MOST)))
            for i, j in np.ndindex(self.sizes):
                parts = [self._corners(image, starts, cells, counts, (i, j), s) for s in np.ndindex(*counts)]
                if not parts:
                    continue
                if self.largest:
                    y[n, :, i, j] = np.max(parts, axis=(0, 1))
                else:
                    y[n, :, i, j] = np.sum(parts, axis=(0, 1), dtype=kind) / kind(len(parts))
        return rounded(y, str(x.dtype))

    @property
    def _shift(self) -> float:
        return 0.5 if self.half_pixel else 0.0

    def _corners(
        self,
        image: Array,
        starts: list[Any],
        cells: list[Any],
        counts: list[int],
        cell: tuple[int, int],
        s: tuple[int, ...],
    ) -> Array:
        """The four weighted neighbours of one sample, for every channel."""
        kind, ends = image.dtype.type, []
        for a in range(2):
            size = image.shape[1 + a]
            at = starts[a] + kind(cell[a]) * cells[a] + kind(s[a] + 0.5) * cells[a] / kind(counts[a])
            seen = -1 <= at <= size
            at = min(max(at, kind(0)), kind(size - 1)) if seen else kind(0)
            low = int(at)
            part = at - kind(low)
            weights = (kind(1) - part, part) if seen else (kind(0), kind(0))
            ends.append([(low, weights[0]), (min(low + 1, size - 1), weights[1])])
        return np.stack([wy * wx * image[:, row, column] for row, wy in ends[0] for column, wx in ends[1]])

    def lower(self, k: Kernel, x: View, rois: View, batch: View, y: View) -> None:
        if y.size == 0:
            return
        kind = F64 if x.type == F64 else F32
        with k.loop(y.shape[0], "n") as n:
            image = safe_index(k, batch[n], x.shape[0])
            starts, cells, counts = [], [], []
            for a, name in enumerate("yx"):
                low, high = (converted(rois[n, 1 - a + side], kind) * self.scale - self._shift for side in (0, 2))
                start = k.let(f"{name}0", low)
                length = high - start
                if not self.half_pixel:
                    length = maximum(length, 1.0)
                cell = k.let(f"{name}c", length / float(self.sizes[a]))
                many = Cast(minimum(maximum(rounding.ceil(cell), 0.0), float(_MOST)), I32)
                starts.append(start)
                cells.append(cell)
                counts.append(Const(self.samples) if self.samples else k.let(f"{name}n", many))
            with k.grid(self.sizes, "ij") as at, k.loop(y.shape[1], "c") as c:
                self._cell(k, x, (image, c), starts, cells, counts, at, y, (n, c, *at))

    def _cell(
        self, k: Kernel, x: View, lead: tuple[Expr, Expr], starts: list[Expr], cells: list[Expr], counts: list[Expr],
        at: tuple[Expr, ...], y: View, to: tuple[Expr, ...],
    ) -> None:  # fmt: skip
        kind = starts[0].type
        acc = k.cell("acc", const(-np.inf if self.largest else 0.0, kind))
        with k.loop(counts[0], "s") as s, k.loop(counts[1], "t") as t:
            ends = []
            for a, i in enumerate((s, t)):
                size = x.shape[2 + a]
                step = (converted(i, kind) + 0.5) * cells[a] / converted(counts[a], kind)
                place = k.let("p", starts[a] + converted(at[a], kind) * cells[a] + step)
                seen = (place >= -1.0) & (place <= float(size))
                inner = k.let("q", select(seen, minimum(maximum(place, 0.0), float(size - 1)), const(0.0, kind)))
                low = k.let("l", Cast(inner, I32))
                part = inner - converted(low, kind)
                none = const(0.0, kind)
                weights = [k.let("w", select(seen, w, none)) for w in (1.0 - part, part)]
                ends.append([(low, weights[0]), (minimum(low + 1, size - 1), weights[1])])
            for row, wy in ends[0]:
                for column, wx in ends[1]:
                    value = k.let("v", wy * wx * converted(x[(*lead, row, column)], kind))
                    acc.set(maximum(value, acc.value) if self.largest else acc.value + value)
        some = (counts[0] > 0) & (counts[1] > 0)
        total = acc.value if self.largest else acc.value / converted(counts[0] * counts[1], kind)
        k.store(y, to, converted(select(some, total, const(0.0, kind)), y.type))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        half = r.attr("coordinate_transformation_mode", "half_pixel") == "half_pixel" and r.opset >= 16
        sizes = (int(r.attr("output_height", 1)), int(r.attr("output_width", 1)))
        samples = int(r.attr("sampling_ratio", 0))
        expect(min(sizes) > 0 and samples >= 0, "E0303", f"RoiAlign into {sizes} cells of {samples} samples")
        return r.add(cls(sizes, samples, float(r.attr("spatial_scale", 1.0)), half, r.attr("mode", "avg") == "max"),
                     *r.inputs)  # fmt: skip
