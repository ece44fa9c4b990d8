"""Arithmetic on tensors between layers: Keras 3 writes it into the graph as operations of their own."""

from __future__ import annotations

from collections.abc import Callable

from compiler.importers.channels import Value
from compiler.importers.keras_activations import FUNCTIONS, along
from compiler.importers.keras_node import Layer

_BINARY = {
    "Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Divide": "Div", "TrueDivide": "Div", "Power": "Pow",
    "Maximum": "Max", "Minimum": "Min",
}  # fmt: skip
_UNARY = {
    "Absolute": "Abs", "Abs": "Abs", "Negative": "Neg", "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Sin": "Sin",
    "Cos": "Cos", "Floor": "Floor", "Ceil": "Ceil", "Reciprocal": "Reciprocal", "Tanh": "Tanh", "Sign": "Sign",
}  # fmt: skip
_FUNCTIONS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Softplus": "softplus", "Softsign": "softsign",
    "Silu": "silu", "Gelu": "gelu", "Elu": "elu", "Selu": "selu", "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu", "Mish": "mish",
}  # fmt: skip
_REDUCTIONS = {"Mean": "ReduceMean", "Sum": "ReduceSum", "Max": "ReduceMax", "Min": "ReduceMin"}
Convert = Callable[[Layer], Value]


def operation(kind: str) -> Convert | None:
    """The converter of an operation, or None."""
    if kind in _BINARY:
        return _binary
    if kind in _UNARY:
        return lambda c: c.elementwise(lambda x: c.add(_UNARY[c.kind], x), c.x)
    if kind in _FUNCTIONS:
        return _function
    if kind in _REDUCTIONS:
        return _reduction
    return {"Square": _square, "Softmax": _softmax, "MatMul": _matmul, "Matmul": _matmul}.get(kind)


def _binary(c: Layer) -> Value:
    x, y = c.inputs[:2]
    return c.elementwise(lambda a, b: c.add(_BINARY[c.kind], a, b), x, y)


def _function(c: Layer) -> Value:
    if c.kind == "Gelu" and c.arguments.get("approximate", c.option("approximate", True)):
        return c.elementwise(lambda x: c.add("Gelu", x, approximate="tanh"), c.x)
    return c.elementwise(lambda x: FUNCTIONS[_FUNCTIONS[c.kind]](c, x), c.x)


def _square(c: Layer) -> Value:
    return c.elementwise(lambda x: c.add("Mul", x, x), c.x)


def _softmax(c: Layer) -> Value:
    return along(c, c.x, "Softmax", c.axes("axis", c.x.rank))


def _matmul(c: Layer) -> Value:
    x, y = c.inputs[:2]
    if not x.rank == y.rank >= 2 or x.shape[:-2] != y.shape[:-2]:
        raise c.unsupported("a matrix product of tensors with different numbers of dimensions is not supported")
    return c.made(c.add("MatMul", x.source, y.source), (*x.shape[:-1], y.shape[-1]))


def _reduction(c: Layer) -> Value:
    rank = c.x.rank
    axes = sorted(set(c.axes("axis", rank))) if c.option("axis") is not None else list(range(rank))
    keep = c.flag("keepdims")
    kept = [(1 if a in axes else n) for a, n in enumerate(c.x.shape) if keep or a not in axes]
    return c.made(c.add(_REDUCTIONS[c.kind], c.x.source, c.ints(axes), keepdims=int(keep)), kept)
