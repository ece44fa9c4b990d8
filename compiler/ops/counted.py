"""Results whose size depends on the data: NonZero, Compress, Unique, NonMaxSuppression.

A result has the largest size that is possible; how much of it counts is an output of the model beside it, named
after it with "_count". What lies behind is -1 where it is an index, else 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import F32, I32, I64, U8, Cast, Const, Expr, Type, const, maximum, minimum, select
from compiler.ops.base import Op, Reader, expect, normal_axis
from compiler.ops.indexing import as_stored, bounded
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Cell, Kernel, View


def _counter(shape: tuple[int, ...] = (1,)) -> TensorType:
    return TensorType.of("int64", shape)


def _true(value: Expr) -> Expr:
    return value if value.type.bits == 1 else value.ne(const(0, value.type))


@dataclass(frozen=True)
class NonZero(Op):
    """The indices of elements that are not zero, one column for each, in row-major order; and their number."""

    onnx = ("NonZero",)

    def infer(self, x: TensorType) -> tuple[TensorType, TensorType]:
        return TensorType.of("int64", (x.rank, x.elements)), _counter()

    def reference(self, x: Array) -> tuple[Array, Array]:
        flat = np.flatnonzero(x.reshape(-1) != np.zeros((), x.dtype))
        y = np.full((x.ndim, x.size), -1, np.int64)
        if x.ndim:
            y[:, : len(flat)] = np.unravel_index(flat, x.shape)
        return y, np.asarray([len(flat)], np.int64)

    def lower(self, k: Kernel, x: View, y: View, count: View) -> None:
        found = k.cell("found", Const(0))
        with k.grid(x.shape) as at, k.when(_true(k.let("v", x[at]))):
            for axis, i in enumerate(at):
                k.store(y, (axis, found.value), Cast(i, I64))
            found += Const(1)
        with k.loop(x.size, "i", start=found.value) as i, k.loop(len(x.shape), "a") as a:
            k.store(y, (a, i), const(-1, I64))
        k.store(count, (0,), Cast(found.value, I64))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        y, count = r.add_many(cls(), r.inputs[0])
        return r.counted(count, y, axis=1)


@dataclass(frozen=True)
class Compress(Op):
    """The slices of x along `axis` at which the condition is true, in order; and their number."""

    axis: int = 0
    onnx = ("Compress",)

    def infer(self, x: TensorType, condition: TensorType) -> tuple[TensorType, TensorType]:
        fits = 0 <= self.axis < x.rank and condition.rank == 1 and condition.shape[0] <= x.shape[self.axis]
        expect(fits, "E0301", f"Compress of {x} along axis {self.axis} by {condition}")
        return x.with_shape(
            tuple(condition.shape[0] if a == self.axis else n for a, n in enumerate(x.shape))
        ), _counter()

    def reference(self, x: Array, condition: Array) -> tuple[Array, Array]:
        found = np.compress(condition, x, self.axis)
        y = np.zeros([len(condition) if a == self.axis else n for a, n in enumerate(x.shape)], x.dtype)
        y[tuple(slice(n) for n in found.shape)] = found
        return y, np.asarray([found.shape[self.axis]], np.int64)

    def lower(self, k: Kernel, x: View, condition: View, y: View, count: View) -> None:
        x, y = as_stored(x, y)
        found = k.cell("found", Const(0))
        rest = [n for a, n in enumerate(x.shape) if a != self.axis]

        def at(others: tuple[Expr, ...], i: Expr) -> tuple[Expr, ...]:
            return (*others[: self.axis], i, *others[self.axis :])

        with k.loop(condition.shape[0], "c") as c, k.when(_true(condition[c])):
            with k.grid(rest) as others:
                k.store(y, at(others, found.value), x[at(others, c)])
            found += Const(1)
        with k.loop(condition.shape[0], "c", start=found.value) as c, k.grid(rest) as others:
            k.store(y, at(others, c), const(0, y.type))
        k.store(count, (0,), Cast(found.value, I64))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, axis = r.value(), r.attr("axis")
        if axis is None:
            x = r.add(Reshape((x.type.elements,)), x)
        axis = normal_axis(int(axis or 0), x.type.rank)
        y, count = r.add_many(cls(axis), x, r.inputs[1])
        return r.counted(count, y, axis=axis)


@dataclass(frozen=True)
class NonMaxSuppression(Op):
    """(image, class, box) of the boxes with the best scores that overlap no better one too much; and their number.

    Operands: boxes (images, n, 4), scores (images, classes, n), then one number each: how many boxes to take for each
    class, of which overlap (intersection over union), and of which score on. `most` bounds the first.
    """

    most: int = 1
    centers: bool = False
    onnx = ("NonMaxSuppression",)

    def infer(self, boxes: TensorType, scores: TensorType, *numbers: TensorType) -> tuple[TensorType, TensorType]:
        fits = boxes.rank == scores.rank == 3 and boxes.shape[2] == 4 and len(numbers) == 3
        fits = fits and boxes.shape[:2] == (scores.shape[0], scores.shape[2]) and all(t.elements == 1 for t in numbers)
        expect(fits, "E0301", f"NonMaxSuppression of {boxes} with {scores}")
        return TensorType.of("int64", (prod(scores.shape[:2]) * self.most, 3)), _counter()

    def reference(self, boxes: Array, scores: Array, *numbers: Array) -> tuple[Array, Array]:
        take, overlap, least = (a.reshape(-1)[0] for a in numbers)
        y, found = np.full((prod(scores.shape[:2]) * self.most, 3), -1, np.int64), 0
        for image, kind in np.ndindex(scores.shape[:2]):
            free = scores[image, kind] > least
            for _ in range(min(max(int(take), 0), self.most)):
                if not free.any():
                    break
                best = int(np.argmax(np.where(free, scores[image, kind], -np.inf)))
                y[found] = image, kind, best
                found += 1
                free = free & ~(self._overlaps(boxes[image], boxes[image, best]) > overlap)
                free[best] = False
        return y, np.asarray([found], np.int64)

    def _overlaps(self, boxes: Array, best: Array) -> Array:
        lows, highs = zip(*(self._sides(boxes, a) for a in range(2)), strict=True)
        own_lows, own_highs = zip(*(self._sides(best, a) for a in range(2)), strict=True)
        common = [np.minimum(highs[a], own_highs[a]) - np.maximum(lows[a], own_lows[a]) for a in range(2)]
        both = np.maximum(common[0], 0) * np.maximum(common[1], 0)
        size = (highs[0] - lows[0]) * (highs[1] - lows[1])
        total = size + (own_highs[0] - own_lows[0]) * (own_highs[1] - own_lows[1]) - both
        return np.where(total > 0, both / np.where(total > 0, total, 1), 0)

    def _sides(self, boxes: Array, axis: int) -> tuple[Array, Array]:
        a, b = boxes[..., axis], boxes[..., axis + 2]
        return (a - b / 2, a + b / 2) if self.centers else (np.minimum(a, b), np.maximum(a, b))

    def scratch(self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]) -> tuple[Type, int]:
        boxes = inputs[0]
        assert boxes is not None
        return U8, boxes.shape[1]  # is this box still free?

    def lower(self, k: Kernel, boxes: View, scores: View, *rest: View) -> None:
        take, overlap, least, y, count, *working = rest
        found = k.cell("found", Const(0))
        if y.size:
            limit, threshold = k.let("take", bounded(take.at(0), 0, self.most)), k.let("overlap", overlap.at(0))
            lowest = k.let("lowest", least.at(0))
            with k.grid(scores.shape[:2], "bc") as (image, kind):
                self._class(k, boxes, scores, y, working[0], (image, kind), found, limit, threshold, lowest)
        with k.loop(y.shape[0], "i", start=found.value) as i, k.loop(3, "j") as j:
            k.store(y, (i, j), const(-1, I64))
        k.store(count, (0,), Cast(found.value, I64))

    def _class(
        self, k: Kernel, boxes: View, scores: View, y: View, free: View, at: tuple[Expr, Expr], found: Cell,
        limit: Expr, overlap: Expr, lowest: Expr,
    ) -> None:  # fmt: skip
        n = boxes.shape[1]
        with k.loop(n, "i") as i:
            k.store_at(free, i, Cast(scores[(*at, i)] > lowest, U8))
        with k.loop(limit, "t"):
            best, place = k.cell("best", const(-np.inf, scores.type)), k.cell("place", const(-1, I32))
            with k.loop(n, "i") as i:
                score = k.let("s", scores[(*at, i)])
                with k.when(free.at(i).ne(0) & ((place.value < 0) | (score > best.value))):
                    best.set(score)
                    place.set(i)
            with k.when(place.value >= 0):
                for column, value in enumerate((*at, place.value)):
                    k.store(y, (found.value, column), Cast(value, I64))
                found += Const(1)
                k.store_at(free, place.value, const(0, U8))
                mine = [self._ends(k, boxes, at[0], place.value, a) for a in range(2)]
                with (
                    k.loop(n, "i") as i,
                    k.when(free.at(i).ne(0)),
                    k.when(self._overlap(k, boxes, at[0], i, mine) > overlap),
                ):
                    k.store_at(free, i, const(0, U8))

    def _ends(self, k: Kernel, boxes: View, image: Expr, i: Expr, axis: int) -> tuple[Expr, Expr]:
        a, b = k.let("a", boxes[image, i, axis]), k.let("b", boxes[image, i, axis + 2])
        if self.centers:
            return k.let("l", a - b * 0.5), k.let("h", a + b * 0.5)
        return k.let("l", minimum(a, b)), k.let("h", maximum(a, b))

    def _overlap(self, k: Kernel, boxes: View, image: Expr, i: Expr, mine: list[tuple[Expr, Expr]]) -> Expr:
        own = [self._ends(k, boxes, image, i, a) for a in range(2)]
        sides = [maximum(minimum(o[1], m[1]) - maximum(o[0], m[0]), 0.0) for o, m in zip(own, mine, strict=True)]
        both = k.let("both", sides[0] * sides[1])
        sizes = [(b[0][1] - b[0][0]) * (b[1][1] - b[1][0]) for b in (own, mine)]
        total = k.let("total", sizes[0] + sizes[1] - both)
        return select(total > 0.0, both / total, const(0.0, F32))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        n = r.type().shape[1] if r.type().rank == 3 else 0
        given = r.known(2)
        most = n if given is None and r.has(2) else 0 if given is None else int(given.reshape(-1)[0])
        numbers = [
            r.inputs[2] if r.has(2) else r.const(np.asarray(0, np.int64)),
            r.inputs[3] if r.has(3) else r.const(np.asarray(0, np.float32)),
            r.inputs[4] if r.has(4) else r.const(np.asarray(-np.inf, np.float32)),
        ]
        op = cls(max(0, min(most, n)), bool(r.attr("center_point_box", 0)))
        y, count = r.add_many(op, *r.inputs[:2], *numbers)
        return r.counted(count, y)


@dataclass(frozen=True)
class Unique(Op):
    """The different elements of x, sorted or as they first occur; where each first occurs; for each element of x its
    place among them; how often each occurs; and their number."""

    ordered: bool = True
    onnx = ("Unique",)

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        many = _counter((x.elements,))
        return x.with_shape((x.elements,)), many, many, many, _counter()

    def reference(self, x: Array) -> tuple[Array, ...]:
        flat = x.reshape(-1)
        y, first, inverse, often = np.unique(flat, return_index=True, return_inverse=True, return_counts=True)
        order = np.arange(len(y)) if self.ordered else np.argsort(first)
        back = np.argsort(order)
        results = [np.zeros(x.size, x.dtype), *(np.full(x.size, -1, np.int64) for _ in range(2)),
                   np.zeros(x.size, np.int64)]  # fmt: skip
        for to, values in zip((0, 1, 3), (y[order], first[order], often[order]), strict=True):
            results[to][: len(y)] = values
        results[2][:] = back[inverse.reshape(-1)]
        return (*results, np.asarray([len(y)], np.int64))

    def lower(self, k: Kernel, x: View, y: View, first: View, inverse: View, often: View, count: View) -> None:
        """An element is put at its place among those found, which move up; places are corrected at the end."""
        n, found = x.size, k.cell("found", Const(0))
        with k.loop(n, "i") as i:
            value = k.let("v", x.at(i))
            known, place = k.cell("known", const(-1, I32)), k.cell("place", Const(0))
            with k.loop(found.value, "j") as j:
                with k.when(y[j].eq(value)):
                    known.set(j)
                with k.when(y[j] < value if self.ordered else j >= 0):
                    place.set(j + 1)
            with k.when(known.value >= 0):
                k.store(often, (known.value,), often[known.value] + 1)
            with k.when(known.value < 0):
                with k.loop(n, "j", start=1, down=True) as j, k.when((j <= found.value) & (j > place.value)):
                    k.store(y, (j,), y[j - 1])
                    k.store(first, (j,), first[j - 1])
                    k.store(often, (j,), often[j - 1])
                k.store(y, (place.value,), value)
                k.store(first, (place.value,), Cast(i, I64))
                k.store(often, (place.value,), const(1, I64))
                found += Const(1)
        with k.loop(n, "i") as i, k.loop(found.value, "j") as j, k.when(y[j].eq(x.at(i))):
            k.store(inverse, (i,), Cast(j, I64))
        with k.loop(n, "i", start=found.value) as i:
            k.store(y, (i,), const(0, y.type))
            k.store(first, (i,), const(-1, I64))
            k.store(often, (i,), const(0, I64))
        k.store(count, (0,), Cast(found.value, I64))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.value()
        if x.type.dtype == "bool" or (r.attr("axis") is not None and x.type.rank != 1):
            raise r.unsupported("Unique of bool or along an axis", "use it on numbers, without `axis`")
        y, first, inverse, often, count = r.add_many(cls(bool(r.attr("sorted", 1))), x)
        y, first, often = r.counted(count, y, first, often)
        return y, first, inverse, often
