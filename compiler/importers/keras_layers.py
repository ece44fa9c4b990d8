"""Keras' dense layers, normalisations, merging, and layers that only move elements."""

from __future__ import annotations

import re
from math import prod
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.channels import Value, first_axis, to_first
from compiler.importers.keras_activations import activated
from compiler.importers.keras_node import Layer, converts


@converts(
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout"),
    *("GaussianNoise", "ActivityRegularization", "Identity", "RandomFlip", "RandomRotation", "RandomZoom"),
    *("RandomTranslation", "RandomContrast", "RandomBrightness", "RandomCrop"),
)
def identity(c: Layer) -> Value:
    """Does nothing once the model is trained."""
    if c.kind == "RandomCrop":
        raise c.unsupported("RandomCrop is not supported", "use CenterCrop")
    return c.x


@converts("Dense")
def dense(c: Layer) -> Value:
    """Over the last axis."""
    x, units = c.x, c.integer("units")
    if x.rank < 2:
        raise ModelError("E0165", f"Dense of a tensor with {x.rank} dimensions")
    w = c.parameter(c.weight(x.shape[-1], units), "kernel")
    b = c.parameter(c.weight(units), "bias") if c.flag("use_bias", True) else ""
    if x.rank == 2:
        y = c.add("Gemm", x.source, w, b)
    else:
        y = c.add("MatMul", x.source, w)
        y = c.add("Add", y, b) if b else y
    return activated(c, c.made(y, (*x.shape[:-1], units)), c.option("activation"))


@converts("EinsumDense")
def einsum_dense(c: Layer) -> Value:
    equation = c.option("equation")
    match = re.fullmatch(r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)", equation.replace(" ", "")) if equation else None
    shape = c.option("output_shape")
    outputs = [shape] if isinstance(shape, int) else shape
    if match is None or not isinstance(outputs, list):
        raise c.unsupported(f"EinsumDense with the equation {str(equation)[:40]!r} is not supported")
    x, w, y = match.groups()
    if len(x) != c.x.rank:
        raise c.malformed("equation")
    sizes = dict(zip(x, c.x.shape, strict=True))
    for letter, size in zip(reversed(y), reversed(outputs), strict=False):
        sizes.setdefault(letter, size if isinstance(size, int) else sizes.get(letter, 0))
    kernel = c.weight(*(sizes.get(letter, 0) for letter in w))
    name = c.add("Einsum", c.x.source, c.parameter(kernel, "kernel"), equation=f"{x},{w}->{y}")
    bias_axes = c.option("bias_axes")
    if isinstance(bias_axes, str):
        bias = c.weight(*(sizes[letter] for letter in y if letter in bias_axes))
        first = min(y.index(letter) for letter in bias_axes)
        full = [sizes[letter] if letter in bias_axes else 1 for letter in y[first:]]
        name = c.add("Add", name, c.parameter(bias.reshape(full), "bias"))
    return activated(c, c.made(name, [sizes[letter] for letter in y]), c.option("activation"))


@converts("Embedding")
def embedding(c: Layer) -> Value:
    if c.flag("mask_zero"):
        raise c.unsupported("Embedding with mask_zero is not supported", "pad on the left and train without a mask")
    table = c.parameter(c.weight(c.integer("input_dim"), c.integer("output_dim")), "embeddings")
    index = c.x.source if c.x.dtype in ("int32", "int64") else c.add("Cast", c.x.source, to=6)
    return c.made(c.add("Gather", table, index, axis=0), (*c.x.shape, c.integer("output_dim")))


# -- normalisation ------------------------------------------------------------------------------------------------


