"""Keras' convolutions, pools and what changes the size of images."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers import padding
from compiler.importers.channels import Value
from compiler.importers.keras_activations import activated
from compiler.importers.keras_node import Layer, converts

_RANKS = {"1D": 1, "2D": 2, "3D": 3}


def spatial_rank(kind: str) -> int:
    """Conv2DTranspose -> 2"""
    return next(rank for text, rank in _RANKS.items() if text in kind)


def _window(c: Layer, sizes: list[int], kernel: list[int], name: str) -> tuple[dict[str, Any], list[int]]:
    """ONNX' attributes of a sliding window, and the sizes of the result. `name`: which option has the strides."""
    rank = len(sizes)
    strides = c.sizes(name, rank) if c.option(name) is not None else kernel
    dilations = c.sizes("dilation_rate", rank)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    match c.option("padding", "valid"):
        case "same":
            pads = padding.same(sizes, kernel, strides, dilations)
        case "valid":
            pads = [0] * (2 * rank)
        case "causal":
            pads = [r - 1 for r in reach] + [0] * rank
        case _:
            raise c.malformed("padding")
    if min(kernel + strides + dilations) < 1:
        raise c.malformed(name)
    outputs = [
        (n + pads[a] + pads[a + rank] - r) // s + 1
        for a, (n, r, s) in enumerate(zip(sizes, reach, strides, strict=True))
    ]
    if min(outputs) < 1:
        raise ModelError("E0165", f"nothing is left of {sizes} behind layer '{c.name[:80]}' ({c.kind})")
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    if max(dilations) > 1 or (name == "strides" and "kernel_size" in c.config):
        attributes["dilations"] = dilations
    return attributes, outputs


def _bias(c: Layer, count: int) -> str:
    return c.parameter(c.weight(count), "bias") if c.flag("use_bias", True) else ""


def _out_in_first(kernel: Array) -> Array:
    """(..., in, out) -> (out, in, ...)"""
    rank = kernel.ndim
    return np.transpose(kernel, (rank - 1, rank - 2, *range(rank - 2)))


