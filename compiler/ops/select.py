"""The largest or smallest along an axis: ArgMax, ArgMin, TopK, Hardmax. A NaN is never chosen before a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I64, Cast, Compare, Const, Expr, minimum
from compiler.ops.base import Op, Reader, Spelling, expect, normal_axis
from compiler.ops.numbers import wide
from compiler.ops.one_hot import OneHot
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


def better(a: Expr, b: Expr, largest: bool, ties: bool = False) -> Expr:
    """Does `a` come before `b`? Numbers come before NaN; `ties`: also where both are equal."""
    op = ("ge" if largest else "le") if ties else ("gt" if largest else "lt")
    first: Expr = Compare(op, a, b)  # type: ignore[arg-type]
    if a.type.is_float:
        first = first | (Compare("ne", b, b) & (Compare("eq", a, a) if not ties else Const(1, first.type)))
    return first


def _ranks(x: Array, axis: int, largest: bool) -> Array:
    """Numbers that sort as elements are wanted: the best first, NaN last, equal ones in their order."""
    x = wide(x)
    order: Array = np.argsort(x, axis=axis, kind="stable")  # NaN lies at the end
    if not largest:
        return order
    n = x.shape[axis]
    backward: Array = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    descending: Array = (n - 1) - backward
    if x.dtype.kind != "f":
        return descending
    missing = np.take_along_axis(np.isnan(x), descending, axis)
    return np.take_along_axis(descending, np.argsort(missing, axis=axis, kind="stable"), axis)


@dataclass(frozen=True)
class ArgBest(Op):
    """The index of the largest (or smallest) element along an axis, which stays with length one."""

    axis: int = 0
    largest: bool = True
    last: bool = False
    onnx = ("ArgMax", "ArgMin")
    layout_rule = "same"

    def infer(self, x: TensorType) -> TensorType:
        expect(0 <= self.axis < x.rank and x.shape[self.axis] > 0, "E0303", f"the best along axis {self.axis} of {x}")
        return TensorType.of("int64", tuple(1 if a == self.axis else n for a, n in enumerate(x.shape)))

    def reference(self, x: Array) -> Array:
        rows = np.flip(x, self.axis) if self.last else x
        first = np.take(_ranks(rows, self.axis, self.largest), [0], self.axis)
        return (x.shape[self.axis] - 1 - first if self.last else first).astype(np.int64)

    def lower(self, k: Kernel, x: View, y: View) -> None:
        with k.over(y) as at:
            best, place = k.cell("best", x[at]), k.cell("place", Const(0))
            with k.loop(x.shape[self.axis], "i", start=1) as i:
                value = k.let("v", x[(*at[: self.axis], i, *at[self.axis + 1 :])])
                with k.when(better(value, best.value, self.largest, self.last)):
                    best.set(value)
                    place.set(i)
            k.store(y, at, Cast(place.value, I64))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        axis = normal_axis(int(r.attr("axis", 0)), x.rank)
        y = r.add(cls(axis, r.op_type == "ArgMax", bool(r.attr("select_last_index", 0))), r.inputs[0])
        if not r.attr("keepdims", 1):
            y = r.add(Reshape((*x.shape[:axis], *x.shape[axis + 1 :])), y)
        return y


@dataclass(frozen=True)
class TopK(Op):
    """The k best elements along an axis in order, and their indices; of equal ones the first comes first."""

    axis: int = 0
    count: int = 1
    largest: bool = True
    onnx = ("TopK",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"TopK": (1,)}
    layout_rule = "same"

    def infer(self, x: TensorType) -> tuple[TensorType, TensorType]:
        fits = 0 <= self.axis < x.rank and 0 <= self.count <= x.shape[self.axis]
        expect(fits, "E0303", f"the best {self.count} along axis {self.axis} of {x}")
        shape = (*x.shape[: self.axis], self.count, *x.shape[self.axis + 1 :])
        return x.with_shape(shape), TensorType.of("int64", shape)

    def reference(self, x: Array) -> tuple[Array, Array]:
        indices = np.take(_ranks(x, self.axis, self.largest), range(self.count), self.axis)
        return np.take_along_axis(x, indices, self.axis), indices.astype(np.int64)

    def lower(self, k: Kernel, x: View, values: View, indices: View) -> None:
        """The results are a sorted list into which every element is put at its place, if it has one."""
        n, count = x.shape[self.axis], self.count
        if values.size == 0:
            return
        with k.grid([m for a, m in enumerate(x.shape) if a != self.axis]) as rest:

            def at(i: Expr) -> tuple[Expr, ...]:
                return (*rest[: self.axis], i, *rest[self.axis :])

            def put(value: Expr, i: Expr) -> None:
                place = k.cell("place", minimum(i, count - 1))
                with k.loop(count, "p", start=1, down=True) as p:
                    previous = k.let("u", values[at(p - 1)])
                    with k.when(place.value.eq(p) & better(value, previous, self.largest)):
                        k.store(values, at(p), previous)
                        k.store(indices, at(p), indices[at(p - 1)])
                        place.set(p - 1)
                k.store(values, at(place.value), value)
                k.store(indices, at(place.value), Cast(i, I64))

            with k.loop(count, "i") as i:
                put(k.let("v", x[at(i)]), i)
            if count < n:
                with k.loop(n, "i", start=count) as i:
                    value = k.let("v", x[at(i)])
                    with k.when(better(value, values[at(Const(count - 1))], self.largest)):
                        put(value, i)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        count = int(r.attr("k")) if r.opset < 10 else int(r.constant(1).reshape(-1)[0])
        axis = normal_axis(int(r.attr("axis", -1)), x.rank)
        return r.add_many(cls(axis, count, bool(r.attr("largest", 1))), r.inputs[0])


@dataclass(frozen=True)
class Hardmax(Spelling):
    """1 at the first largest element along an axis, 0 elsewhere."""

    onnx = ("Hardmax",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, value = r.type(), r.value()
        axis = normal_axis(int(r.attr("axis", -1 if r.opset >= 13 else 1)), x.rank)
        if r.opset < 13:  # over all axes from `axis` on
            value = r.add(Reshape((prod(x.shape[:axis]), prod(x.shape[axis:]))), value)
            axis = 1
        kept = tuple(n for a, n in enumerate(value.shape) if a != axis)
        best = r.add(Reshape(kept), r.add(ArgBest(axis), value))
        y = r.add(OneHot(axis, value.shape[axis]), best, r.const(np.asarray([0, 1], np.dtype(x.dtype))))
        return r.add(Reshape(x.shape), y)