@converts("BatchNormalization")
def batch_norm(c: Layer) -> Value:
    """With the statistics of the training; ONNX has the channels second."""
    x = c.x
    (axis,) = c.axes("axis", x.rank)
    n = x.shape[axis]
    ones, zeros = np.ones(n, np.float32), np.zeros(n, np.float32)
    gamma = c.weight(n) if c.flag("scale", True) else ones
    beta = c.weight(n) if c.flag("center", True) else zeros
    mean, variance = c.weight(n), c.weight(n)
    names = [
        c.parameter(a, name) for a, name in ((gamma, "gamma"), (beta, "beta"), (mean, "mean"), (variance, "variance"))
    ]
    epsilon = c.number("epsilon", 1e-3)
    if axis == 1:
        return c.made(c.add("BatchNormalization", x.source, *names, epsilon=epsilon), x.shape)
    if axis != x.rank - 1:
        raise c.unsupported(f"BatchNormalization along axis {axis} of {x.rank} is not supported")
    return Value(c.builder, x.shape, first=c.add("BatchNormalization", x.planar, *names, epsilon=epsilon))


@converts("LayerNormalization")
def layer_norm(c: Layer) -> Value:
    x, axes = c.x, sorted(c.axes("axis", c.x.rank))
    if axes != list(range(axes[0], x.rank)):
        raise c.unsupported(f"LayerNormalization along the axes {axes} of {x.rank} is not supported")
    shape = x.shape[axes[0] :]
    gamma = c.weight(*shape) if c.flag("scale", True) else np.ones(shape, np.float32)
    beta = c.weight(*shape) if c.flag("center", True) and not c.flag("rms_scaling") else None
    epsilon = c.number("epsilon", 1e-3)
    if c.flag("rms_scaling"):
        return _rms(c, x, gamma, axes, epsilon)
    names = [c.parameter(gamma, "gamma"), c.parameter(beta, "beta") if beta is not None else ""]
    return c.made(c.add("LayerNormalization", x.source, *names, axis=axes[0], epsilon=epsilon), x.shape)


@converts("RMSNormalization")
def rms_norm(c: Layer) -> Value:
    axes = c.axes("axis", c.x.rank)
    gamma = c.weight(*(c.x.shape[a] for a in axes))
    return _rms(c, c.x, gamma, axes, c.number("epsilon", 1e-6))


def _rms(c: Layer, x: Value, gamma: Array, axes: list[int], epsilon: float) -> Value:
    squares = c.add("ReduceMean", c.add("Mul", x.source, x.source), c.ints(axes), keepdims=1)
    length = c.add("Sqrt", c.add("Add", squares, c.const(epsilon)))
    return c.made(c.add("Mul", c.add("Div", x.source, length), c.parameter(gamma, "scale")), x.shape)


@converts("GroupNormalization")
def group_norm(c: Layer) -> Value:
    """Mean and variance over a group of channels and all places."""
    x = c.x
    (axis,) = c.axes("axis", x.rank)
    if axis not in (1, x.rank - 1):
        raise c.unsupported(f"GroupNormalization along axis {axis} of {x.rank} is not supported")
    n = x.shape[axis]
    groups = c.integer("groups", 32)
    groups = n if groups == -1 else groups
    if groups < 1 or n % groups:
        raise c.malformed("groups")
    gamma = c.weight(n) if c.flag("scale", True) else np.ones(n, np.float32)
    beta = c.weight(n) if c.flag("center", True) else np.zeros(n, np.float32)
    last = axis == x.rank - 1
    name = x.planar if last else x.source
    shape = [x.shape[a] for a in to_first(x.rank)] if last else list(x.shape)
    # The unit deviation and zero mean of each group, through a view that has a group's elements in one row.
    ones, zeros = c.const(np.ones(groups)), c.const(np.zeros(groups))
    rows = c.add("Reshape", name, c.ints([shape[0], groups, -1]))
    y = c.add("InstanceNormalization", rows, ones, zeros, epsilon=c.number("epsilon", 1e-3))
    y = c.add("Reshape", y, c.ints(shape))
    column = [n, *[1] * (x.rank - 2)]
    y = c.add("Mul", y, c.parameter(gamma.reshape(column), "gamma"))
    y = c.add("Add", y, c.parameter(beta.reshape(column), "beta"))
    return Value(c.builder, x.shape, first=y) if last else c.made(y, x.shape)