@converts("Conv1D", "Conv2D", "Conv3D")
def conv(c: Layer) -> Value:
    rank = spatial_rank(c.kind)
    x, sizes, channels = c.spatial(rank)
    kernel, filters, groups = c.sizes("kernel_size", rank), c.integer("filters"), c.integer("groups", 1)
    if groups < 1 or channels % groups:
        raise c.malformed("groups")
    w = c.parameter(_out_in_first(c.weight(*kernel, channels // groups, filters)), "kernel")
    window, outputs = _window(c, sizes, kernel, "strides")
    y = c.add("Conv", x, w, _bias(c, filters), group=groups, **window)
    return activated(c, c.made_spatial(y, outputs, filters), c.option("activation"))


@converts("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise(c: Layer) -> Value:
    rank = spatial_rank(c.kind)
    x, sizes, channels = c.spatial(rank)
    w, attributes, outputs, count = _depthwise(c, sizes, channels)
    y = c.add("Conv", x, w, _bias(c, count), **attributes)
    return activated(c, c.made_spatial(y, outputs, count), c.option("activation"))


def _depthwise(c: Layer, sizes: list[int], channels: int) -> tuple[str, dict[str, Any], list[int], int]:
    """Weights and attributes of the convolution, the sizes of its result and its channels."""
    kernel, multiplier = c.sizes("kernel_size", len(sizes)), c.integer("depth_multiplier", 1)
    w = c.weight(*kernel, channels, multiplier)
    count = channels * multiplier
    w = np.moveaxis(w.reshape(*kernel, count), -1, 0)[:, np.newaxis]
    window, outputs = _window(c, sizes, kernel, "strides")
    return c.parameter(w, "depthwise_kernel"), {"group": channels, **window}, outputs, count


@converts("SeparableConv1D", "SeparableConv2D")
def separable(c: Layer) -> Value:
    """A convolution of each channel, then one of 1x1."""
    rank, filters = spatial_rank(c.kind), c.integer("filters")
    x, sizes, channels = c.spatial(rank)
    deep, attributes, outputs, count = _depthwise(c, sizes, channels)
    x = c.add("Conv", x, deep, **attributes)
    w = c.parameter(_out_in_first(c.weight(*[1] * rank, count, filters)), "pointwise_kernel")
    name = c.add("Conv", x, w, _bias(c, filters), kernel_shape=[1] * rank)
    return activated(c, c.made_spatial(name, outputs, filters), c.option("activation"))


@converts("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def conv_transpose(c: Layer) -> Value:
    rank, filters = spatial_rank(c.kind), c.integer("filters")
    x, sizes, channels = c.spatial(rank)
    kernel, strides, dilations = (c.sizes(name, rank) for name in ("kernel_size", "strides", "dilation_rate"))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    same = c.option("padding", "valid") == "same"
    extra = c.sizes("output_padding", rank) if c.option("output_padding") is not None else None
    outputs = []
    for axis, (n, r, s) in enumerate(zip(sizes, reach, strides, strict=True)):
        if extra is not None:
            outputs.append((n - 1) * s + r - (2 * (r // 2) if same else 0) + extra[axis])
        else:
            outputs.append(n * s if same else n * s + max(r - s, 0))
    if min(outputs) < 1:
        raise c.malformed("output_padding")
    pads, missing = padding.transposed(sizes, outputs, kernel, strides, dilations)
    w = c.weight(*kernel, filters, channels)
    w = np.transpose(w, (rank + 1, rank, *range(rank)))
    y = c.add(
        "ConvTranspose", x, c.parameter(w, "kernel"), _bias(c, filters),
        kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads, output_padding=missing,
    )  # fmt: skip
    return activated(c, c.made_spatial(y, outputs, filters), c.option("activation"))


@converts(*(f"{kind}Pooling{rank}" for kind in ("Max", "Average") for rank in _RANKS))
def pool(c: Layer) -> Value:
    """Averages count only what lies inside the image."""
    x, sizes, channels = c.spatial(spatial_rank(c.kind))
    kernel = c.sizes("pool_size", len(sizes), 2)
    window, outputs = _window(c, sizes, kernel, "strides")
    if c.kind.startswith("Max"):
        return c.made_spatial(c.add("MaxPool", x, **window), outputs, channels)
    if kernel == sizes and outputs == [1] * len(sizes) and not any(window["pads"]):
        return c.made_spatial(c.add("GlobalAveragePool", x), outputs, channels)
    return c.made_spatial(c.add("AveragePool", x, count_include_pad=0, **window), outputs, channels)


@converts(*(f"Global{kind}Pooling{rank}" for kind in ("Max", "Average") for rank in _RANKS))
def global_pool(c: Layer) -> Value:
    x, sizes, channels = c.spatial(spatial_rank(c.kind))
    if len(sizes) == 1 and c.channels_last() and not c.x.only_planar:  # a mean over time
        op = "ReduceMax" if "Max" in c.kind else "ReduceMean"
        keep = c.flag("keepdims")
        y = c.add(op, c.x.source, c.ints([1]), keepdims=int(keep))
        return c.made(y, (c.x.shape[0], *([1] if keep else []), channels))
    y = c.add("GlobalMaxPool" if "Max" in c.kind else "GlobalAveragePool", x)
    if c.flag("keepdims"):
        return c.made_spatial(y, [1] * len(sizes), channels)
    return c.made(c.add("Flatten", y), (c.x.shape[0], channels))


def _pairs(c: Layer, name: str, rank: int) -> list[tuple[int, int]]:
    """(before, after) of each spatial axis; a number stands for both."""
    value = c.option(name, 1)
    rows = [value] * rank if isinstance(value, int) else value
    if rank == 1 and isinstance(value, list) and len(value) == 2 and all(isinstance(n, int) for n in value):
        rows = [value]
    if not isinstance(rows, list) or len(rows) != rank:
        raise c.malformed(name)
    pairs = [(n, n) if isinstance(n, int) else tuple(n) for n in rows]
    if not all(len(p) == 2 and all(type(n) is int and n >= 0 for n in p) for p in pairs):
        raise c.malformed(name)
    return [(p[0], p[1]) for p in pairs]


@converts("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def zero_padding(c: Layer) -> Value:
    x, sizes, channels = c.spatial(spatial_rank(c.kind))
    pairs = _pairs(c, "padding", len(sizes))
    widths = [0, 0, *(b for b, _ in pairs), 0, 0, *(a for _, a in pairs)]
    y = c.add("Pad", x, c.ints(widths))
    return c.made_spatial(y, [n + sum(p) for n, p in zip(sizes, pairs, strict=True)], channels)


@converts("Cropping1D", "Cropping2D", "Cropping3D")
def cropping(c: Layer) -> Value:
    x, sizes, channels = c.spatial(spatial_rank(c.kind))
    pairs = _pairs(c, "cropping", len(sizes))
    return _cut(c, x, [b for b, _ in pairs], [n - a for n, (_, a) in zip(sizes, pairs, strict=True)], channels)


def _cut(c: Layer, x: str, begin: list[int], end: list[int], channels: int) -> Value:
    outputs = [e - b for b, e in zip(begin, end, strict=True)]
    if min(outputs) < 1:
        raise ModelError("E0165", f"nothing is left behind layer '{c.name[:80]}' ({c.kind})")
    axes = list(range(2, 2 + len(begin)))
    return c.made_spatial(c.add("Slice", x, c.ints(begin), c.ints(end), c.ints(axes)), outputs, channels)


@converts("CenterCrop")
def center_crop(c: Layer) -> Value:
    x, sizes, channels = c.spatial(2)
    wanted = [c.integer("height"), c.integer("width")]
    if any(w > n for w, n in zip(wanted, sizes, strict=True)):
        raise c.unsupported("CenterCrop of an image that is smaller than what is cut out is not supported")
    begin = [(n - w) // 2 for w, n in zip(wanted, sizes, strict=True)]
    return _cut(c, x, begin, [b + w for b, w in zip(begin, wanted, strict=True)], channels)


@converts("UpSampling1D", "UpSampling2D", "UpSampling3D", "Resizing")
def resize(c: Layer) -> Value:
    """Pixels have their centres half a pixel in; the nearest one is the one that a centre falls into."""
    resizing = c.kind == "Resizing"
    x, sizes, channels = c.spatial(2 if resizing else spatial_rank(c.kind))
    if resizing:
        if c.flag("crop_to_aspect_ratio") or c.flag("pad_to_aspect_ratio") or c.flag("antialias"):
            raise c.unsupported("Resizing that keeps the aspect ratio or smooths is not supported")
        outputs = [c.integer("height"), c.integer("width")]
    else:
        factors = c.sizes("size", len(sizes), 2)
        outputs = [n * f for n, f in zip(sizes, factors, strict=True)]
    mode = c.option("interpolation", "bilinear" if resizing else "nearest")
    if mode not in ("nearest", "bilinear") or min(outputs) < 1 or prod(outputs) > 1 << 28:
        raise c.unsupported(
            f"interpolation {str(mode)[:40]!r} to {outputs} is not supported", "use nearest or bilinear"
        )
    options: dict[str, Any] = {"mode": "linear"} if mode == "bilinear" else {"nearest_mode": "round_prefer_ceil"}
    target = c.ints([c.x.shape[0], channels, *outputs])
    y = c.add("Resize", x, "", "", target, coordinate_transformation_mode="half_pixel", **options)
    return c.made_spatial(y, outputs, channels)
