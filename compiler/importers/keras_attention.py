"""Keras' attention layers, and layers that are applied to every step of a sequence."""

from __future__ import annotations

from math import prod

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.channels import Value
from compiler.importers.keras_node import CONVERTERS, Layer, converts


def _projected(c: Layer, x: Value, heads: int, size: int, name: str) -> str:
    """(batch, steps, features) -> (batch, heads, steps, size)"""
    w = c.weight(x.shape[-1], heads, size)
    y = c.add("MatMul", x.source, c.parameter(w.reshape(x.shape[-1], heads * size), f"{name}/kernel"))
    if c.flag("use_bias", True):
        y = c.add("Add", y, c.parameter(c.weight(heads, size).reshape(-1), f"{name}/bias"))
    rows = c.add("Reshape", y, c.ints([*x.shape[:2], heads, size]))
    return c.add("Transpose", rows, perm=[0, 2, 1, 3])


@converts("MultiHeadAttention")
def multi_head(c: Layer) -> Value:
    """softmax(q k^T / sqrt(key_dim)) v for each head; operands: query, value and, where it differs, key."""
    if len(c.inputs) < 2:
        raise ModelError("E0165", f"MultiHeadAttention of {len(c.inputs)} tensors")
    query, value = c.inputs[:2]
    key = c.inputs[2] if len(c.inputs) > 2 else value
    axes = c.option("attention_axes")
    odd = [name for name in ("use_gate", "sliding_window", "flash_attention") if c.option(name)]
    odd += [name for name in c.arguments if name not in ("use_causal_mask", "training") and c.arguments[name]]
    if odd or any(v.rank != 3 for v in (query, key, value)) or (axes is not None and axes not in ([1], 1)):
        what = f" with {odd[0]}" if odd else " along other axes than the second"
        raise c.unsupported(f"MultiHeadAttention{what} is not supported")
    if len(c.inputs) > 3:
        raise c.unsupported("MultiHeadAttention with a mask computed by the model is not supported")
    heads, size = c.integer("num_heads"), c.integer("key_dim")
    width = c.integer("value_dim", size)
    q = _projected(c, query, heads, size, "query")
    k = _projected(c, key, heads, size, "key")
    v = _projected(c, value, heads, width, "value")
    q = c.add("Mul", q, c.const(1 / np.sqrt(float(size))))
    scores = c.add("MatMul", q, c.add("Transpose", k, perm=[0, 1, 3, 2]))
    if c.arguments.get("use_causal_mask"):
        later = np.triu(np.full((query.shape[1], key.shape[1]), -1e9, np.float32), 1)
        scores = c.add("Add", scores, c.const(later))
    y = c.add("MatMul", c.add("Softmax", scores, axis=-1), v)
    y = c.add("Reshape", c.add("Transpose", y, perm=[0, 2, 1, 3]), c.ints([*query.shape[:2], heads * width]))
    out = c.option("output_shape")
    if isinstance(out, list) and len(out) == 1:
        (out,) = out
    features = out if isinstance(out, int) else query.shape[-1]
    w: Array = c.weight(heads, width, features).reshape(heads * width, features)
    y = c.add("MatMul", y, c.parameter(w, "attention_output/kernel"))
    if c.flag("use_bias", True):
        y = c.add("Add", y, c.parameter(c.weight(features), "attention_output/bias"))
    return c.made(y, (*query.shape[:2], features))


@converts("Attention")
def attention(c: Layer) -> Value:
    """Luong's: softmax(q k^T) v; operands: query, value and, where it differs, key."""
    if not 2 <= len(c.inputs) <= 3 or any(v.rank != 3 for v in c.inputs):
        raise c.unsupported("Attention of other than two or three sequences is not supported")
    if c.option("score_mode", "dot") != "dot" or c.arguments.get("use_causal_mask"):
        raise c.unsupported("Attention with another score than the dot product, or a causal mask, is not supported")
    query, value = c.inputs[:2]
    key = c.inputs[-1] if len(c.inputs) > 2 else value
    scores = c.add("MatMul", query.source, c.add("Transpose", key.source, perm=[0, 2, 1]))
    if c.flag("use_scale"):
        scores = c.add("Mul", scores, c.parameter(c.weight(), "scale"))
    y = c.add("MatMul", c.add("Softmax", scores, axis=-1), value.source)
    return c.made(y, (*query.shape[:2], value.shape[-1]))


@converts("TimeDistributed")
def time_distributed(c: Layer) -> Value:
    """The layer sees the steps of all sequences as one batch."""
    inner = c.option("layer")
    kind = inner.get("class_name") if isinstance(inner, dict) else None
    config = inner.get("config") if isinstance(inner, dict) else None
    x = c.x
    if kind not in CONVERTERS or kind == "TimeDistributed" or not isinstance(config, dict) or x.rank < 2:
        raise c.unsupported(f"TimeDistributed of {str(kind)[:40]!r} is not supported")
    batch, steps = x.shape[:2]
    flat = (batch * steps, *x.shape[2:])
    rows = c.made(c.add("Reshape", x.source, c.ints(flat)), flat, x.dtype)
    layer = Layer(kind, c.name, config, c.builder, [rows], {}, c.weights, c.version)
    found = CONVERTERS[kind](layer)
    c.used = layer.used
    if not isinstance(found, Value) or found.shape[0] != batch * steps:
        raise c.unsupported(f"TimeDistributed of {kind[:40]!r} is not supported")
    shape = (batch, steps, *found.shape[1:])
    assert prod(shape) == prod(found.shape)
    return c.made(c.add("Reshape", found.source, c.ints(shape)), shape, found.dtype)