@converts("UnitNormalization")
def unit_norm(c: Layer) -> Value:
    axes = c.axes("axis", c.x.rank)
    squares = c.add("ReduceSumSquare", c.x.source, c.ints(axes), keepdims=1)
    length = c.add("Sqrt", c.add("Max", squares, c.const(1e-12)))
    return c.made(c.add("Div", c.x.source, length), c.x.shape)


@converts("Rescaling")
def rescaling(c: Layer) -> Value:
    scale, offset = (_constant(c, name, default) for name, default in (("scale", 1.0), ("offset", 0.0)))
    return c.elementwise(lambda x, s, o: c.add("Add", c.add("Mul", x, s), o), _as_float(c, c.x), scale, offset)


def _constant(c: Layer, name: str, default: float) -> Value:
    value = c.option(name, default)
    array = np.asarray(value, dtype=object)
    if array.size > 1 << 16 or not all(isinstance(n, int | float) for n in array.reshape(-1)):
        raise c.malformed(name)
    return Value.constant(c.builder, array.astype(np.float32))


def _as_float(c: Layer, x: Value) -> Value:
    return x if x.dtype == "float32" else c.made(c.add("Cast", x.source, to=1), x.shape)


@converts("Normalization")
def normalization(c: Layer) -> Value:
    """(x - mean) / max(sqrt(variance), 1e-7), with the statistics of the training data or those given."""
    x = c.x
    axes = c.axes("axis", x.rank) if c.option("axis") is not None else []
    shape = [n if a in axes else 1 for a, n in enumerate(x.shape)]
    if c.option("mean") is not None:
        found = [_constant(c, name, 0.0).array for name in ("mean", "variance")]
        mean, variance = (np.broadcast_to(a, shape) if a is not None else None for a in found)
    else:
        kept = [x.shape[a] for a in sorted(axes)]
        mean, variance = (c.weight(*kept).reshape(shape) for _ in range(2))
    assert mean is not None and variance is not None
    deviation = np.maximum(np.sqrt(variance), np.float32(1e-7))
    values = [Value.constant(c.builder, a.astype(np.float32)) for a in (mean, deviation)]
    if c.flag("invert"):
        return c.elementwise(lambda n, m, d: c.add("Add", c.add("Mul", n, d), m), _as_float(c, x), *values)
    return c.elementwise(lambda n, m, d: c.add("Div", c.add("Sub", n, m), d), _as_float(c, x), *values)


# -- merging ------------------------------------------------------------------------------------------------------

_MERGE = {"Add": "Sum", "Multiply": "Mul", "Maximum": "Max", "Minimum": "Min", "Average": "Mean"}


@converts(*_MERGE, "Subtract")
def merge(c: Layer) -> Value:
    values = c.inputs
    if len(values) < 2:
        raise ModelError("E0165", f"{c.kind} of {len(values)} tensors")
    rank = max(v.rank for v in values)
    if any(v.rank != rank for v in values):
        raise c.unsupported(f"{c.kind} of tensors with different numbers of dimensions is not supported")

    def make(*names: str) -> str:
        if c.kind in ("Add", "Subtract", "Multiply"):
            op = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul"}[c.kind]
            name = names[0]
            for other in names[1:]:
                name = c.add(op, name, other)
            return name
        return c.add(_MERGE[c.kind], *names)

    return c.elementwise(make, *values)


@converts("Concatenate")
def concatenate(c: Layer) -> Value:
    values = c.inputs
    rank = c.x.rank
    (axis,) = c.axes("axis", rank)
    if any(v.rank != rank for v in values):
        raise ModelError("E0165", "Concatenate of tensors with different numbers of dimensions")
    shape = [sum(v.shape[a] for v in values) if a == axis else n for a, n in enumerate(c.x.shape)]
    if rank >= 3 and any(v.only_planar for v in values):
        name = c.add("Concat", *(v.planar for v in values), axis=first_axis(axis, rank))
        return Value(c.builder, tuple(shape), c.x.dtype, first=name)
    return c.made(c.add("Concat", *(v.source for v in values), axis=axis), shape, c.x.dtype)


