"""Softmax and LogSoftmax along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop import math
from compiler.loop.nodes import const, maximum
from compiler.loop.storage import is_plain
from compiler.ops.base import Op, Reader, expect, normal_axis
from compiler.ops.numbers import require, rounded
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class Softmax(Op):
    """exp(x - max) / sum of exp(x - max), or its logarithm."""

    axis: int = -1
    log: bool = False
    onnx = ("Softmax", "LogSoftmax")
    dtypes = FLOATS
    layout_rule = "same"
    in_order = False

    def infer(self, x: TensorType) -> TensorType:
        expect(x.rank > 0 and 0 <= self.axis < x.rank, "E0303", f"softmax along axis {self.axis} of {x}")
        return x.with_shape(x.shape)

    def reference(self, x: Array) -> Array:
        shifted = x.astype(np.float64)
        shifted -= shifted.max(axis=self.axis, keepdims=True, initial=-np.inf)
        total = np.exp(shifted).sum(axis=self.axis, keepdims=True)
        if not is_plain(str(x.dtype)) and not self.log:  # every step rounded, as the standard's definition has it
            e = np.exp(shifted).astype(x.dtype).astype(np.float64)
            total = e.sum(axis=self.axis, keepdims=True).astype(x.dtype).astype(np.float64)
            return rounded(e / total, str(x.dtype))
        y: Array = shifted - np.log(total) if self.log else np.exp(shifted) / total
        return rounded(y, str(x.dtype))

    def lower(self, k: Kernel, x: View, y: View) -> None:
        if y.size == 0:
            return
        outer = [n for a, n in enumerate(x.shape) if a != self.axis]
        with k.grid(outer) as rest:

            def at(i: Any) -> tuple[Any, ...]:
                return (*rest[: self.axis], i, *rest[self.axis :])

            top = k.cell("top", x[at(0)])
            with k.loop(x.shape[self.axis], "i", start=1) as i:
                top.set(maximum(k.let("v", x[at(i)]), top.value))
            total = k.sum(const(0.0, x.type), "total")
            small = y.storage is not None  # then every step is rounded, as the standard's definition of softmax has it
            with k.loop(x.shape[self.axis], "i") as i:
                if self.log:
                    total += math.exp(x[at(i)] - top.value)
                else:
                    e = k.let("e", math.exp(x[at(i)] - top.value))
                    k.store(y, at(i), e)
                    total += y[at(i)] if small else e
            if small and not self.log:
                divisor = k.let("divisor", y.again(total.value))
                with k.loop(x.shape[self.axis], "i") as i:
                    k.store(y, at(i), y[at(i)] / divisor)
                return
            scale = k.let("scale", math.log_(total.value) if self.log else const(1.0, x.type) / total.value)
            with k.loop(x.shape[self.axis], "i") as i:
                k.store(y, at(i), (x[at(i)] - top.value) - scale if self.log else y[at(i)] * scale)

    def in_place(self) -> tuple[int, ...]:
        return (0,)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, log = r.type(), r.op_type == "LogSoftmax"
        require(r, cls.dtypes)
        if r.opset >= 13:
            return r.add(cls(normal_axis(int(r.attr("axis", -1)), x.rank), log), r.inputs[0])
        axis = normal_axis(int(r.attr("axis", 1)), x.rank)  # before opset 13: over all axes from `axis` on
        if axis == x.rank - 1:
            return r.add(cls(axis, log), r.inputs[0])
        flat = r.add(Reshape((prod(x.shape[:axis]), prod(x.shape[axis:]))), r.inputs[0])
        return r.add(Reshape(x.shape), r.add(cls(1, log), flat))
