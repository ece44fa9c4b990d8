"""Elements written to places that are known at run time: Scatter, ScatterElements, ScatterND, TensorScatter."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from compiler.graph.types import INTEGERS, Array, TensorType
from compiler.loop.nodes import I1, I32, Binary, Cast, Compare, Const, Expr, select
from compiler.ops.base import Op, Reader, expect, normal_axis
from compiler.ops.indexing import as_stored, bounded, safe_index, safe_indices

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

Reduction = Literal["none", "add", "mul", "min", "max"]
_NUMPY: dict[str, Any] = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}


def combined(how: Reduction, a: Expr, b: Expr) -> Expr:
    """`a` and `b` in one; min and max give NaN where either is one."""
    if a.type == I1:
        return Binary("or" if how in ("add", "max") else "and", a, b)
    match how:
        case "add":
            return a + b
        case "mul":
            return a * b
        case "min" | "max":
            first = a < b if how == "min" else a > b
            return select(first | Compare("ne", a, a), a, b) if a.type.is_float else select(first, a, b)
        case "none":
            return b


def _written(y: Array, places: tuple[Array, ...], updates: Array, how: Reduction) -> Array:
    """`y` with the updates, one after another; float16 and smaller types are rounded after each of them."""
    if how == "none":
        y[places] = updates  # of several for one place the last
    else:
        _NUMPY[how].at(y, places, updates)
    return y


def _copied(k: Kernel, x: View, y: View) -> None:
    x, y = as_stored(x, y)
    with k.over(y) as at:
        k.store(y, at, x[at])


def _update(k: Kernel, y: View, at: tuple[Expr, ...], update: Expr, how: Reduction) -> None:
    k.store(y, at, combined(how, y[at], update))


@dataclass(frozen=True)
class ScatterElements(Op):
    """y = x, then y[i with indices[i] at `axis`] takes updates[i], in the order of i.

    Negative indices count from the end, what lies outside is clamped.
    """

    axis: int = 0
    reduction: Reduction = "none"
    onnx = ("ScatterElements", "Scatter")

    def infer(self, x: TensorType, indices: TensorType, updates: TensorType) -> TensorType:
        expect(x.rank == indices.rank and 0 <= self.axis < x.rank, "E0303", f"ScatterElements of {x} by {indices}")
        sizes = zip(indices.shape, x.shape, strict=True)
        fits = all(n <= m if a != self.axis else m > 0 or n == 0 for a, (n, m) in enumerate(sizes))
        fits = fits and updates.shape == indices.shape
        expect(fits, "E0301", f"ScatterElements of {updates} into {x} by {indices}")
        expect(indices.dtype in INTEGERS and x.dtype == updates.dtype, "E0305",
               f"ScatterElements of {updates} into {x} by {indices}")  # fmt: skip
        return x.with_shape(x.shape)

    def reference(self, x: Array, indices: Array, updates: Array) -> Array:
        places: list[Array] = list(np.indices(indices.shape))
        places[self.axis] = safe_indices(indices, x.shape[self.axis])
        return _written(x.copy(), tuple(places), updates, self.reduction)

    def lower(self, k: Kernel, x: View, indices: View, updates: View, y: View) -> None:
        _copied(k, x, y)
        if indices.size == 0:
            return
        if self.reduction == "none":
            updates, y = as_stored(updates, y)
        with k.grid(indices.shape) as at:
            chosen = safe_index(k, indices[at], x.shape[self.axis])
            _update(k, y, (*at[: self.axis], chosen, *at[self.axis + 1 :]), updates[at], self.reduction)

    def in_place(self) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(normal_axis(int(r.attr("axis", 0)), r.type().rank), _reduction(r)), *r.inputs)


@dataclass(frozen=True)
class ScatterND(Op):
    """y = x, then y[indices[i, :].., r..] takes updates[i, r..], in the order of i."""

    reduction: Reduction = "none"
    onnx = ("ScatterND",)

    def infer(self, x: TensorType, indices: TensorType, updates: TensorType) -> TensorType:
        fits = indices.rank > 0 and indices.shape[-1] <= x.rank
        fits = fits and updates.shape == (*indices.shape[:-1], *x.shape[indices.shape[-1] :])
        fits = fits and (updates.elements == 0 or prod(x.shape[: indices.shape[-1]]) > 0)
        expect(fits, "E0301", f"ScatterND of {updates} into {x} by {indices}")
        expect(indices.dtype in INTEGERS and x.dtype == updates.dtype, "E0305",
               f"ScatterND of {updates} into {x} by {indices}")  # fmt: skip
        return x.with_shape(x.shape)

    def reference(self, x: Array, indices: Array, updates: Array) -> Array:
        places = tuple(safe_indices(indices[..., i], x.shape[i]) for i in range(indices.shape[-1]))
        if not places:  # every update is one of the whole tensor
            y = x.copy()
            for update in updates.reshape(-1, *x.shape):
                y = _written(y[None], (np.zeros(1, np.int64),), update[None], self.reduction)[0]
            return y
        return _written(x.copy(), places, updates, self.reduction)

    def lower(self, k: Kernel, x: View, indices: View, updates: View, y: View) -> None:
        _copied(k, x, y)
        if updates.size == 0:
            return
        depth = indices.shape[-1]
        if self.reduction == "none":
            updates, y = as_stored(updates, y)
        with k.grid(indices.shape[:-1]) as at:
            chosen = [safe_index(k, indices[(*at, i)], x.shape[i]) for i in range(depth)]
            with k.grid(x.shape[depth:], "rstuvwxyz") as rest:
                _update(k, y, (*chosen, *rest), updates[(*at, *rest)], self.reduction)

    def in_place(self) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(_reduction(r)), *r.inputs)


def _reduction(r: Reader) -> Reduction:
    how: Reduction = r.attr("reduction", "none")
    if how not in ("none", *_NUMPY):
        raise r.unsupported(f"the reduction '{str(how)[:40]}'")
    return how


@dataclass(frozen=True)
class TensorScatter(Op):
    """y = x, then y[b.., starts[b] + t, ..] = updates[b.., t, ..] along `axis`: a cache of keys or values grows.

    `circular` places start again at 0 behind the end; otherwise what lies outside is not written.
    """

    axis: int = 1
    circular: bool = False
    onnx = ("TensorScatter",)

    def infer(self, x: TensorType, updates: TensorType, starts: TensorType) -> TensorType:
        expect(x.rank == updates.rank and 0 < self.axis < x.rank, "E0303", f"TensorScatter along axis {self.axis}")
        sizes = enumerate(zip(updates.shape, x.shape, strict=True))
        fits = all(n <= m if a == self.axis else n == m for a, (n, m) in sizes) and starts.shape == x.shape[:1]
        expect(fits, "E0301", f"TensorScatter of {updates} into {x} at {starts}")
        expect(starts.dtype in INTEGERS and x.dtype == updates.dtype, "E0305", f"TensorScatter of {updates} into {x}")
        return x.with_shape(x.shape)

    def reference(self, x: Array, updates: Array, starts: Array) -> Array:
        y, n = np.moveaxis(x.copy(), self.axis, 1), x.shape[self.axis]
        moved = np.moveaxis(updates, self.axis, 1)
        for b, t in np.ndindex(moved.shape[:2]):
            place = int(starts[b]) + t
            if self.circular or 0 <= place < n:
                y[b, place % n] = moved[b, t]
        return np.moveaxis(y, 1, self.axis)

    def lower(self, k: Kernel, x: View, updates: View, starts: View, y: View) -> None:
        _copied(k, x, y)
        if updates.size == 0:
            return
        n = x.shape[self.axis]
        updates, y = as_stored(updates, y)
        with k.loop(x.shape[0], "b") as b:
            start = _start(k, starts[b], n, self.circular)
            with k.grid(updates.shape[1:]) as at:
                place = k.let("at", start + at[self.axis - 1])
                to = (b, *at[: self.axis - 1], place % n if self.circular else place, *at[self.axis :])
                if self.circular:
                    k.store(y, to, updates[(b, *at)])
                else:
                    with k.when((place >= 0) & (place < n)):
                        k.store(y, to, updates[(b, *at)])

    def in_place(self) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        starts = r.inputs[2] if r.has(2) else r.const(np.zeros(x.shape[:1], np.int64))
        circular = r.attr("mode", "linear") == "circular"
        return r.add(cls(normal_axis(int(r.attr("axis", -2)), x.rank), circular), *r.inputs[:2], starts)


def _start(k: Kernel, start: Expr, size: int, circular: bool) -> Expr:
    """Where a batch's updates begin, as int32: modulo the axis, or kept within reach of it."""
    if isinstance(start, Const):
        value = int(start.value)
        return Const(value % size if circular else min(max(value, -size), size))
    if not circular:
        return k.let("start", bounded(start, -size, size))
    rest = k.let("rest", Cast(start % size, I32))
    return k.let("start", select(rest < 0, rest + size, rest))
