"""Arithmetic, comparisons, activations, reductions and casts of TensorFlow Lite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import helper

from compiler.errors import ModelError
from compiler.importers.channels import Value, first_axis
from compiler.importers.tflite_node import Call, Convert, converts

_INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})


def element_type(dtype: str) -> int:
    """ONNX' number for an element type; E0161 for one that is not computed with."""
    try:
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
    except (TypeError, ValueError):
        raise ModelError("E0161", f"tensors of {dtype} are not supported", help="use numbers or booleans") from None


def _register(table: dict[str, str], make: Callable[[str], Convert]) -> None:
    for kind, op in table.items():
        converts(kind)(make(op))


def _unary(op: str) -> Convert:
    return lambda c: c.elementwise(lambda x: c.add(op, x), c.value())


def _binary(op: str) -> Convert:
    return lambda c: c.elementwise(lambda x, y: c.add(op, x, y), c.value(0), c.value(1))


def _fused(op: str) -> Convert:
    return lambda c: c.elementwise(lambda x, y: c.activated(c.add(op, x, y)), c.value(0), c.value(1))


_register(
    {
        "ABS": "Abs", "CEIL": "Ceil", "COS": "Cos", "ELU": "Elu", "EXP": "Exp", "FLOOR": "Floor", "LOG": "Log",
        "LOGICAL_NOT": "Not", "LOGISTIC": "Sigmoid", "NEG": "Neg", "RELU": "Relu", "ROUND": "Round", "SIGN": "Sign",
        "SIN": "Sin", "SQRT": "Sqrt", "TANH": "Tanh", "HARD_SWISH": "HardSwish",
    },
    _unary,
)  # fmt: skip
_register(
    {
        "EQUAL": "Equal", "GREATER": "Greater", "GREATER_EQUAL": "GreaterOrEqual", "LESS": "Less",
        "LESS_EQUAL": "LessOrEqual", "LOGICAL_AND": "And", "LOGICAL_OR": "Or", "MAXIMUM": "Max", "MINIMUM": "Min",
        "POW": "Pow", "BITWISE_XOR": "BitwiseXor",
    },
    _binary,
)  # fmt: skip
_register({"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}, _fused)


@converts("NOT_EQUAL")
def not_equal(c: Call) -> Value:
    return c.elementwise(lambda x, y: c.add("Not", c.add("Equal", x, y)), c.value(0), c.value(1))


@converts("ADD_N")
def add_n(c: Call) -> Value:
    return c.elementwise(lambda *xs: c.add("Sum", *xs), *c.values())


@converts("SQUARE")
def square(c: Call) -> Value:
    return c.elementwise(lambda x: c.add("Mul", x, x), c.value())


@converts("RSQRT")
def rsqrt(c: Call) -> Value:
    return c.elementwise(lambda x: c.add("Reciprocal", c.add("Sqrt", x)), c.value())


@converts("SQUARED_DIFFERENCE")
def squared_difference(c: Call) -> Value:
    def make(x: str, y: str) -> str:
        d = c.add("Sub", x, y)
        return c.add("Mul", d, d)

    return c.elementwise(make, c.value(0), c.value(1))


@converts("FLOOR_DIV")
def floor_div(c: Call) -> Value:
    """Rounded down; ONNX' integer division rounds towards zero, so what is left over goes first."""
    whole = c.value().dtype in _INTEGERS

    def make(x: str, y: str) -> str:
        if whole:
            return c.add("Div", c.add("Sub", x, c.add("Mod", x, y)), y)
        return c.add("Floor", c.add("Div", x, y))

    return c.elementwise(make, c.value(0), c.value(1))


@converts("FLOOR_MOD")
def floor_mod(c: Call) -> Value:
    """The result has the divisor's sign; ONNX' Mod of floats has the dividend's."""
    whole = c.value().dtype in _INTEGERS

    def make(x: str, y: str) -> str:
        if whole:
            return c.add("Mod", x, y)
        rest, zero = c.add("Mod", x, y, fmod=1), c.const(0, np.float32)
        wrong = c.add("Xor", c.add("Less", rest, zero), c.add("Less", y, zero))
        nonzero = c.add("Not", c.add("Equal", rest, zero))
        return c.add("Where", c.add("And", wrong, nonzero), c.add("Add", rest, y), rest)

    return c.elementwise(make, c.value(0), c.value(1))


@converts("ATAN2")
def atan2(c: Call) -> Value:
    """The angle of (x, y) in its quadrant, from the arc tangent of y / x."""

    def make(y: str, x: str) -> str:
        zero, half = c.const(0, np.float32), c.const(np.pi / 2, np.float32)
        left, below = c.add("Less", x, zero), c.add("Less", y, zero)
        turn = c.add("Where", below, c.const(-np.pi, np.float32), c.const(np.pi, np.float32))
        angle = c.add("Atan", c.add("Div", y, x))
        angle = c.add("Where", left, c.add("Add", angle, turn), angle)
        upright = c.add("Mul", half, c.add("Sign", y))
        return c.add("Where", c.add("Equal", x, zero), upright, angle)

    return c.elementwise(make, c.value(0), c.value(1))


@converts("SELECT", "SELECT_V2")
def select(c: Call) -> Value:
    """The first version's condition may be a vector that chooses whole rows."""
    condition, x, y = c.values()[:3]
    if c.op.kind == "SELECT" and condition.rank == 1 and x.rank > 1:
        rows = c.add("Reshape", condition.source, c.const([-1, *[1] * (x.rank - 1)]))
        return c.made(c.add("Where", rows, x.source, y.source))
    return c.elementwise(lambda *names: c.add("Where", *names), condition, x, y)


@converts("RELU6")
def relu6(c: Call) -> Value:
    return c.elementwise(lambda x: c.clip(x, 0, 6), c.value())


@converts("RELU_N1_TO_1")
def relu1(c: Call) -> Value:
    return c.elementwise(lambda x: c.clip(x, -1, 1), c.value())


@converts("RELU_0_TO_1")
def relu_0_to_1(c: Call) -> Value:
    return c.elementwise(lambda x: c.clip(x, 0, 1), c.value())


@converts("LEAKY_RELU")
def leaky_relu(c: Call) -> Value:
    return c.elementwise(lambda x: c.add("LeakyRelu", x, alpha=c.number("alpha")), c.value())


@converts("GELU")
def gelu(c: Call) -> Value:
    approximate = "tanh" if c.option("approximate") else "none"
    return c.elementwise(lambda x: c.add("Gelu", x, approximate=approximate), c.value())


@converts("ZEROS_LIKE")
def zeros_like(c: Call) -> Value:
    return Value.constant(c.builder, np.zeros(c.shape(), np.dtype(c.value().dtype)))


@converts("CAST")
def cast(c: Call) -> Value:
    to = element_type(c.out_tensor().dtype)
    return c.elementwise(lambda x: c.add("Cast", x, to=to), c.value())


@converts("CUMSUM")
def cumsum(c: Call) -> Value:
    (axis,) = c.ints(1)
    return c.made(c.add("CumSum", c.x(), c.const(axis), exclusive=c.option("exclusive"), reverse=c.option("reverse")))


# -- reductions ---------------------------------------------------------------------------------------------------

_REDUCTIONS = {
    "MEAN": "ReduceMean", "SUM": "ReduceSum", "REDUCE_PROD": "ReduceProd", "REDUCE_MAX": "ReduceMax",
    "REDUCE_MIN": "ReduceMin", "REDUCE_ANY": "ReduceMax", "REDUCE_ALL": "ReduceMin",
}  # fmt: skip


@converts(*_REDUCTIONS)
def reduction(c: Call) -> Value:
    x, op, keep = c.value(), _REDUCTIONS[c.op.kind], c.option("keep_dims")
    rank = x.rank
    axes = sorted({a % rank for a in c.ints(1)}) if rank else []
    if any(not -rank <= a < rank for a in c.ints(1)):
        raise ModelError("E0160", f"{c.op.kind} along an axis that is not there")
    if not axes:
        return c.made(c.add("Identity", x.source))
    # of integers, a mean is rounded otherwise than an average pool of the whole image
    if rank == 4 and axes == [1, 2] and op in ("ReduceMean", "ReduceMax") and not c.is_quantized():
        y = c.add("GlobalAveragePool" if op == "ReduceMean" else "GlobalMaxPool", x.planar)
        return c.made_planar(y) if keep else c.made(c.add("Squeeze", y, c.const([2, 3])))
    kept = [first_axis(a, rank) for a in range(rank) if a not in axes]
    if x.only_planar and (keep or kept == sorted(kept)):  # what is left has the same order either way
        name = c.add(op, x.planar, c.const(sorted(first_axis(a, rank) for a in axes)), keepdims=int(keep))
        return c.made_planar(name) if keep else c.made(name)
    return c.made(c.add(op, x.source, c.const(axes), keepdims=int(keep)))


@converts("ARG_MAX", "ARG_MIN")
def arg(c: Call) -> Value:
    (axis,) = c.ints(1)
    op = "ArgMax" if c.op.kind == "ARG_MAX" else "ArgMin"
    name = c.add(op, c.x(), axis=axis, keepdims=0)
    dtype = c.out_tensor().dtype
    return c.made(name if dtype == "int64" else c.add("Cast", name, to=element_type(dtype)))


@converts("TOPK_V2")
def top_k(c: Call) -> list[Value]:
    (k,) = c.ints(1)
    values, indices = c.builder.add_many("TopK", (c.x(), c.const([k])), 2, axis=-1)
    return [c.made(values), c.made(c.add("Cast", indices, to=element_type(c.out_tensor(1).dtype)), 1)]
