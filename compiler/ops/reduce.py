"""Reductions along any axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import F32, const, select
from compiler.ops.base import Op, Reader, normal_axis
from compiler.ops.shaping import Identity, Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

Kind = Literal["mean", "sum", "max", "min"]
_NUMPY: dict[Kind, Callable[..., Array]] = {"mean": np.mean, "sum": np.sum, "max": np.max, "min": np.min}
_KINDS: dict[str, Kind] = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min"}
_EMPTY = {"sum": 0.0, "mean": 0.0, "max": -np.inf, "min": np.inf}


@dataclass(frozen=True)
class Reduce(Op):
    """The reduced axes stay, with length one; a Reshape drops them where the source does."""

    kind: Kind = "sum"
    axes: tuple[int, ...] = ()
    onnx = tuple(_KINDS)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = dict.fromkeys(_KINDS, (1,))
    layout_rule = "same"

    def infer(self, x: TensorType) -> TensorType:
        return x.with_shape(tuple(1 if a in self.axes else n for a, n in enumerate(x.shape)))

    def reference(self, x: Array) -> Array:
        if prod(x.shape[a] for a in self.axes) == 0 and self.kind in ("max", "min"):
            return np.full(self.infer(TensorType.of("float32", x.shape)).shape, _EMPTY[self.kind], np.float32)
        return _NUMPY[self.kind](x, axis=self.axes, keepdims=True).astype(x.dtype)

    def lower(self, k: Kernel, x: View, y: View) -> None:
        kept = [1 if a in self.axes else n for a, n in enumerate(x.shape)]
        count = prod(x.shape[a] for a in self.axes)
        with k.grid(kept) as outer:
            acc = k.cell("acc", const(_EMPTY[self.kind], F32))
            with k.grid([x.shape[a] for a in self.axes], "rstuvw") as inner:
                at = list(outer)
                for a, i in zip(self.axes, inner, strict=True):
                    at[a] = i
                value = k.let("v", x[tuple(at)])
                if self.kind in ("sum", "mean"):
                    acc += value
                elif self.kind == "max":
                    acc.set(select(value < acc.value, acc.value, value))
                else:
                    acc.set(select(value > acc.value, acc.value, value))
            k.store(y, outer, acc.value * (1.0 / count) if self.kind == "mean" and count else acc.value)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x = r.type()
        if x.dtype != "float32":
            raise r.unsupported(f"{r.op_type} of {x.dtype} has no kernel", "cast the input to float32")
        since = 13 if r.op_type == "ReduceSum" else 18
        if r.opset < since:
            given = r.attr("axes")
        else:
            given = r.constant(1).reshape(-1).tolist() if r.has(1) else None
        if not given and r.attr("noop_with_empty_axes", 0):
            return r.add(Identity(), r.inputs[0])
        axes = tuple(sorted({normal_axis(int(a), x.rank) for a in given})) if given else tuple(range(x.rank))
        y = r.add(cls(_KINDS[r.op_type], axes), r.inputs[0])
        if not r.attr("keepdims", 1):
            y = r.add(Reshape(tuple(n for a, n in enumerate(x.shape) if a not in axes)), y)
        return y
