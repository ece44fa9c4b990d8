"""Kernels that PyTorch uses inside of its layers, spelled out as the layers they are.

A transformer traced in evaluation mode holds one call per encoder layer. What it computes is what `torch.export`
writes for the same layer, in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compiler.importers.torch_ao import SPELLED, OtherBlocks
from compiler.importers.torch_fx import Misfit, Scope, unlisted

Call = Callable[[str, list[Any], dict[str, Any]], Any]


class Masked(Exception):
    """A fused kernel with a mask or with two sequences, whose meaning differs between versions of PyTorch."""


def _projected(call: Call, x: Any, width: int, heads: int, weight: Any, bias: Any) -> list[Any]:
    """Queries, keys and values (batch, heads, steps, width / heads) of a batch-first sequence."""
    batch, steps, _ = x.shape
    size = width // heads
    joined = call("linear", [call("transpose", [x, 1, 0], {}), weight, bias], {})
    parts = call("unsqueeze", [call("unflatten", [joined, -1, [3, width]], {}), 0], {})
    parts = call("contiguous", [call("squeeze", [call("transpose", [parts, 0, -2], {}), -2], {})], {})
    three = [call("select", [parts, 0, index], {}) for index in range(3)]
    rows = [call("transpose", [call("view", [part, [steps, batch * heads, size]], {}), 0, 1], {}) for part in three]
    return [call("view", [row, [batch, heads, steps, size]], {}) for row in rows]


def _joined(call: Call, y: Any, width: int, weight: Any, bias: Any) -> Any:
    """The heads side by side, through the last layer."""
    batch, _, steps, _ = y.shape
    y = call("reshape", [call("permute", [y, [2, 0, 1, 3]], {}), [batch * steps, width]], {})
    y = call("view", [call("linear", [y, weight, bias], {}), [steps, batch, width]], {})
    return call("transpose", [y, 1, 0], {})


def self_attention(
    call: Call,
    query: Any,
    key: Any,
    value: Any,
    width: int,
    heads: int,
    joined_weight: Any,
    joined_bias: Any,
    out_weight: Any,
    out_bias: Any,
    mask: Any = None,
    need_weights: bool = True,
    average: bool = True,
    mask_type: Any = None,
) -> list[Any]:
    """`aten::_native_multi_head_attention`, attending to itself: the result, and the weights if needed."""
    if mask is not None or query is not key or key is not value:
        raise Masked("_native_multi_head_attention")
    q, k, v = _projected(call, query, width, heads, joined_weight, joined_bias)
    if not need_weights:
        y = call("scaled_dot_product_attention", [q, k, v, None, 0.0, False], {})
        return [_joined(call, y, width, out_weight, out_bias), None]
    scores = call("matmul", [q, call("transpose", [k, -2, -1], {})], {})
    weights = call("softmax", [call("div", [scores, math.sqrt(width // heads)], {}), -1], {})
    y = _joined(call, call("matmul", [weights, v], {}), width, out_weight, out_bias)
    return [y, call("mean", [weights, [1]], {}) if average else weights]


def encoder_layer(
    call: Call,
    x: Any,
    width: int,
    heads: int,
    joined_weight: Any,
    joined_bias: Any,
    out_weight: Any,
    out_bias: Any,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm1_weight: Any,
    norm1_bias: Any,
    norm2_weight: Any,
    norm2_bias: Any,
    up_weight: Any,
    up_bias: Any,
    down_weight: Any,
    down_bias: Any,
    mask: Any = None,
    mask_type: Any = None,
) -> Any:
    """`aten::_transformer_encoder_layer_fwd`."""
    if mask is not None:
        raise Masked("_transformer_encoder_layer_fwd")

    def norm(x: Any, weight: Any, bias: Any) -> Any:
        return call("layer_norm", [x, [width], weight, bias, eps], {})

    def attend(x: Any) -> Any:
        q, k, v = _projected(call, x, width, heads, joined_weight, joined_bias)
        y = call("scaled_dot_product_attention", [q, k, v, None, 0.0, False], {})
        return _joined(call, y, width, out_weight, out_bias)

    def feed(x: Any) -> Any:
        y = call("linear", [x, up_weight, up_bias], {})
        y = call("gelu" if use_gelu else "relu", [y], {})
        return call("linear", [y, down_weight, down_bias], {})

    if norm_first:
        x = call("add", [x, attend(norm(x, norm1_weight, norm1_bias))], {})
        return call("add", [x, feed(norm(x, norm2_weight, norm2_bias))], {})
    x = norm(call("add", [x, attend(x)], {}), norm1_weight, norm1_bias)
    return norm(call("add", [x, feed(x)], {}), norm2_weight, norm2_bias)


def batch_norm(
    call: Call, x: Any, weight: Any, bias: Any, mean: Any, variance: Any, momentum: float, eps: float
) -> list[Any]:
    """`aten::_native_batch_norm_legit_no_training`: the layer, which compares the sizes before it reads anything."""
    return [call("batch_norm", [x, weight, bias, mean, variance, False, momentum, eps, False], {}), None, None]


def native_batch_norm(
    call: Call,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> list[Any]:
    """`aten::native_batch_norm`."""
    return [call("batch_norm", [x, weight, bias, mean, variance, training, momentum, eps, False], {}), None, None]


FAST_PATHS: dict[str, Callable[..., Any]] = {
    "_transformer_encoder_layer_fwd": encoder_layer,
    "_native_multi_head_attention": self_attention,
    "_native_batch_norm_legit_no_training": batch_norm,
    "native_batch_norm": native_batch_norm,
    **SPELLED,
}


def spelled_out(call: Call, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], where: str) -> Any:
    """A call of an operator of `FAST_PATHS`."""
    try:
        return FAST_PATHS[name](call, *arguments, **keywords)
    except Masked:
        reason = "it is fused and has a mask; trace the model with gradients enabled"
        raise unlisted({name: reason}, where) from None
    except OtherBlocks:
        raise unlisted({name: "its scales lie neither along channels, groups of inputs nor rows"}, where) from None
    except (TypeError, AttributeError, ZeroDivisionError):
        raise Misfit(name, Scope(), "its arguments are not those it has") from None
