"""Sampling at places that are computed at run time: GridSample and RoiAlign."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import F32, F64, Expr
from compiler.ops.base import Op, Reader, expect
from compiler.ops.numbers import converted, rounded, wide
from compiler.ops.sampling import Border, Mode, inside, inside_code, sample_code, sampled, tap_code, taps

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

_BORDERS = {"zeros": "zeros", "border": "edge", "reflection": "reflect"}


@dataclass(frozen=True)
class GridSample(Op):
    """y[n, c, p..] = x[n, c] at grid[n, p.., :], the last axis' coordinate first; -1 and 1 are the borders.

    With `corners` they are the centres of the first and last element, otherwise their outer edges.
    """

    mode: Mode = "linear"
    border: Border = "zeros"
    corners: bool = False
    onnx = ("GridSample",)

    def infer(self, x: TensorType, grid: TensorType) -> TensorType:
        fits = x.rank == grid.rank >= 3 and x.shape[0] == grid.shape[0] and grid.shape[-1] == x.rank - 2
        expect(fits, "E0301", f"GridSample of {x} at {grid}")
        y = (*x.shape[:2], *grid.shape[1:-1])
        expect(prod(y) == 0 or prod(x.shape[2:]) > 0, "E0303", f"GridSample of {x}, which is empty")
        return x.with_shape(y)

    def reference(self, x: Array, grid: Array) -> Array:
        kind = np.float64 if x.dtype == np.float64 else np.float32
        y = self.infer(TensorType.of(str(x.dtype), x.shape), TensorType.of(str(grid.dtype), grid.shape)).shape
        if prod(y) == 0:
            return np.zeros(y, x.dtype)
        axes, n = [], x.ndim - 2
        for a, size in enumerate(x.shape[2:]):
            g: Any = grid[..., n - 1 - a].astype(kind)[:, None]
            at = (g + 1) * kind(0.5 * (size - 1)) if self.corners else ((g + 1) * kind(size) - 1) * kind(0.5)
            places, weights = taps(at, self.mode)
            places, counts = inside(places, size, self._border)
            axes.append((places, weights, counts))
        lead = [i.reshape(*i.shape, *[1] * n) for i in np.indices(x.shape[:2])]
        whole = [(i[..., None], np.ones(1, kind), np.ones(1, bool)) for i in lead]
        return rounded(
            np.broadcast_to(sampled(wide(x) if self.mode == "nearest" else x.astype(kind), [*whole, *axes]), y),
            str(x.dtype),
        )

    @property
    def _border(self) -> Border:
        """Reflection is at the place of 1: the last element's centre, or its edge."""
        return "mirror" if self.border == "reflect" and self.corners else self.border

    def lower(self, k: Kernel, x: View, grid: View, y: View) -> None:
        if y.size == 0:
            return
        kind, n = F64 if x.type == F64 else F32, len(x.shape) - 2
        with k.loop(x.shape[0], "n") as i, k.grid(y.shape[2:], "zyxw"[-n:] if n <= 4 else "abcdefgh") as at:
            axes = []
            for a, size in enumerate(x.shape[2:]):
                g = k.let("g", converted(grid[(i, *at, n - 1 - a)], kind))
                place = self._place(g, size)
                given = tap_code(k, place, self.mode)
                inner = [(inside_code(k, p, size, self._border), w) for p, w in given]
                axes.append([(p, w, None if c is None else k.let("c", c)) for (p, c), w in inner])
            with k.loop(x.shape[1], "c") as c:
                k.store(y, (i, c, *at), converted(sample_code(k, x, (i, c), axes), y.type))

    def _place(self, g: Expr, size: int) -> Expr:
        return (g + 1.0) * (0.5 * (size - 1)) if self.corners else ((g + 1.0) * float(size) - 1.0) * 0.5

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        mode = {"bilinear": "linear", "bicubic": "cubic"}.get(r.attr("mode", "linear"), r.attr("mode", "linear"))
        border = _BORDERS.get(r.attr("padding_mode", "zeros"))
        if mode not in ("nearest", "linear", "cubic") or border is None:
            raise r.unsupported(f"GridSample with {str(mode)[:20]}, {str(r.attr('padding_mode'))[:20]}")
        return r.add(cls(mode, border, bool(r.attr("align_corners", 0))), *r.inputs)  # type: ignore[arg-type]