@converts("Dot")
def dot(c: Layer) -> Value:
    """Of vectors per batch, or of matrices along one axis each."""
    if len(c.inputs) != 2:
        raise ModelError("E0165", f"Dot of {len(c.inputs)} tensors")
    given = c.option("axes")
    pair = given if isinstance(given, list) else [given, given]
    if len(pair) != 2 or not all(type(a) is int for a in pair):
        raise c.malformed("axes")
    letters = iter("bcdefghijklmnop")
    terms, joined = [], "z"
    for value, axis in zip(c.inputs, pair, strict=True):
        axis %= value.rank
        if not 1 <= axis < value.rank or value.rank > 6:
            raise c.malformed("axes")
        terms.append("".join("a" if i == 0 else joined if i == axis else next(letters) for i in range(value.rank)))
    names = [v.source for v in c.inputs]
    if c.flag("normalize"):
        names = [
            c.add("Div", n, c.add("Max", c.add("ReduceL2", n, c.ints([a % v.rank]), keepdims=1), c.const(1e-6)))
            for n, v, a in zip(names, c.inputs, pair, strict=True)
        ]
    sizes = {k: n for term, v in zip(terms, c.inputs, strict=True) for k, n in zip(term, v.shape, strict=True)}
    out = "a" + "".join(k for term in terms for k in term[1:] if k != joined)
    y = c.add("Einsum", *names, equation=f"{terms[0]},{terms[1]}->{out}")
    if out == "a":
        return c.made(c.add("Unsqueeze", y, c.ints([1])), (sizes["a"], 1))
    return c.made(y, [sizes[k] for k in out])


# -- moving elements ----------------------------------------------------------------------------------------------


@converts("Flatten")
def flatten(c: Layer) -> Value:
    """Row by row as the source has it; with the channels first they come last before that."""
    x = c.x
    shape = (x.shape[0], prod(x.shape[1:]))
    if not c.channels_last() and x.rank > 2:
        turned = c.add("Transpose", x.source, perm=[0, *range(2, x.rank), 1])
        return c.made(c.add("Reshape", turned, c.ints(shape)), shape, x.dtype)
    same_either_way = x.only_planar and prod(x.shape[1:-1]) == 1
    return c.made(c.add("Reshape", x.planar if same_either_way else x.source, c.ints(shape)), shape, x.dtype)


@converts("Reshape")
def reshape(c: Layer) -> Value:
    target = c.option("target_shape")
    if not isinstance(target, list) or not all(type(n) is int and n >= -1 for n in target) or target.count(-1) > 1:
        raise c.malformed("target_shape")
    total, known = prod(c.x.shape[1:]), prod(n for n in target if n != -1)
    if known == 0 or total % known or (-1 not in target and total != known):
        raise ModelError("E0165", f"Reshape of {list(c.x.shape[1:])} to {target}")
    shape = (c.x.shape[0], *(total // known if n == -1 else n for n in target))
    return c.made(c.add("Reshape", c.x.source, c.ints(shape)), shape, c.x.dtype)


@converts("Permute")
def permute(c: Layer) -> Value:
    dims: Any = c.option("dims")
    if not isinstance(dims, list) or sorted(dims) != list(range(1, c.x.rank)):
        raise c.malformed("dims")
    axes = [0, *dims]
    return c.made(c.add("Transpose", c.x.source, perm=axes), [c.x.shape[a] for a in axes], c.x.dtype)


@converts("RepeatVector")
def repeat(c: Layer) -> Value:
    n, x = c.integer("n"), c.x
    if x.rank != 2 or n < 1:
        raise c.malformed("n")
    shape = (x.shape[0], n, x.shape[1])
    y = c.add("Unsqueeze", x.source, c.ints([1]))
    return c.made(c.add("Expand", y, c.ints(shape)), shape, x.dtype)
