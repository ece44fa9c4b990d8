"""Reductions along any axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop import math
from compiler.loop.nodes import F64, I1, I64, U64, Binary, Expr, Type, Unary, const, select
from compiler.ops.base import Op, Reader, normal_axis
from compiler.ops.numbers import converted, rounded, wide
from compiler.ops.shaping import Identity, Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Cell, Kernel, View

Kind = Literal["mean", "sum", "max", "min", "prod", "l1", "l2", "log_sum", "log_sum_exp", "sum_square"]
_ONNX = {"Reduce" + "".join(p.title() for p in kind.split("_")): kind for kind in get_args(Kind)}
_PLAIN = ("mean", "sum", "max", "min", "prod")  # of one element: that element
_ROOTS = ("l2", "log_sum", "log_sum_exp")  # computed in float64 for integers


def _empty(kind: Kind, of: Type) -> float | int:
    """The reduction of nothing."""
    if kind in ("max", "min"):
        if of.is_float:
            return -np.inf if kind == "max" else np.inf
        if of == I1:
            return int(kind == "min")
        limits = np.iinfo(of.numpy)
        return int(limits.min if kind == "max" else limits.max)
    return 1 if kind == "prod" else 0


def _accumulator(kind: Kind, of: Type) -> Type:
    if of.is_float or kind not in ("mean", *_ROOTS):
        return of
    return F64 if kind in _ROOTS else (I64 if of.kind == "i" else U64)


@dataclass(frozen=True)
class Reduce(Op):
    """The reduced axes stay, with length one; a Reshape drops them where the source does.

    Integers wrap; their mean is truncated. max and min of nothing are the type's least and largest number.
    """

    kind: Kind = "sum"
    axes: tuple[int, ...] = ()
    onnx = tuple(_ONNX)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = dict.fromkeys(_ONNX, (1,))
    layout_rule = "same"

    def infer(self, x: TensorType) -> TensorType:
        return x.with_shape(tuple(1 if a in self.axes else n for a, n in enumerate(x.shape)))

    def reference(self, x: Array) -> Array:
        return rounded(np.asarray(self._reduced(wide(x))), str(x.dtype))

    def _reduced(self, x: Any) -> Any:
        axis = self.axes
        count = prod(x.shape[a] for a in axis)
        if self.kind in _ROOTS and x.dtype.kind in "iu":
            x = x.astype(np.float64)
        kept: dict[str, Any] = {"keepdims": True}
        match self.kind:
            case "mean" if x.dtype.kind in "iu":
                total = x.sum(axis, dtype=np.int64 if x.dtype.kind == "i" else np.uint64, **kept)
                return np.trunc(total.astype(np.longdouble) / count) if count else total
            case "mean":
                return x.mean(axis, **kept) if count else x.sum(axis, **kept)
            case "max" | "min" if count == 0:
                kind = Type("f" if x.dtype.kind == "f" else "i" if x.dtype.kind in "ib" else "u",
                            1 if x.dtype == np.bool_ else 8 * x.itemsize)  # fmt: skip
                return np.full([1 if a in axis else n for a, n in enumerate(x.shape)], _empty(self.kind, kind))
            case "max":
                return x.max(axis, **kept)
            case "min":
                return x.min(axis, **kept)
            case "prod":
                return x.prod(axis, dtype=x.dtype, **kept)
            case "l1":
                return np.abs(x).sum(axis, dtype=x.dtype, **kept)
            case "l2":
                return np.sqrt((x * x).sum(axis, dtype=x.dtype, **kept))
            case "sum_square":
                return (x * x).sum(axis, dtype=x.dtype, **kept)
            case "log_sum":
                return np.log(x.sum(axis, dtype=x.dtype, **kept))
            case "log_sum_exp":
                top = x.max(axis, initial=-np.inf, keepdims=True).astype(np.float64)
                top = np.where(np.isfinite(top), top, 0)
                return np.log(np.exp(x - top).sum(axis, **kept)) + top
            case "sum":
                return x.sum(axis, dtype=x.dtype, **kept)

    def lower(self, k: Kernel, x: View, y: View) -> None:
        kept = [1 if a in self.axes else n for a, n in enumerate(x.shape)]
        count = prod(x.shape[a] for a in self.axes)
        of = _accumulator(self.kind, x.type)
        with k.grid(kept) as outer:
            top = self._top(k, x, of, outer) if self.kind == "log_sum_exp" else None
            acc = k.cell("acc", const(_empty(self.kind, of), of))
            with k.grid([x.shape[a] for a in self.axes], "rstuvw") as inner:
                value = k.let("v", converted(x[self._at(outer, inner)], of))
                self._step(k, acc, value, top)
            result = acc.value
            match self.kind:
                case "mean" if count:
                    result = result * (1.0 / count) if of.is_float else result // count
                case "l2":
                    result = Unary("sqrt", result)
                case "log_sum":
                    result = math.log_(result)
                case "log_sum_exp":
                    assert top is not None
                    result = math.log_(result) + top
            k.store(y, outer, converted(result, y.type))

    def _at(self, outer: tuple[Expr, ...], inner: tuple[Expr, ...]) -> tuple[Expr, ...]:
        at = list(outer)
        for a, i in zip(self.axes, inner, strict=True):
            at[a] = i
        return tuple(at)

    def _step(self, k: Kernel, acc: Cell, value: Expr, top: Expr | None) -> None:
        match self.kind:
            case "max" | "min" if value.type == I1:
                acc.set(Binary("or" if self.kind == "max" else "and", acc.value, value))
            case "max":
                acc.set(select(value < acc.value, acc.value, value))
            case "min":
                acc.set(select(value > acc.value, acc.value, value))
            case "prod":
                acc.set(acc.value * value)
            case "l1":
                acc += Unary("abs", value) if value.type.kind != "u" else value
            case "l2" | "sum_square":
                acc += value * value
            case "log_sum_exp":
                assert top is not None
                acc += math.exp(value - top)
            case _:
                acc += value

    def _top(self, k: Kernel, x: View, of: Type, outer: tuple[Expr, ...]) -> Expr:
        """The largest element, so that no power overflows; 0 where it is not finite."""
        top = k.cell("top", const(-np.inf, of))
        with k.grid([x.shape[a] for a in self.axes], "rstuvw") as inner:
            value = k.let("v", converted(x[self._at(outer, inner)], of))
            top.set(select(value < top.value, top.value, value))
        finite = (top.value > -np.inf) & (top.value < np.inf)
        return k.let("shift", select(finite, top.value, 0.0))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, kind = r.type(), _ONNX[r.op_type]
        if x.dtype == "bool" and kind not in ("max", "min"):
            raise r.unsupported(f"{r.op_type} of bool has no meaning", "cast the input to int32")
        since = 13 if r.op_type == "ReduceSum" else 18
        if r.opset < since:
            given = r.attr("axes")
        else:
            given = r.constant(1).reshape(-1).tolist() if r.has(1) else None
        if not given and r.attr("noop_with_empty_axes", 0):
            return r.add(Identity() if kind in _PLAIN else cls(kind, ()), r.inputs[0])
        axes = tuple(sorted({normal_axis(int(a), x.rank) for a in given})) if given else tuple(range(x.rank))
        y = r.add(cls(kind, axes), r.inputs[0])
        if not r.attr("keepdims", 1):
            y = r.add(Reshape(tuple(n for a, n in enumerate(x.shape) if a not in axes)), y)
        return y
