"""QuantizeLinear and DequantizeLinear: between real numbers and small types by scale and zero point.

The scale holds for the whole tensor, for an axis, or for blocks along an axis; in the graph it is an operand that
broadcasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx

from compiler.graph.types import DTYPES, FLOATS, Array
from compiler.loop import rounding, storage
from compiler.loop.nodes import F32, I32, Cast, Expr, maximum, minimum
from compiler.ops.base import Reader, expect, normal_axis
from compiler.ops.cast import Convert, limits
from compiler.ops.elementwise import Elementwise
from compiler.ops.shaping import Reshape

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel

NUMBERS = frozenset(DTYPES) - {"bool"}


@dataclass(frozen=True)
class Quantize(Elementwise):
    """round(x / scale) + zero, saturated to the type; ties go to the even number. Operands: x, scale, zero point."""

    to: str = "uint8"
    saturate: bool = True
    arity = 3
    dtypes = NUMBERS
    onnx = ("QuantizeLinear", "com.microsoft:QuantizeLinear")

    def result(self, *dtypes: str) -> str:
        return self.to

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        value, scale, zero = (_real(e) for e in x)
        scaled = k.let("q", value / scale)
        if self.to in FLOATS:
            return Convert(self.to, self.saturate).scalar(k, scaled + zero)
        low, high = limits(self.to)
        # clamping before the zero point is added keeps the whole number exact
        whole = k.let("r", minimum(maximum(rounding.rint(scaled), -70000.0), 70000.0))
        moved = Cast(whole, I32, exact=True) + Cast(x[2], I32)
        return Cast(minimum(maximum(moved, low), high), storage.compute_type(self.to))

    def reference(self, x: Array, scale: Array, zero: Array) -> Array:
        scaled = np.asarray(x.astype(np.float32) / scale.astype(np.float32), np.float32)
        if self.to in FLOATS:
            return Convert(self.to, self.saturate).reference(scaled + zero.astype(np.float32))
        low, high = limits(self.to)
        whole = np.nan_to_num(np.clip(np.rint(scaled), -70000, 70000), nan=-70000).astype(np.int64)
        return np.asarray(np.clip(whole + zero.astype(np.int64), low, high)).astype(np.dtype(self.to))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        to = r.type(2).dtype if r.has(2) else ""
        if not to:
            number = int(r.attr("output_dtype", 0))
            to = str(onnx.helper.tensor_dtype_to_np_dtype(number)) if number else "uint8"
        x, scale, zero, shape = spread(r)
        zero = zero if zero is not None else r.const(np.zeros((), np.dtype(to)), "zero")
        y = r.add(cls(to, bool(r.attr("saturate", 1))), x, scale, zero)
        return y if y.shape == shape else r.add(Reshape(shape), y)


@dataclass(frozen=True)
class Dequantize(Elementwise):
    """(x - zero) * scale. Operands: x, scale, zero point. Of constants, too: they stay small until the quantiser's
    rules have seen them (quant/fold.py)."""

    to: str = "float32"
    arity = 3
    dtypes = NUMBERS
    folds = False
    onnx = ("DequantizeLinear", "com.microsoft:DequantizeLinear")

    def result(self, *dtypes: str) -> str:
        return self.to

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        stored, scale, zero = x
        if stored.type.is_float:
            return (stored - zero) * scale
        return Cast(Cast(stored, I32) - Cast(zero, I32), F32) * _real(scale)

    def reference(self, x: Array, scale: Array, zero: Array) -> Array:
        if x.dtype.kind == "f":
            return np.asarray((x - zero) * scale).astype(np.dtype(self.to))
        difference = (x.astype(np.int32) - zero.astype(np.int32)).astype(np.float32)
        return np.asarray(difference * scale.astype(np.float32), np.dtype(self.to))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        number = int(r.attr("output_dtype", 0))
        to = str(onnx.helper.tensor_dtype_to_np_dtype(number)) if number else r.type(1).dtype
        x, scale, zero, shape = spread(r)
        zero = zero if zero is not None else r.const(np.zeros((), np.dtype(r.type().dtype)), "zero")
        y = r.add(cls(to), x, scale, zero)
        return y if y.shape == shape else r.add(Reshape(shape), y)


def spread(r: Reader) -> tuple[Value, Value, Value | None, tuple[int, ...]]:
    """x, scale and zero point in shapes that broadcast, and the shape that the result must have."""
    x, scale = r.value(0), r.value(1)
    zero = r.inputs[2] if r.has(2) else None
    shape, block = x.shape, int(r.attr("block_size", 0))
    if scale.type.elements == 1 and block == 0:
        one = [v if v is None or v.shape == () else r.add(Reshape(()), v) for v in (scale, zero)]
        assert one[0] is not None
        return x, one[0], one[1], shape
    axis = normal_axis(int(r.attr("axis", 1)), x.type.rank)
    if block == 0:
        expect(scale.shape == (shape[axis],), "E0302", f"scale {scale.type} for axis {axis} of {x.type}")
        wide = tuple(n if a == axis else 1 for a, n in enumerate(shape))
        return x, r.add(Reshape(wide), scale), zero and r.add(Reshape(wide), zero), shape
    whole = shape[axis] % block == 0 and scale.shape[axis] == shape[axis] // block
    expect(whole, "E0302", f"blocks of {block} along axis {axis} of {x.type} with scale {scale.type}")
    split = (*shape[:axis], shape[axis] // block, block, *shape[axis + 1 :])
    wide = (*shape[:axis], shape[axis] // block, 1, *shape[axis + 1 :])
    return r.add(Reshape(split), x), r.add(Reshape(wide), scale), zero and r.add(Reshape(wide), zero), shape


def _real(e: Expr) -> Expr:
    return e if e.type == F32 else Cast(e, F32)
