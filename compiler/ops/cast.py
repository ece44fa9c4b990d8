"""Conversions between types.

ONNX leaves a float outside of an integer type's range undefined; here it saturates, and NaN becomes 0. Conversions
between integers keep the low bits. To float8, `saturate` decides whether what is too large becomes the largest number
or infinity (NaN in formats without one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx

from compiler.graph.types import DTYPES, Array, TensorType
from compiler.loop import storage
from compiler.loop.nodes import F32, F64, I32, Bitcast, Cast, Expr
from compiler.ops.base import Op, Reader, expect
from compiler.ops.elementwise import Elementwise

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

ALL = frozenset(DTYPES)


@dataclass(frozen=True)
class Convert(Elementwise):
    """The value in another type."""

    to: str = "float32"
    saturate: bool = True
    round_mode: str = "up"  # to powers of two, which float8_e8m0fnu is
    dtypes = ALL
    onnx = ("Cast", "CastLike")

    def result(self, *dtypes: str) -> str:
        return self.to

    def scalar(self, k: Kernel, *x: Expr) -> Expr:
        kind = storage.compute_type(self.to)
        if x[0].type == F64 and kind == F32 and not storage.is_plain(self.to):
            return self._limited(storage.narrowed(k, x[0]))
        if self.to in storage.NARROW and x[0].type.is_float:  # the whole number's low bits
            return Cast(Cast(x[0], I32), kind)
        value = x[0] if x[0].type == kind else Cast(x[0], kind)
        return self._limited(value)

    def _limited(self, value: Expr) -> Expr:
        if self.to == storage.POWER:
            return storage.power_of_two(value, self.round_mode, self.saturate)
        eight = self.to.startswith("float8")
        return storage.saturated(self.to, value) if eight and self.saturate else value

    def reference(self, x: Array) -> Array:
        """Small floats arrive as float32, whose value is exact."""
        if storage.is_plain(self.to):
            return converted(x, self.to)
        if self.to in storage.NARROW:
            kind, bits = storage.NARROW[self.to]
            whole = converted(x, "int32" if x.dtype.kind == "f" else "int64").astype(np.int64) & ((1 << bits) - 1)
            signed = np.where((whole >> (bits - 1)) & (kind.kind == "i"), whole - (1 << bits), whole)
            return signed.astype(np.dtype(self.to))
        wide = x.astype(np.float64)
        if self.to == storage.POWER:
            return _powers(x.astype(np.float32), self.round_mode, self.saturate)
        small = wide.astype(np.dtype(self.to))
        if self.to.startswith("float8") and self.saturate:
            top = np.float64(_largest(self.to))
            lost = np.isnan(small.astype(np.float32)) | np.isinf(small.astype(np.float32))
            small = np.where(lost & ~np.isnan(wide), np.copysign(top, wide), small.astype(np.float64)).astype(self.to)
        return small

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        if r.op_type == "CastLike":
            to = r.type(1).dtype
        else:
            to = dtype_named(r, r.attr("to"))
        return r.add(cls(to, bool(r.attr("saturate", 1)), r.attr("round_mode", "up")), r.inputs[0])


@dataclass(frozen=True)
class BitCast(Op):
    """The same bits as another type of the same width."""

    to: str = "int32"
    onnx = ("BitCast",)
    layout_rule = "same"

    def infer(self, x: TensorType) -> TensorType:
        expect(_width(x.dtype) == _width(self.to), "E0305", f"BitCast of {x.dtype} to {self.to}")
        return TensorType.of(self.to, x.shape)

    def reference(self, x: Array) -> Array:
        return np.ascontiguousarray(x).reshape(x.shape).view(np.dtype(self.to))

    def lower(self, k: Kernel, x: View, y: View) -> None:
        x, y = x.in_memory(), y.in_memory()
        with k.over(y) as at:
            k.store(y, at, x[at] if x.type == y.type else Bitcast(x[at], y.type))

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        return r.add(cls(dtype_named(r, r.attr("to"))), r.inputs[0])


def converted(x: Array, to: str) -> Array:
    """A plain array in another plain type, by the rules above."""
    if x.dtype.kind == "f" and np.dtype(to).kind in "iu":
        info = np.iinfo(to)
        inside = np.where(np.isnan(x), 0, np.trunc(x))
        low, high = inside <= float(info.min), inside >= float(info.max)
        middle = np.where(low | high, 0, inside).astype(to)
        return np.where(low, info.min, np.where(high, info.max, middle)).astype(to)
    return x.astype(to)


def dtype_named(r: Reader, number: object) -> str:
    if isinstance(number, str):  # before opset 6
        number = onnx.TensorProto.DataType.Value(number)
    try:
        name = str(onnx.helper.tensor_dtype_to_np_dtype(int(str(number))))
    except (KeyError, ValueError, TypeError):
        name = ""
    if name not in ALL:
        raise r.unsupported(f"{r.op_type} to ONNX type {number}", "use a numeric type")
    return name


def limits(dtype: str) -> tuple[int, int]:
    """The smallest and the largest number of an integer type."""
    kind, bits = storage.NARROW.get(dtype, (storage.compute_type(dtype), storage.compute_type(dtype).bits))
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind.kind == "i" else (0, (1 << bits) - 1)


def _powers(x: Array, mode: str, saturate: bool) -> Array:
    """float8_e8m0fnu: the power of two that the mode chooses."""
    with np.errstate(all="ignore"):
        fraction, exponent = np.frexp(x.astype(np.float64))  # x = fraction * 2**exponent, 1/2 <= fraction < 1
        code = exponent + 126
        match mode:
            case "up":
                code = code + (fraction > 0.5)
            case "nearest":
                code = code + ((fraction > 0.75) | ((fraction == 0.75) & (code > 0)))
    low, high = (x < 2.0**-127), code > 254
    code = np.where(low, 0 if saturate else 255, np.where(high | np.isinf(x), 254 if saturate else 255, code))
    return np.where(np.isnan(x) | (x < 0), 255, code).astype(np.uint8).view(np.dtype(storage.POWER))


def _largest(dtype: str) -> float:
    codes = np.arange(128, dtype=np.uint8).view(np.dtype(dtype)).astype(np.float32)
    return float(codes[np.isfinite(codes)].max())


def _width(dtype: str) -> int:
    if dtype in storage.NARROW:
        return storage.NARROW[dtype][1]
    return storage.SMALL[dtype].bits if dtype in storage.SMALL else storage.memory_type(dtype).bits
