"""Operators in torch: for each class of operator the expression that computes it, from its reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from compiler.loop.builder import Kernel
from compiler.loop.nodes import I32, Cast, Const, Expr, maximum, minimum, select
from compiler.loop.storage import compute_type
from compiler.ops.base import Op
from compiler.ops.conv import Conv
from compiler.ops.conv_transpose import ConvTranspose
from compiler.ops.dense import Dense, MatMul
from compiler.ops.elementwise import Elementwise, Map
from compiler.ops.gather import Gather
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.lookup import Lookup
from compiler.ops.pool import AveragePool, MaxPool
from compiler.ops.pool_window import Pool
from compiler.ops.reduce import Reduce
from compiler.ops.resize import Resample
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.softmax import Softmax
from compiler.ops.softmax_integer import LONGEST, SoftmaxInteger
from compiler.ops.standardize import Standardize
from compiler.ops.sum_integer import SumInteger, SumPool
from compiler.ops.tile import Tile
from compiler.ops.transpose import Copy, Transpose
from compiler.quant.fixed_functions import exp_on_negative_code, one_over_one_plus_code
from compiler.quant.fixed_point import divided_by_power, doubling_high_product
from compiler.quant.torch_layer import Layer
from compiler.quant.torch_scalars import NoSpelling, torch_name

_MOVERS = (Slice, Pad, Tile, Gather, Resample)  # by a table of places
_FLOATS = ("float32", "float64")
_SUM_BITS = LONGEST.bit_length()  # integer bits of a softmax's sum

Spelling = Callable[[Layer, Any], str]


def spelled(layer: Layer) -> str:
    """The node as an expression; NoSpelling where there is none."""
    op = layer.node.op
    if isinstance(op, Map):
        texts = [layer.operand(i) for i in range(op.operands)]
        return layer.mapped(op, texts, [layer.dtype(i) for i in range(op.operands)])
    if isinstance(op, Elementwise):
        return layer.step(op, [layer.operand(i) for i in range(op.arity)], [layer.dtype(i) for i in range(op.arity)])
    for kind, spelling in _SPELLINGS.items():
        if type(op) is kind:
            return spelling(layer, op)
    if isinstance(op, _MOVERS):
        return _moved(layer, op)
    raise NoSpelling(type(op).__name__)


def _conv(layer: Layer, op: Conv) -> str:
    n, w = op.spatial, layer.known(1)
    sizes = layer.node.output.shape[2:]
    geometry: dict[str, Any] = {
        "strides": op.strides, "pads": op.pads, "dilations": op.dilations, "groups": op.groups,
    }  # fmt: skip
    x, b = layer.operand(0), layer.operand(2, "b")
    if layer.dtype(0) in _FLOATS:
        if n > 3:
            raise NoSpelling(f"Conv over {n} axes of floats")
        return layer.finished(layer.call("conv", x, layer.operand(1, "w"), b, **geometry), layer.dtype(0), op.tail, 3)
    to = _sums(layer)
    text = layer.call(
        "conv_sums", x, layer.operand(1, "w"), b, zero=op.zero, **geometry, sizes=sizes,
        dtype=layer.product_type(w, op.zero), to=torch_name(to),
    )  # fmt: skip
    return layer.finished(text, to, op.tail, 3)


def _dense(layer: Layer, op: Dense) -> str:
    x, w, b = layer.operand(0), layer.operand(1, "w"), layer.operand(2, "b")
    if layer.dtype(0) in _FLOATS:
        return layer.finished(layer.call("dense", x, w, b), layer.dtype(0), op.tail, 3)
    to = _sums(layer)
    dtype = layer.product_type(layer.known(1))
    return layer.finished(layer.call("dense_sums", x, w, b, dtype=dtype, to=torch_name(to)), to, op.tail, 3)


def _sums(layer: Layer) -> str:
    """The type in which products with the first operand are added up."""
    dtype = layer.dtype(0)
    if dtype not in ("int8", "uint8", "int16"):
        raise NoSpelling(f"{type(layer.node.op).__name__} of {dtype}")
    return "int64" if dtype == "int16" else "int32"


def _matmul(layer: Layer, op: MatMul) -> str:
    if layer.dtype(0) in _FLOATS:
        return f"{layer.operand(0)} @ {layer.operand(1)}"
    to = layer.node.output.type.dtype
    if to not in ("int32", "int64") or layer.dtype(0) not in ("int8", "uint8", "int16"):
        raise NoSpelling(f"MatMul of {layer.dtype(0)} to {to}")
    dtype = layer.product_type(None)
    return layer.call("product_sums", layer.operand(0), layer.operand(1), dtype=dtype, to=torch_name(to))


def window(layer: Layer, op: Pool) -> dict[str, Any]:
    """The geometry of a pool's windows. In ceil mode the last ones may stick out: as padding."""
    n, sizes = len(op.kernel), layer.node.output.shape[2:]
    ends = [
        (sizes[a] - 1) * op.strides[a] + (op.kernel[a] - 1) * op.dilations[a] + 1 - op.pads[a] - layer.shape(0)[2 + a]
        for a in range(n)
    ]
    pads = (*op.pads[:n], *(max(0, e) for e in ends))
    return {"kernel": op.kernel, "strides": op.strides, "pads": pads, "dilations": op.dilations, "sizes": sizes}


