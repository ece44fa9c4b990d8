"""Max pooling that also says where the largest element was."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array, Layout, TensorType
from compiler.loop.nodes import I64, Cast, Const, Expr, const, maximum
from compiler.loop.storage import compute_type
from compiler.ops.numbers import lowest, wide
from compiler.ops.pool_window import Windowed
from compiler.ops.window import inside

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class MaxPoolIndices(Windowed):
    """The largest element of each window, and its place: an index into x seen as one row.

    `column_major`: the spatial axes are counted with the first one innermost. Of equal elements the first counts. A
    window of nothing but padding points to element 0.
    """

    column_major: bool = False
    dtypes = FLOATS | INTEGERS

    def infer(self, x: TensorType) -> tuple[TensorType, TensorType]:
        y = self.pooled(x)
        return y, TensorType.of("int64", y.shape)

    def _steps(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """How much the index grows along each axis."""
        steps = list(Layout.row_major(len(shape)).strides(shape))
        if self.column_major:
            steps[2:] = [prod(shape[2:a]) for a in range(2, len(shape))]
        return tuple(steps)

    def reference(self, x: Array) -> tuple[Array, Array]:
        at = np.zeros(x.shape, np.int64)
        for i, step in zip(np.indices(x.shape), self._steps(x.shape), strict=True):
            at += i * step
        values, places = self.windows(wide(x), lowest(compute_type(str(x.dtype)))), self.windows(at, -1)
        y = values.max(axis=0)
        first = ((values == y) & (places >= 0)).argmax(axis=0)[None]
        return y.astype(x.dtype), np.maximum(np.take_along_axis(places, first, axis=0)[0], 0)

    def lower(self, k: Kernel, x: View, y: View, indices: View) -> None:
        steps = self._steps(x.shape)
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p, k.loop(y.shape[1], "c") as c:
            best = k.cell("best", const(lowest(x.type), x.type))
            place = k.cell("place", Const(-1))
            with k.grid(self.kernel, "rst") as q:
                at = self.positions(p, q)
                with inside(k, at, x.shape[2:], self.borders(x, y)):
                    value = k.let("v", x[(i, c, *at)])
                    with k.when((value > best.value) | (place.value < 0)):
                        best.set(value)
                        offset: Expr = Const(0)
                        for a, step in zip((i, c, *at), steps, strict=True):
                            offset = offset + a * step
                        place.set(offset)
            k.store(y, (i, c, *p), best.value)
            k.store(indices, (i, c, *p), Cast(maximum(place.value, 0), I64))
