"""Keras' activation functions, by name or as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.importers.channels import Value, first_axis
from compiler.importers.keras_node import Layer, converts

Make = Callable[[Layer, str], str]


def _onnx(op: str, **attributes: Any) -> Make:
    return lambda c, x: c.add(op, x, **attributes)


def _clip(c: Layer, x: str, low: float, high: float) -> str:
    return c.add("Clip", x, c.const(low), c.const(high))


def _hard_sigmoid(c: Layer, x: str) -> str:
    """relu6(x + 3) / 6; Keras 2 had clip(0.2 x + 0.5)."""
    return c.add("HardSigmoid", x, alpha=1 / 6 if c.version >= 3 else 0.2, beta=0.5)


FUNCTIONS: dict[str, Make] = {
    "linear": lambda c, x: x,
    "relu": _onnx("Relu"),
    "relu6": lambda c, x: _clip(c, x, 0, 6),
    "sigmoid": _onnx("Sigmoid"),
    "tanh": _onnx("Tanh"),
    "softplus": _onnx("Softplus"),
    "softsign": _onnx("Softsign"),
    "elu": _onnx("Elu"),
    "selu": _onnx("Selu"),
    "celu": _onnx("Elu"),  # the same where alpha is 1
    "exponential": _onnx("Exp"),
    "hard_sigmoid": _hard_sigmoid,
    "silu": lambda c, x: c.add("Mul", x, c.add("Sigmoid", x)),
    "hard_silu": _onnx("HardSwish"),
    "gelu": _onnx("Gelu"),
    "mish": _onnx("Mish"),
    "leaky_relu": _onnx("LeakyRelu", alpha=0.2),
    "log_sigmoid": lambda c, x: c.add("Neg", c.add("Softplus", c.add("Neg", x))),
    "hard_tanh": lambda c, x: _clip(c, x, -1, 1),
    "tanh_shrink": lambda c, x: c.add("Sub", x, c.add("Tanh", x)),
    "hard_shrink": _onnx("Shrink", lambd=0.5, bias=0.0),
    "soft_shrink": _onnx("Shrink", lambd=0.5, bias=0.5),
}
FUNCTIONS |= {"swish": FUNCTIONS["silu"], "hard_swish": FUNCTIONS["hard_silu"]}
_ALONG = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}
_STANDARD = ("keras", "builtins")  # modules whose names mean what they say


def function_name(c: Layer, given: Any) -> str:
    """What an activation is called; one that is no function of Keras is refused."""
    if given is None:
        return "linear"
    if isinstance(given, dict):
        module, registered = given.get("module"), given.get("registered_name")
        name = given.get("config") if given.get("class_name") == "function" else None
        own = isinstance(module, str) and module.split(".")[0] not in _STANDARD
        if own or (isinstance(registered, str) and ">" in registered) or not isinstance(name, str):
            name = registered if isinstance(registered, str) else given.get("class_name")
            raise c.unsupported(
                f"activation {str(name)[:80]!r} is not one of Keras' own functions",
                "use a function of keras.activations; a file's own code is never run",
            )
        given = name
    if not isinstance(given, str) or (given not in FUNCTIONS and given not in _ALONG):
        raise c.unsupported(f"activation {str(given)[:80]!r} is not supported", "use another activation")
    return given


def activated(c: Layer, y: Value, given: Any) -> Value:
    """The activation behind a result, in the order of axes that it has."""
    name = function_name(c, given)
    if name == "linear":
        return y
    if name in _ALONG:
        return along(c, y, _ALONG[name], [y.rank - 1])
    make = FUNCTIONS[name]
    return c.elementwise(lambda x: make(c, x), y)


def along(c: Layer, y: Value, op: str, axes: list[int]) -> Value:
    """Softmax along one axis; along several it is taken over all their elements together."""
    if len(axes) == 1:
        if y.only_planar:
            return Value(c.builder, y.shape, first=c.add(op, y.planar, axis=first_axis(axes[0], y.rank)))
        return c.made(c.add(op, y.source, axis=axes[0]), y.shape)
    where = c.ints(axes)
    e = c.add("Exp", c.add("Sub", y.source, c.add("ReduceMax", y.source, where, keepdims=1)))
    if op == "LogSoftmax":
        raise c.unsupported("log_softmax along several axes is not supported")
    return c.made(c.add("Div", e, c.add("ReduceSum", e, where, keepdims=1)), y.shape)


@converts("Activation")
def activation(c: Layer) -> Value:
    return activated(c, c.x, c.option("activation"))


@converts("Softmax")
def softmax(c: Layer) -> Value:
    return along(c, c.x, "Softmax", c.axes("axis", c.x.rank))


@converts("ReLU")
def relu(c: Layer) -> Value:
    """max(x, 0), with a slope below the threshold and a largest value."""
    slope, threshold = c.number("negative_slope", 0.0), c.number("threshold", 0.0)
    largest = c.option("max_value")
    if threshold and (slope or largest is not None):
        raise c.unsupported("ReLU with a threshold and a slope or largest value is not supported")
    if threshold:
        return _above(c, threshold)
    high = c.number("max_value", 0.0) if largest is not None else None

    def make(x: str) -> str:
        if not slope:
            return c.add("Relu", x) if high is None else _clip(c, x, 0, high)
        y = c.add("LeakyRelu", x, alpha=slope)
        return y if high is None else c.add("Min", y, c.const(high))

    return c.elementwise(make, c.x)


@converts("ThresholdedReLU")
def thresholded(c: Layer) -> Value:
    return _above(c, c.number("theta", 1.0))


def _above(c: Layer, threshold: float) -> Value:
    """x where it exceeds the threshold, else 0."""
    return c.elementwise(lambda x: c.add("Where", c.add("Greater", x, c.const(threshold)), x, c.const(0.0)), c.x)


@converts("LeakyReLU")
def leaky(c: Layer) -> Value:
    """Keras 2 calls the slope alpha."""
    slope = c.number("alpha", 0.3) if "alpha" in c.config else c.number("negative_slope", 0.3)
    return c.elementwise(lambda x: c.add("LeakyRelu", x, alpha=slope), c.x)


@converts("ELU")
def elu(c: Layer) -> Value:
    return c.elementwise(lambda x: c.add("Elu", x, alpha=c.number("alpha", 1.0)), c.x)


@converts("PReLU")
def prelu(c: Layer) -> Value:
    shared = c.axes("shared_axes", c.x.rank) if c.option("shared_axes") else []
    shape = [1 if a in shared else n for a, n in enumerate(c.x.shape)][1:]
    slope = Value.constant(c.builder, np.asarray(c.weight(*shape)), f"{c.name}/alpha")
    return c.elementwise(lambda x, s: c.add("PRelu", x, s), c.x, slope)