def _max_pool(layer: Layer, op: MaxPool) -> str:
    dtype = layer.dtype(0)
    lowest = 'float("-inf")' if dtype in _FLOATS else int(np.iinfo(dtype).min)
    return layer.finished(
        layer.call("largest", layer.operand(0), **window(layer, op), lowest=lowest), dtype, op.tail, 1
    )


def _average_pool(layer: Layer, op: AveragePool) -> str:
    dtype = layer.dtype(0)
    to = dtype if dtype in _FLOATS else "int64"
    sums = layer.call("window_sums", layer.operand(0), **window(layer, op), to=torch_name(to))
    counts = reduce(np.multiply.outer, op.counts(layer.shape(0)))
    if not counts.all():
        raise NoSpelling("AveragePool with windows of nothing but padding")
    same = (counts == counts.flat[0]).all()
    if dtype in _FLOATS:
        count = str(int(counts.flat[0])) if same else layer.constant(counts.astype(dtype), "counts")
        return layer.finished(f"{sums} / {count}", dtype, op.tail, 1)
    count = layer.constant(counts.astype(np.int64), "counts")
    return layer.finished(layer.call("nearest", sums, count, torch_name(dtype)), dtype, op.tail, 1)


def _sum_pool(layer: Layer, op: SumPool) -> str:
    to = _sums(layer)
    sums = layer.call("window_sums", layer.operand(0), zero=op.zero, **window(layer, op), to=torch_name(to))
    return layer.finished(sums, to, op.tail, 1)


def _sum_integer(layer: Layer, op: SumInteger) -> str:
    to = _sums(layer)
    sums = layer.call("axis_sums", layer.operand(0), str(op.axes), zero=op.zero, to=torch_name(to))
    return layer.finished(sums, to, op.tail, 1)


def _conv_transpose(layer: Layer, op: ConvTranspose) -> str:
    x, w = layer.shape(0), layer.shape(1)
    if layer.dtype(0) not in _FLOATS or len(op.strides) > 3:
        raise NoSpelling(f"ConvTranspose of {layer.dtype(0)}")
    axes = zip(x[2:], w[2:], op.strides, op.dilations, op.sizes, op.pads, strict=True)
    after = [size + pad - ((n - 1) * s + (q - 1) * d + 1) for n, q, s, d, size, pad in axes]
    return layer.call(
        "conv_transpose", layer.operand(0), layer.operand(1, "w"), layer.operand(2, "b"), strides=op.strides,
        dilations=op.dilations, groups=op.groups, ends=(*(-p for p in op.pads), *after),
    )  # fmt: skip


def _standardize(layer: Layer, op: Standardize) -> str:
    if op.statistics or layer.dtype(0) not in _FLOATS:
        raise NoSpelling(f"Standardize of {layer.dtype(0)}, with its statistics")
    operands = (layer.operand(0), layer.operand(1, "scale"), layer.operand(2, "bias"))
    return layer.call("standardized", *operands, axes=op.axes, eps=op.eps, center=op.center)


def _softmax(layer: Layer, op: Softmax) -> str:
    return f"torch.{'log_' if op.log else ''}softmax({layer.operand(0)}, {op.axis})"


