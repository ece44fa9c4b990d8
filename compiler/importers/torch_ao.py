"""torchao's operators on quantised tensors, spelled out in PyTorch's own: that library is not needed to read a program.

A block size says how much of each axis shares a scale. Weights (O, I) have one for each output, for groups of inputs,
or for all; activations one for each row (token).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Call = Callable[[str, list[Any], dict[str, Any]], Any]


class OtherBlocks(Exception):
    """Blocks of a shape, or a way of choosing scales, that is not spelled out here."""


def dequantize(
    call: Call, w: Any, block: Sequence[int], scale: Any, zero: Any, dtype: int, low: int | None = None,
    high: int | None = None, output: int | None = None,
) -> Any:  # fmt: skip
    """`torchao::dequantize_affine`: (w - zero) * scale."""
    limits = [-128 if low is None else low, 127 if high is None else high, dtype]
    shape = list(w.shape)
    if list(block) == shape:
        one = [call("reshape", [part, []], {}) for part in (scale, zero)]
        return call("quantized_decomposed.dequantize_per_tensor", [w, *one, *limits], {})
    axis = next((a for a, (b, n) in enumerate(zip(block, shape, strict=True)) if b == 1 and n > 1), 0)
    if [n if a != axis else 1 for a, n in enumerate(shape)] == list(block):
        flat = [call("reshape", [part, [shape[axis]]], {}) for part in (scale, zero)]
        return call("quantized_decomposed.dequantize_per_channel", [w, *flat, axis, *limits], {})
    if len(shape) != 2 or block[0] != 1:
        raise OtherBlocks
    groups = [call("reshape", [part, [shape[0], shape[1] // block[1]]], {}) for part in (scale, zero)]
    name = "quantized_decomposed.dequantize_per_channel_group"
    return call(name, [w, *groups, *limits, block[1], _FLOAT32], {})


def quantize(call: Call, x: Any, block: Sequence[int], scale: Any, zero: Any, dtype: int, low: int, high: int) -> Any:
    """`torchao::quantize_affine` row by row: clamp(round(x / scale) + zero)."""
    _rows(x, block)
    wide = [call("reshape", [part, [*x.shape[:-1], 1]], {}) for part in (scale, zero)]
    steps = call("round", [call("mul", [x, call("reciprocal", [wide[0]], {})], {})], {})
    moved = call("add", [steps, call("_to_copy", [wide[1]], {"dtype": _FLOAT32})], {})
    return call("_to_copy", [call("clamp", [moved, low, high], {})], {"dtype": dtype})


def scales(
    call: Call, x: Any, mapping: str, block: Sequence[int], dtype: int, low: int | None = None, high: int | None = None,
    eps: float | None = None, scale_type: int | None = None, zero_type: int | None = None, keep: bool = False,
) -> list[Any]:  # fmt: skip
    """`torchao::choose_qparams_affine` row by row: scales and zero points from what the rows hold."""
    _rows(x, block)
    if low is None or high is None or eps is None:
        raise OtherBlocks
    least = call("clamp", [call("amin", [x, [-1], keep], {}), None, 0.0], {})
    most = call("clamp", [call("amax", [x, [-1], keep], {}), 0.0], {})
    if mapping == "SYMMETRIC":
        reach = call("maximum", [call("neg", [least], {}), most], {})
        scale = call("clamp", [call("div", [reach, (high - low) / 2], {}), eps], {})
        zero = call("full_like", [scale, (high + low + 1) // 2], {})
    elif mapping == "ASYMMETRIC":
        scale = call("clamp", [call("div", [call("sub", [most, least], {}), float(high - low)], {}), eps], {})
        steps = call("round", [call("div", [least, scale], {})], {})
        zero = call("clamp", [call("rsub", [steps, low], {}), low, high], {})
    else:
        raise OtherBlocks
    return [scale, call("_to_copy", [zero], {"dtype": _INT32 if zero_type is None else zero_type})]


_FLOAT32, _INT32 = 6, 3  # as PyTorch numbers types


def _rows(x: Any, block: Sequence[int]) -> None:
    shape = list(x.shape)
    if list(block) != [*[1] * (len(shape) - 1), shape[-1]]:
        raise OtherBlocks


SPELLED: dict[str, Callable[..., Any]] = {
    "torchao.dequantize_affine": dequantize,
    "torchao.quantize_affine": quantize,
    "torchao.choose_qparams_affine": scales,
}
