"""Convolutions, pools, dense layers and normalisations of TensorFlow Lite, in ONNX' order of axes."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.importers import padding
from compiler.importers.channels import Value
from compiler.importers.tflite_node import Call, converts


def _spatial(c: Call, index: int, rank: int) -> Value:
    x = c.value(index)
    if x.rank != rank or len(c.out_shape) != rank:
        raise ModelError("E0160", f"{c.op.kind} of a tensor with {x.rank} dimensions, {rank} are meant")
    return x


def _steps(c: Call, prefix: str, rank: int) -> list[int]:
    """Strides or dilations, outermost axis first."""
    found = [c.option(f"{prefix}_{axis}") for axis in ("dhw" if rank == 5 else "hw")]
    if any(n < 1 for n in found):
        raise ModelError("E0160", f"{c.op.kind} has a {prefix} of {found}")
    return found


def _window(c: Call, x: Value, kernel: list[int], strides: list[int], dilations: list[int]) -> dict[str, Any]:
    pads = [0] * (2 * len(kernel))
    if c.padding_is_same():
        pads = padding.same(x.shape[1:-1], kernel, strides, dilations)
    return {"kernel_shape": kernel, "strides": strides, "pads": pads}


def _weights(c: Call, index: int, axes: tuple[int, ...]) -> str:
    """The weights in ONNX' order; turned at compile time where they are constant."""
    w = c.value(index)
    if w.rank != len(axes):
        raise ModelError("E0160", f"the weights of {c.op.kind} have {w.rank} dimensions")
    return w.turned(axes)


@converts("CONV_2D", "CONV_3D")
def conv(c: Call) -> Value:
    """y[n, ..., o] = bias[o] + sum over the window of x * w; 2D weights lie (O, H, W, I), 3D ones (D, H, W, I, O)."""
    rank = 4 if c.op.kind == "CONV_2D" else 5
    x, w = _spatial(c, 0, rank), c.shape(1)
    axes = (0, 3, 1, 2) if rank == 4 else (4, 3, 0, 1, 2)
    weights = _weights(c, 1, axes)
    kernel, channels = (list(w[1:3]), w[3]) if rank == 4 else (list(w[:3]), w[3])
    strides, dilations = _steps(c, "stride", rank), _steps(c, "dilation", rank)
    if channels < 1 or x.shape[-1] % channels:
        raise ModelError("E0160", f"{c.op.kind} of {x.shape[-1]} channels has weights for {channels}")
    window = _window(c, x, kernel, strides, dilations)
    group = x.shape[-1] // channels
    y = c.add("Conv", x.planar, weights, c.bias(2), dilations=dilations, group=group, **window)
    return c.made_planar(c.activated(y))


@converts("DEPTHWISE_CONV_2D")
def depthwise(c: Call) -> Value:
    """Each channel has filters of its own; weights lie (1, H, W, C * multiplier)."""
    x, w = _spatial(c, 0, 4), c.shape(1)
    weights = _weights(c, 1, (3, 0, 1, 2))
    strides, dilations = _steps(c, "stride", 4), _steps(c, "dilation", 4)
    window = _window(c, x, list(w[1:3]), strides, dilations)
    y = c.add("Conv", x.planar, weights, c.bias(2), dilations=dilations, group=x.shape[-1], **window)
    return c.made_planar(c.activated(y))


@converts("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE")
def conv_transpose(c: Call) -> Value:
    """Operands: output shape, weights, x, bias. 2D weights lie (O, H, W, I), 3D ones (D, H, W, O, I)."""
    rank = 4 if c.op.kind == "TRANSPOSE_CONV" else 5
    x, w, output = _spatial(c, 2, rank), c.shape(1), c.ints(0)
    if len(output) != rank:
        raise ModelError("E0160", f"the output shape of {c.op.kind} has {len(output)} dimensions")
    weights = _weights(c, 1, (3, 0, 1, 2) if rank == 4 else (4, 3, 0, 1, 2))
    kernel = list(w[1:3]) if rank == 4 else list(w[:3])
    strides = _steps(c, "stride", rank)
    dilations = _steps(c, "dilation", rank) if rank == 5 else [1, 1]
    pads, missing = padding.transposed(x.shape[1:-1], output[1:-1], kernel, strides, dilations)
    y = c.add(
        "ConvTranspose", x.planar, weights, c.bias(3, x=2),
        kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads, output_padding=missing,
    )  # fmt: skip
    return c.made_planar(c.activated(y))