def _softmax_integer(layer: Layer, op: SoftmaxInteger) -> str:
    """What is computed for single numbers comes from the loop language, as the kernel has it."""

    def power(k: Kernel, apart: Expr) -> Expr:
        scaled = doubling_high_product(apart << op.scale.shift, Const(op.scale.multiplier))
        return exp_on_negative_code(k.let("x", scaled))

    def term(k: Kernel, power: Expr) -> Expr:
        return divided_by_power(k, power, Const(_SUM_BITS))

    def share(k: Kernel, total: Expr, room: Expr) -> Expr:
        return one_over_one_plus_code((total << room) & 0x7FFFFFFF)

    def units(k: Kernel, share: Expr, power: Expr, room: Expr) -> Expr:
        exponent = k.let("e", _SUM_BITS + 31 - op.bits - room)
        part = k.let("part", doubling_high_product(share, power))
        found = k.let("u", select(exponent > 31, 0, divided_by_power(k, part, minimum(exponent, 31))))
        if op.factor is not None:
            found = op.factor.code(k, found, op.rounding)
        return Cast(minimum(maximum(found + op.zero, op.low), op.high), compute_type(op.to))

    functions = layer.module.functions
    parts = (("power", 1, power), ("term", 1, term), ("share", 2, share), ("units", 3, units))
    names = [functions.written(op, f"softmax_{name}", [I32] * n, scalar) for name, n, scalar in parts]
    outside = max(op.zero, op.low)
    return layer.call("fixed_softmax", layer.operand(0), str(op.axis), *names, str(op.reach), str(outside))


def _reduce(layer: Layer, op: Reduce) -> str:
    dtype = layer.dtype(0)
    calls = {"max": "amax", "min": "amin"}
    if dtype in _FLOATS:
        calls |= {"sum": "sum", "mean": "mean"}
    if op.kind not in calls or not op.axes or prod(layer.shape(0)) == 0:
        raise NoSpelling(f"Reduce {op.kind} of {dtype}")
    return f"{layer.operand(0)}.{calls[op.kind]}({op.axes}, keepdim=True)"


def _lookup(layer: Layer, op: Lookup) -> str:
    low = int(np.iinfo(layer.dtype(0)).min)
    return layer.call("looked_up", layer.operand(0), layer.operand(1, "table"), str(low))


def _concat(layer: Layer, op: Concat) -> str:
    return f"torch.cat([{', '.join(layer.operand(i) for i in range(len(layer.node.inputs)))}], {op.axis})"


def _moved(layer: Layer, op: Op) -> str:
    """Where each element comes from, found by moving numbers instead of them."""
    if isinstance(op, Pad) and op.mode == "constant":
        value = layer.known(1) if op.value is None else np.asarray(op.value)
        if value is None:
            raise NoSpelling("Pad with a value that is computed")
        return layer.call("padded", layer.operand(0), str(op.pads), repr(value.reshape(-1)[0].item()))
    tables = [layer.known(i) for i in range(1, len(layer.node.inputs))]
    if any(t is None for t in tables) or (isinstance(op, Resample) and op.weighted):
        raise NoSpelling(f"{type(op).__name__} that computes or is told where to read")
    shape = layer.shape(0)
    places = np.asarray(op.reference(np.arange(prod(shape), dtype=np.int64).reshape(shape), *tables))
    where = layer.constant(places.reshape(-1).astype(np.int64), "places")
    return layer.call("moved", layer.operand(0), where, str(tuple(layer.node.output.shape)))


_SPELLINGS: dict[type[Op], Spelling] = {
    Conv: _conv,
    ConvTranspose: _conv_transpose,
    Dense: _dense,
    MatMul: _matmul,
    MaxPool: _max_pool,
    AveragePool: _average_pool,
    SumPool: _sum_pool,
    SumInteger: _sum_integer,
    Softmax: _softmax,
    SoftmaxInteger: _softmax_integer,
    Standardize: _standardize,
    Reduce: _reduce,
    Lookup: _lookup,
    Concat: _concat,
    Reshape: lambda layer, op: f"{layer.operand(0)}.reshape({tuple(op.shape)})",
    Transpose: lambda layer, op: f"{layer.operand(0)}.permute({tuple(op.axes)})",
    Copy: lambda layer, op: layer.operand(0),
    Identity: lambda layer, op: layer.operand(0),
}
