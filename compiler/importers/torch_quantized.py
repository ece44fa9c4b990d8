"""PyTorch's operators of quantised programs (PT2E): the same pairs of Quantize and Dequantize that ONNX has.

PyTorch keeps them in a library of their own, `quantized_decomposed`; aten.py lists those that may be called.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

_NUMBERS = {"uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6}  # ONNX's numbers of the types
_FLOAT, _INT64 = 1, 7


def register() -> None:
    """PyTorch knows the operators of this library only once it has been asked for."""
    importlib.import_module("torch.ao.quantization.fx._decomposed")


def quantized(torch: Any, op: Any) -> dict[Any, Any]:
    """PyTorch's function -> ours in ONNX."""
    register()
    library, aten = torch.ops.quantized_decomposed, torch.ops.aten
    per_tensor, from_tensor, per_channel, from_channel = _pairs(op)
    found = {
        library.quantize_per_tensor.default: per_tensor,
        library.quantize_per_tensor.tensor: per_tensor,
        library.dequantize_per_tensor.default: from_tensor,
        library.dequantize_per_tensor.tensor: from_tensor,
        library.quantize_per_channel.default: per_channel,
        library.dequantize_per_channel.default: from_channel,
        library.dequantize_per_channel_group.default: _groups(op),
        library.choose_qparams.tensor: _range(op),
        aten._int_mm.default: op.MatMulInteger,
    }
    return found | _fake(aten, per_tensor, from_tensor, per_channel, from_channel)


def _pairs(op: Any) -> tuple[Any, Any, Any, Any]:
    """Quantise and dequantise, a whole tensor and channel by channel."""

    def per_tensor(x: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: Any) -> Any:
        scale, zero = _scale(op, scale), _zero(op, zero_point, dtype)
        return _clamped(op, op.QuantizeLinear(x, scale, zero), quant_min, quant_max, dtype)

    def from_tensor(
        x: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: Any, out_dtype: Any = None
    ) -> Any:
        return op.DequantizeLinear(x, _scale(op, scale), _zero(op, zero_point, dtype))

    def per_channel(
        x: Any, scales: Any, zero_points: Any, axis: int, quant_min: int, quant_max: int, dtype: Any
    ) -> Any:
        scale, zero = _scale(op, scales), _zero(op, zero_points, dtype)
        return _clamped(op, op.QuantizeLinear(x, scale, zero, axis=axis), quant_min, quant_max, dtype)

    def from_channel(
        x: Any, scales: Any, zero_points: Any, axis: int, quant_min: int, quant_max: int, dtype: Any,
        out_dtype: Any = None,
    ) -> Any:  # fmt: skip
        zero = None if zero_points is None else _zero(op, zero_points, dtype)
        return op.DequantizeLinear(x, _scale(op, scales), zero, axis=axis)

    return per_tensor, from_tensor, per_channel, from_channel


def _groups(op: Any) -> Any:
    def from_groups(
        w: Any, scales: Any, zero_points: Any, quant_min: int, quant_max: int, dtype: Any, group_size: int,
        output_dtype: Any,
    ) -> Any:  # fmt: skip
        """Weights (O, I), a scale for each group of inputs: each group as a row of its own."""
        outputs, inputs = (int(n) for n in w.shape)
        size = group_size if group_size > 0 else inputs
        rows, flat = (op.Constant(value_ints=n) for n in ([outputs * inputs // size, size], [-1]))
        zero = None if zero_points is None else op.Reshape(_zero(op, zero_points, dtype), flat)
        real = op.DequantizeLinear(op.Reshape(w, rows), op.Reshape(_scale(op, scales), flat), zero, axis=0)
        return op.Reshape(real, op.Constant(value_ints=[outputs, inputs]))

    return from_groups


def _range(op: Any) -> Any:
    def range_of(x: Any, quant_min: int, quant_max: int, eps: float, dtype: Any) -> Any:
        """Scale and zero point, from what the tensor holds at run time."""
        nothing, steps = _real(op, 0.0), _real(op, float(quant_max - quant_min))
        low = op.Min(op.ReduceMin(x, keepdims=0), nothing)
        high = op.Max(op.ReduceMax(x, keepdims=0), nothing)
        scale = op.Max(op.Div(op.Sub(high, low), steps), _real(op, float(eps)))
        zero = op.Sub(_real(op, float(quant_min)), op.Round(op.Div(low, scale)))
        inside = op.Min(op.Max(zero, _real(op, float(quant_min))), _real(op, float(quant_max)))
        return scale, op.Cast(inside, to=_INT64)

    return range_of


def _fake(aten: Any, per_tensor: Any, from_tensor: Any, per_channel: Any, from_channel: Any) -> dict[Any, Any]:
    """Training with quantisation in mind rounds to steps and goes on with real numbers."""

    def tensor(x: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int) -> Any:
        dtype = _holding(quant_min, quant_max)
        stored = per_tensor(x, scale, zero_point, quant_min, quant_max, dtype)
        return from_tensor(stored, scale, zero_point, quant_min, quant_max, dtype)

    def channel(x: Any, scale: Any, zero_point: Any, axis: int, quant_min: int, quant_max: int) -> Any:
        dtype = _holding(quant_min, quant_max)
        stored = per_channel(x, scale, zero_point, axis, quant_min, quant_max, dtype)
        return from_channel(stored, scale, zero_point, axis, quant_min, quant_max, dtype)

    return {
        aten.fake_quantize_per_tensor_affine.default: tensor,
        aten.fake_quantize_per_tensor_affine.tensor_qparams: tensor,
        aten.fake_quantize_per_channel_affine.default: channel,
    }


def _holding(low: int, high: int) -> str:
    """The smallest type that holds a range."""
    return next(d for d in ("int8", "uint8", "int16", "uint16", "int32") if _fits(low, high, d))


def _fits(low: int, high: int, dtype: str) -> bool:
    info = np.iinfo(dtype)
    return int(info.min) <= low and high <= int(info.max)


def _clamped(op: Any, x: Any, low: int, high: int, dtype: Any) -> Any:
    """PyTorch may use less than all of a type."""
    info, number = np.iinfo(_name(dtype)), _NUMBERS[_name(dtype)]
    if low <= info.min and high >= info.max:
        return x
    ends = [op.Cast(op.Constant(value_int=int(end)), to=number) for end in (max(low, info.min), min(high, info.max))]
    return op.Clip(x, *ends)


def _scale(op: Any, scale: Any) -> Any:
    return _real(op, scale) if isinstance(scale, float) else op.Cast(scale, to=_FLOAT)


def _zero(op: Any, zero: Any, dtype: Any) -> Any:
    whole = op.Constant(value_int=zero) if isinstance(zero, int) else zero
    return op.Cast(whole, to=_NUMBERS[_name(dtype)])


def _real(op: Any, number: float) -> Any:
    return op.Constant(value_float=number)


def _name(dtype: Any) -> str:
    """numpy's name of a type, which the exporter spells its own way."""
    return str(dtype).removeprefix("torch.").lower()