@converts("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
def pool(c: Call) -> Value:
    """Averages count only what lies inside the image."""
    x = _spatial(c, 0, 4)
    window = _window(c, x, [c.option("filter_h"), c.option("filter_w")], _steps(c, "stride", 4), [1, 1])
    match c.op.kind:
        case "MAX_POOL_2D":
            y = c.add("MaxPool", x.planar, **window)
        case "AVERAGE_POOL_2D":
            whole = window["kernel_shape"] == list(x.shape[1:3]) and not any(window["pads"])
            if whole and list(c.out_shape[1:3]) == [1, 1]:
                y = c.add("GlobalAveragePool", x.planar)
            else:
                y = c.add("AveragePool", x.planar, count_include_pad=0, **window)
        case _:
            squares = c.add("Mul", x.planar, x.planar)
            y = c.add("Sqrt", c.add("AveragePool", squares, count_include_pad=0, **window))
    return c.made_planar(c.activated(y))


@converts("FULLY_CONNECTED")
def fully_connected(c: Call) -> Value:
    """y = x w^T + b over the last axis; weights lie (out, in)."""
    if c.option("weights_format"):
        raise c.unsupported("FULLY_CONNECTED with shuffled weights is not supported", "convert the model again")
    x, w = c.value(0), c.value(1)
    if w.rank != 2 or not w.shape[1]:
        raise ModelError("E0160", "the weights of FULLY_CONNECTED are no matrix")
    flat = x.rank == 2 and x.shape[1] == w.shape[1]
    same_either_way = x.only_planar and all(n == 1 for n in x.shape[1:-1])
    name = x.planar if same_either_way else x.source
    if not flat:
        name = c.add("Reshape", name, c.const([-1, w.shape[1]]))
    y = c.activated(c.add("Gemm", name, w.source, c.bias(2), transB=1))
    if len(c.out_shape) == 2:
        return c.made(y)
    flat_result = c.stored(Value(c.builder, (prod(c.out_shape[:-1]), w.shape[0]), last=y))
    return c.made_stored(c.add("Reshape", flat_result.source, c.const(c.out_shape)))


@converts("BATCH_MATMUL")
def batch_matmul(c: Call) -> Value:
    names = []
    for index, flag in ((0, "adj_x"), (1, "adj_y")):
        x = c.value(index)
        axes = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
        names.append(c.add("Transpose", x.source, perm=axes) if c.option(flag) else x.source)
    return c.made(c.add("MatMul", *names))


@converts("SOFTMAX")
def softmax(c: Call) -> Value:
    x, beta = c.x(), c.number("beta")
    if beta != 1.0:
        x = c.add("Mul", x, c.const(beta, np.float32))
    return c.made(c.add("Softmax", x, axis=-1))


@converts("LOG_SOFTMAX")
def log_softmax(c: Call) -> Value:
    return c.made(c.add("LogSoftmax", c.x(), axis=-1))


@converts("L2_NORMALIZATION")
def l2_normalization(c: Call) -> Value:
    """x / max(length along the last axis, 1e-6)"""
    length = c.add("ReduceL2", c.x(), c.const([-1]), keepdims=1)
    y = c.add("Div", c.x(), c.add("Max", length, c.const(1e-6, np.float32)))
    return c.made(c.activated(y))


@converts("LOCAL_RESPONSE_NORMALIZATION")
def local_response(c: Call) -> Value:
    """x / (bias + alpha * sum of the squares of `radius` channels on both sides) ** beta"""
    x, size = _spatial(c, 0, 4), 2 * c.option("radius") + 1
    if not 1 <= size <= 2 * x.shape[-1] + 1:
        raise c.unsupported(f"LOCAL_RESPONSE_NORMALIZATION over {size} channels is not supported")
    # ONNX divides alpha by the number of channels.
    y = c.add("LRN", x.planar, size=size, bias=c.number("bias"), alpha=c.number("alpha") * size, beta=c.number("beta"))
    return c.made_planar(y)


@converts("PRELU")
def prelu(c: Call) -> Value:
    return c.elementwise(lambda x, slope: c.add("PRelu", x, slope), *c.values())
