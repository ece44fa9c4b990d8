"""Batch normalisation: a scale and a shift for each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop.nodes import Unary
from compiler.ops.arithmetic import Add, Mul, Sub
from compiler.ops.base import Op, Reader, expect
from compiler.ops.numbers import converted, require, rounded, wide
from compiler.ops.reduce import Reduce
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class BatchNorm(Op):
    """y = (x - mean) / sqrt(var + eps) * gamma + beta along axis 1. Usually folded into the operator before it.

    The parameters' type may be another than x's.
    """

    eps: float = 1e-5
    onnx = ("BatchNormalization",)
    dtypes = FLOATS
    layout_rule = "same"

    def infer(self, x: TensorType, *params: TensorType) -> TensorType:
        channels = x.shape[1] if x.rank > 1 else 1
        expect(len(params) == 4, "E0304", "BatchNormalization takes scale, bias, mean and variance")
        expect(all(p.shape == (channels,) for p in params), "E0301", f"BatchNormalization of {x} with {params[0]}")
        return x.with_shape(x.shape)

    def reference(self, x: Array, *params: Array) -> Array:
        shape = (1, -1, *[1] * (x.ndim - 2)) if x.ndim > 1 else (1,)
        values = wide(x)
        gamma, beta, mean, var = (wide(p).astype(values.dtype) for p in params)
        gain = gamma / np.sqrt(var + values.dtype.type(self.eps))
        y = (values - mean.reshape(shape)) * gain.reshape(shape) + beta.reshape(shape)
        return rounded(y, str(x.dtype))

    def lower(self, k: Kernel, x: View, gamma: View, beta: View, mean: View, var: View, y: View) -> None:
        eps = np.dtype(x.type.numpy).type(self.eps).item()
        with k.grid(y.shape) as at:
            c = at[1] if len(at) > 1 else 0
            gain = converted(gamma[c], x.type) / Unary("sqrt", converted(var[c], x.type) + eps)
            k.store(y, at, (x[at] - converted(mean[c], x.type)) * gain + converted(beta[c], x.type))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        if r.opset >= 14 and r.attr("training_mode", 0):
            return _training(r)
        if any(r.wanted[1:]):
            raise r.unsupported("BatchNormalization gives the statistics of training", "export the model in eval mode")
        if r.type(1).rank != 1:
            raise r.unsupported("BatchNormalization for each element", "use one number for each channel")
        return r.add(cls(float(r.attr("epsilon", 1e-5))), *r.inputs[:5])


def _training(r: Reader) -> tuple[Value, ...]:
    """The batch's own statistics normalise it, and move the running ones: momentum of the old, the rest of the new."""
    x, gamma, beta, old_mean, old_var = (r.value(i) for i in range(5))
    expect(x.type.rank >= 2, "E0301", f"BatchNormalization of {x.type} in training mode")
    axes = (0, *range(2, x.type.rank))

    def mean_of(value: Value) -> Value:
        return r.add(Reduce("mean", axes), value)

    def moved(old: Value, new: Value) -> Value:
        momentum = float(r.attr("momentum", 0.9))
        kept, taken = (r.const(np.asarray(f).astype(old.type.dtype), "momentum") for f in (momentum, 1.0 - momentum))
        return r.add(Add(), r.add(Mul(), old, kept), r.add(Mul(), new, taken))

    mean = mean_of(x)
    apart = r.add(Sub(), x, mean)
    channels = Reshape((x.shape[1],))
    var = r.add(channels, mean_of(r.add(Mul(), apart, apart)))
    mean = r.add(channels, mean)
    y = r.add(BatchNorm(float(r.attr("epsilon", 1e-5))), x, gamma, beta, mean, var)
    return y, moved(old_mean, mean), moved(old_var, var)
