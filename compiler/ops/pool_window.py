"""What pools share: the window's geometry, over any number of spatial axes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import Expr
from compiler.ops.base import Op, Reader, expect
from compiler.ops.elementwise import Map
from compiler.ops.window import output_sizes, resolve_padding

if TYPE_CHECKING:
    from compiler.loop.builder import View


@dataclass(frozen=True)
class Windowed(Op):
    """One result for each window and channel of x (N, C, spatial...)."""

    kernel: tuple[int, ...] = (1, 1)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    ceil: bool = False
    layout_rule = "channels_last"

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return output_sizes(shape[2:], self.kernel, self.strides, self.dilations, self.pads, self.ceil)

    def pooled(self, x: TensorType) -> TensorType:
        """One element for each window."""
        expect(x.rank == len(self.kernel) + 2, "E0301", f"a pool over {len(self.kernel)} axes of {x}")
        sizes = self.sizes(x.shape)
        fits = all(s > 0 for s in sizes)
        expect(fits, "E0306", f"the window {self.kernel} is larger than the padded input {x.shape[2:]}")
        return x.with_shape((*x.shape[:2], *sizes))

    def windows(self, x: Array, empty: float | int) -> Array:
        """All windows, stacked along a new first axis; places outside hold `empty`."""
        n, sizes = len(self.kernel), self.sizes(x.shape)
        extra = [max(0, self._end(i, sizes[i]) - x.shape[2 + i]) for i in range(n)]
        padded = np.pad(x, [(0, 0), (0, 0), *((self.pads[i], extra[i]) for i in range(n))], constant_values=empty)
        parts = []
        for at in product(*(range(k) for k in self.kernel)):
            cut = [slice(None), slice(None)]
            for i in range(n):
                start = at[i] * self.dilations[i]
                cut.append(slice(start, start + (sizes[i] - 1) * self.strides[i] + 1, self.strides[i]))
            parts.append(padded[tuple(cut)])
        return np.stack(parts)

    def positions(self, p: tuple[Expr, ...], q: tuple[Expr, ...]) -> list[Expr]:
        return [p[a] * self.strides[a] + q[a] * self.dilations[a] - self.pads[a] for a in range(len(self.kernel))]

    def borders(self, x: View, y: View) -> tuple[int, ...]:
        """`pads`, with an end pad also where ceil mode lets the last window stick out."""
        n = len(self.kernel)
        ends = [int(self._end(a, y.shape[2 + a]) > x.shape[2 + a]) for a in range(n)]
        return (*self.pads[:n], *ends)

    def _end(self, axis: int, windows: int) -> int:
        """Where the last of so many windows ends, seen from the input's first element."""
        return (windows - 1) * self.strides[axis] + (self.kernel[axis] - 1) * self.dilations[axis] + 1 - self.pads[axis]


@dataclass(frozen=True)
class Pool(Windowed):
    """A pool with one result, to which a fused tail may be applied."""

    tail: Map | None = None

    def infer(self, x: TensorType, *more: TensorType) -> TensorType:
        y = self.pooled(x)
        return y if self.tail is None else self.tail.infer(y, *more)

    def finish(self, y: Array, more: tuple[Array, ...]) -> Array:
        return y if self.tail is None else self.tail.reference(y, *more)


class Geometry(TypedDict):
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    ceil: bool


def geometry(r: Reader) -> Geometry:
    """The fields of an ONNX pool."""
    size = r.type().shape[2:]
    n = len(size)
    if r.op_type.startswith("Global"):
        return {"kernel": size, "strides": (1,) * n, "pads": (0,) * (2 * n), "dilations": (1,) * n, "ceil": False}
    kernel = tuple(r.attr("kernel_shape"))
    strides = tuple(r.attr("strides") or (1,) * n)
    dilations = tuple(r.attr("dilations") or (1,) * n)
    pads = resolve_padding(r, size, kernel, strides, dilations)
    ceil = bool(r.attr("ceil_mode", 0))
    return {"kernel": kernel, "strides": strides, "pads": pads, "dilations": dilations, "ceil": ceil}
