"""Max and average pooling over any number of spatial axes, global pools included."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import inf, prod
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import F32, Cast, Const, Expr, const, maximum, minimum, select
from compiler.ops.base import Op, Reader, expect
from compiler.ops.conv import store_tail
from compiler.ops.elementwise import Map
from compiler.ops.window import inside, output_sizes, resolve_padding

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Pool(Op):
    """What both pools share: the window's geometry. x is (N, C, spatial...)."""

    kernel: tuple[int, ...] = (1, 1)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    ceil: bool = False
    tail: Map | None = None
    layout_rule = "channels_last"

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return output_sizes(shape[2:], self.kernel, self.strides, self.dilations, self.pads, self.ceil)

    def infer(self, x: TensorType, *more: TensorType) -> TensorType:
        expect(x.rank == len(self.kernel) + 2, "E0301", f"a pool over {len(self.kernel)} axes of {x}")
        sizes = self.sizes(x.shape)
        fits = all(s > 0 for s in sizes)
        expect(fits, "E0306", f"the window {self.kernel} is larger than the padded input {x.shape[2:]}")
        y = x.with_shape((*x.shape[:2], *sizes))
        return y if self.tail is None else y.with_shape(self.tail.infer(y, *more).shape)

    def windows(self, x: Array, empty: float) -> Array:
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

    def finish(self, y: Array, more: tuple[Array, ...]) -> Array:
        return y if self.tail is None else self.tail.reference(y, *more)

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
class MaxPool(Pool):
    """The largest element of each window; padding does not count."""

    onnx = ("MaxPool", "GlobalMaxPool")

    def reference(self, x: Array, *more: Array) -> Array:
        return self.finish(self.windows(x, -np.inf).max(axis=0), more)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p, k.loop(y.shape[1], "c") as c:
            best = k.cell("best", const(-np.inf, F32))
            with k.grid(self.kernel, "rst") as q:
                at = self.positions(p, q)
                with inside(k, at, x.shape[2:], self.borders(x, y)):
                    value = k.let("v", x[(i, c, *at)])
                    best.set(select(value < best.value, best.value, value))
            store_tail(k, self.tail, y, (i, c, *p), best.value, more)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.output_count > 1:
            raise r.unsupported("the Indices output of MaxPool is used", "use the values only")
        if r.type().dtype != "float32":
            raise r.unsupported(f"{r.op_type} of {r.type().dtype} has no kernel", "cast the input to float32")
        return r.add(cls(**_geometry(r)), r.value())


@dataclass(frozen=True)
class AveragePool(Pool):
    """The mean of each window; `include_pad` counts padding as zeros."""

    include_pad: bool = False
    onnx = ("AveragePool", "GlobalAveragePool")

    def _counts(self, shape: tuple[int, ...]) -> list[Array]:
        """For each axis, how many places of each window count."""
        counts = []
        for a, size in enumerate(self.sizes(shape)):
            low, high = self._counted(a, shape[2 + a])
            first = np.arange(size)[:, None] * self.strides[a] - self.pads[a]
            at = first + np.arange(self.kernel[a]) * self.dilations[a]
            counts.append(((at >= low) & (at < high)).sum(axis=1))
        return counts

    def _counted(self, axis: int, size: int) -> tuple[int, int]:
        """The range of places along an axis that count for the mean."""
        if not self.include_pad:
            return 0, size
        return -self.pads[axis], size + self.pads[len(self.kernel) + axis]

    def reference(self, x: Array, *more: Array) -> Array:
        total = self.windows(x, 0).sum(axis=0, dtype=x.dtype)
        for a, count in enumerate(self._counts(x.shape)):
            total = total / count.reshape([-1 if i == a + 2 else 1 for i in range(x.ndim)]).astype(x.dtype)
        return self.finish(total, more)

    def lower(self, k: Kernel, x: View, *rest: View) -> None:
        *more, y = rest
        n = len(self.kernel)
        counts = self._counts(x.shape)
        uniform = all((c == c[0]).all() for c in counts)
        with k.loop(y.shape[0], "n") as i, k.grid(y.shape[2:], "yxz") as p:
            elements = prod(int(c[0]) for c in counts)
            scale: Expr = const(1.0 / elements if elements else inf, F32)  # nothing but padding: 0 * inf, as 0 / 0
            if not uniform:
                size: Expr = Const(1)
                for a in range(n):
                    size = size * self._axis_count(p[a], a, *self._counted(a, x.shape[2 + a]))
                scale = k.let("scale", const(1.0, F32) / Cast(k.let("count", size), F32))
            with k.loop(y.shape[1], "c") as c:
                acc = k.sum(const(0.0, F32))
                with k.grid(self.kernel, "rst") as q:
                    at = self.positions(p, q)
                    with inside(k, at, x.shape[2:], self.borders(x, y)):
                        acc += x[(i, c, *at)]
                store_tail(k, self.tail, y, (i, c, *p), acc.value * scale, more)

    def _axis_count(self, p: Expr, a: int, low: int, high: int) -> Expr:
        """How many of the window's places along axis `a` lie in [low, high)."""
        start = p * self.strides[a] - self.pads[a]
        if self.dilations[a] == 1:
            return minimum(start + self.kernel[a], high) - maximum(start, low)
        total: Expr = Const(0)
        for q in range(self.kernel[a]):
            at = start + q * self.dilations[a]
            total = total + select((at >= low) & (at < high), 1, 0, like=at.type)
        return total

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.type().dtype != "float32":
            raise r.unsupported(f"{r.op_type} of {r.type().dtype} has no kernel", "cast the input to float32")
        return r.add(cls(**_geometry(r), include_pad=bool(r.attr("count_include_pad", 0))), r.value())


class _Geometry(TypedDict):
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    ceil: bool


def _geometry(r: Reader) -> _Geometry:
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
