"""Batch normalisation at inference: a scale and a shift for each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import Unary
from compiler.ops.base import Op, Reader, expect

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class BatchNorm(Op):
    """y = (x - mean) / sqrt(var + eps) * gamma + beta along axis 1. Usually folded into the operator before it."""

    eps: float = 1e-5
    onnx = ("BatchNormalization",)
    layout_rule = "same"

    def infer(self, x: TensorType, *params: TensorType) -> TensorType:
        channels = x.shape[1] if x.rank > 1 else 1
        expect(len(params) == 4, "E0304", "BatchNormalization takes scale, bias, mean and variance")
        expect(all(p.shape == (channels,) for p in params), "E0301", f"BatchNormalization of {x} with {params[0]}")
        return x.with_shape(x.shape)

    def reference(self, x: Array, gamma: Array, beta: Array, mean: Array, var: Array) -> Array:
        shape = (1, -1, *[1] * (x.ndim - 2)) if x.ndim > 1 else (1,)
        gain = gamma / np.sqrt(var + np.float32(self.eps))
        return (x - mean.reshape(shape)) * gain.reshape(shape) + beta.reshape(shape)

    def lower(self, k: Kernel, x: View, gamma: View, beta: View, mean: View, var: View, y: View) -> None:
        with k.grid(y.shape) as at:
            c = at[1] if len(at) > 1 else 0
            gain = gamma[c] / Unary("sqrt", var[c] + float(np.float32(self.eps)))
            k.store(y, at, (x[at] - mean[c]) * gain + beta[c])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.attr("training_mode", 0) or r.output_count > 1:
            raise r.unsupported("BatchNormalization in training mode", "export the model in eval mode")
        if r.type().dtype != "float32":
            raise r.unsupported(f"BatchNormalization of {r.type().dtype} has no kernel", "cast the input to float32")
        return r.add(cls(float(r.attr("epsilon", 1e-5))), *r.inputs[:5])
