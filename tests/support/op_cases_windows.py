"""Cases of windows, products, normalisations, recurrent cells and Fourier transforms, for operands of any type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compiler.graph.types import Array, TensorType
from compiler.loop.storage import compute_type
from compiler.ops.base import Op
from compiler.ops.block_dense import BlockDense
from compiler.ops.cells import DEFAULTS, Activation
from compiler.ops.conv import INTEGER_INPUTS, Conv, result_type
from compiler.ops.conv_transpose import ConvTranspose
from compiler.ops.deform_conv import DeformConv
from compiler.ops.dense import Dense, MatMul
from compiler.ops.fourier import Fourier
from compiler.ops.integer_products import ConvInteger, MatMulInteger
from compiler.ops.lp_pool import LpPool
from compiler.ops.lstm import Lstm
from compiler.ops.max_pool_indices import MaxPoolIndices
from compiler.ops.norm_division import LocalResponse, LpNormalization
from compiler.ops.normalize import BatchNorm
from compiler.ops.pool import AveragePool, MaxPool
from compiler.ops.recurrent import Recurrent
from compiler.ops.rnn import Gru, Rnn
from compiler.ops.softmax import Softmax
from compiler.ops.standardize import Standardize
from tests.support import op_cases, op_cases_integer
from tests.support.op_cases import Case, Draw, Shape, broadcast_shapes, shapes, windows
from tests.support.typed_cases import COMPUTED, Given, typed_case, values, whole

floats = st.sampled_from(["float32", "float32", "float64", "float16", "bfloat16"])
numbers = st.sampled_from(COMPUTED)
maybe = st.booleans()


@st.composite
def given(draw: Draw, shape: Shape, dtype: str, constant: bool | None = None) -> Given:
    return Given(draw(values(shape, dtype)), constant)


@st.composite
def optional(draw: Draw, shape: Shape, dtype: str) -> Given | None:
    return draw(given(shape, dtype)) if draw(maybe) else None


@st.composite
def product_types(draw: Draw, same: st.SearchStrategy[str]) -> tuple[str, str, str]:
    """Types of x, the weights and the bias: all the same, or integers that are summed in a wider type."""
    if draw(maybe):
        dtype = draw(same)
        return dtype, dtype, result_type(TensorType.of(dtype, ()))
    x = draw(st.sampled_from(["int8", "int8", "uint8", "int16", "float32"]))
    w = draw(st.sampled_from(["int8", "int8", "uint8", "int4", "int16"]))
    return x, w, result_type(TensorType.of(x, ()))


@st.composite
def conv(draw: Draw) -> Case:
    n = draw(st.sampled_from([1, 2, 3]))
    g, groups = draw(windows(n)), draw(st.sampled_from([1, 2]))
    first, second, third = draw(product_types(floats))
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    zero = draw(st.integers(-128, 255)) if first in INTEGER_INPUTS else 0
    op = Conv(g["strides"], g["pads"], g["dilations"], groups, zero=zero)
    x, w = (1, channels, *g["sizes"]), (outputs, channels // groups, *g["kernel"])
    return draw(typed_case(op, [draw(given(x, first)), draw(given(w, second)), draw(optional((outputs,), third))]))


@st.composite
def conv_transpose(draw: Draw) -> Case:
    n = draw(st.sampled_from([1, 2, 2, 3]))
    g, groups = draw(windows(n)), draw(st.sampled_from([1, 1, 2]))
    first, second, third = draw(product_types(floats))
    zero = draw(st.integers(-128, 255)) if first in INTEGER_INPUTS else 0
    channels, each = groups * draw(st.integers(1, 2)), draw(st.integers(1, 2))
    sizes = [draw(st.integers(1, 3)) for _ in range(n)]
    pads = tuple(draw(st.integers(-2, 2)) for _ in range(n))
    results = tuple(
        max(1, (m - 1) * s + (q - 1) * d + 1 - pad + draw(st.integers(-2, 2)))
        for m, s, q, d, pad in zip(sizes, g["strides"], g["kernel"], g["dilations"], pads, strict=True)
    )
    op = ConvTranspose(g["strides"], pads, g["dilations"], results, groups, zero=zero)
    x, w = (draw(st.sampled_from([1, 2])), channels, *sizes), (channels, each, *g["kernel"])
    bias = draw(optional((groups * each,), third))
    return draw(typed_case(op, [draw(given(x, first)), draw(given(w, second)), bias]))


@st.composite
def block_dense(draw: Draw) -> Case:
    inputs, outputs, block = draw(st.integers(1, 9)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    blocks = (outputs, -(-inputs // block))
    x = (*draw(shapes(0, 2)), inputs)
    operands = [
        draw(given(x, "float32")),
        draw(given((outputs, inputs), draw(st.sampled_from(["int4", "uint4", "int8", "uint8"])))),
        draw(given(blocks, "float32")),
        draw(optional(blocks, "float32")),
    ]
    return draw(typed_case(BlockDense(block), operands))


@st.composite
def conv_integer(draw: Draw) -> Case:
    g, groups = draw(windows(draw(st.sampled_from([1, 2])))), draw(st.sampled_from([1, 2]))
    left, right = (draw(st.sampled_from(["int8", "uint8"])) for _ in range(2))
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    op = ConvInteger(g["strides"], g["pads"], g["dilations"], groups)
    operands = [
        draw(given((1, channels, *g["sizes"]), left)),
        draw(given((outputs, channels // groups, *g["kernel"]), right)),
        draw(optional((outputs,), "int32")),
        draw(optional((), left)),
        draw(optional(draw(st.sampled_from([(), (outputs,)])), right)),
    ]
    return draw(typed_case(op, operands))


@st.composite
def deform_conv(draw: Draw) -> Case:
    n = draw(st.sampled_from([1, 2]))
    g, groups, parts, dtype = (
        draw(windows(n)),
        draw(st.sampled_from([1, 2])),
        draw(st.sampled_from([1, 2])),
        draw(floats),
    )
    channels, outputs = 2, groups * draw(st.integers(1, 2))
    x, w = (1, channels, *g["sizes"]), (outputs, channels // groups, *g["kernel"])
    op = DeformConv(g["strides"], g["pads"], g["dilations"], groups, parts)
    taps = parts * int(np.prod(g["kernel"]))
    y = Conv(g["strides"], g["pads"], g["dilations"], groups).infer(*(_type(s) for s in (x, w))).shape[2:]
    operands = [
        draw(given(x, dtype)),
        draw(given(w, dtype)),
        draw(given((1, taps * n, *y), dtype, constant=False)),
        draw(optional((outputs,), dtype)),
        draw(optional((1, taps, *y), dtype)),
    ]
    return draw(typed_case(op, operands))


def _type(shape: Shape) -> Any:
    from compiler.graph.types import TensorType

    return TensorType.of("float32", shape)


@st.composite
def dense(draw: Draw) -> Case:
    i, o = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    first, second, third = draw(product_types(numbers.filter(lambda d: d != "uint16")))
    x = (*draw(shapes(0, 2, most=12)), i)
    return draw(typed_case(Dense(), [draw(given(x, first)), draw(given((o, i), second)), draw(optional((o,), third))]))


@st.composite
def matmul(draw: Draw) -> Case:
    dtype, (m, k, n) = draw(numbers), (draw(st.integers(1, 4)) for _ in range(3))
    left, right = draw(broadcast_shapes(draw(shapes(0, 2, most=8)), 2))
    return draw(typed_case(MatMul(), [draw(given((*left, m, k), dtype)), draw(given((*right, k, n), dtype))]))


@st.composite
def matmul_integer(draw: Draw) -> Case:
    m, k, n = (draw(st.integers(1, 4)) for _ in range(3))
    a, b = (draw(st.sampled_from(["int8", "uint8"])) for _ in range(2))
    left, right = draw(broadcast_shapes(draw(shapes(0, 1, zero=False, most=4)), 2))
    operands = [
        draw(given((*left, m, k), a)),
        draw(given((*right, k, n), b)),
        draw(optional(draw(st.sampled_from([(), (m, 1), (*left, m, 1)])), a)),
        draw(optional(draw(st.sampled_from([(), (n,), (*right, 1, n)])), b)),
    ]
    return draw(typed_case(MatMulInteger(), operands))


@st.composite
def pool(draw: Draw, cls: type[Any]) -> Case:
    g = draw(windows(draw(st.sampled_from([1, 2, 2, 3]))))
    x = (draw(st.sampled_from([1, 2])), draw(st.integers(1, 3)), *g["sizes"])
    extra: dict[str, Any] = {"ceil": draw(maybe)}
    if cls is AveragePool:
        extra["include_pad"] = draw(maybe)
    if cls is MaxPoolIndices:
        extra["column_major"] = draw(maybe)
    if cls is LpPool:
        extra["p"] = draw(st.sampled_from([1.0, 2.0, 3.0, 1.5]))
    op = cls(kernel=g["kernel"], strides=g["strides"], pads=g["pads"], dilations=g["dilations"], **extra)
    dtype = draw(numbers if cls in (MaxPool, MaxPoolIndices) else floats)
    return draw(typed_case(op, [draw(given(x, dtype, constant=False))]))


@st.composite
def softmax(draw: Draw) -> Case:
    x = draw(shapes(1, 4))
    op = Softmax(draw(st.integers(0, len(x) - 1)), draw(maybe))
    return draw(typed_case(op, [draw(given(x, draw(floats), constant=False))]))


def positive(g: Given) -> Given:
    return Given(np.abs(g.array) + np.asarray(0.1).astype(g.array.dtype), g.constant)


@st.composite
def batch_norm(draw: Draw) -> Case:
    x, dtype, kind = draw(shapes(1, 4)), draw(floats), draw(floats)
    channels = (x[1] if len(x) > 1 else 1,)
    params = [draw(given(channels, kind)) for _ in range(4)]
    return draw(typed_case(BatchNorm(1e-3), [draw(given(x, dtype, constant=False)), *params[:3], positive(params[3])]))


@st.composite
def standardize(draw: Draw) -> Case:
    x, dtype = draw(shapes(1, 4)), draw(floats)
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(x) - 1), min_size=1))))
    op = Standardize(axes, draw(st.sampled_from([0.01, 0.1])), draw(maybe), draw(maybe))
    params: list[Given | None] = []
    for _ in range(2):
        kept = draw(st.integers(0, len(x)))
        shape = tuple(n if draw(maybe) else 1 for n in x[len(x) - kept :])
        params.append(draw(optional(shape, draw(floats))))
    return draw(typed_case(op, [draw(given(x, dtype, constant=False)), *params]))


@st.composite
def lp_normalization(draw: Draw) -> Case:
    x = draw(shapes(1, 4))
    array = draw(values(x, draw(floats)))
    if draw(maybe):
        array[..., :1] *= 0
    op = LpNormalization(draw(st.integers(0, len(x) - 1)), draw(st.sampled_from([1, 2])))
    return draw(typed_case(op, [Given(array, False)]))


@st.composite
def local_response(draw: Draw) -> Case:
    op = LocalResponse(draw(st.integers(1, 5)), 0.1, draw(st.sampled_from([0.75, 0.5])), 1.5)
    return draw(typed_case(op, [draw(given(draw(shapes(2, 4)), draw(floats), constant=False))]))


@st.composite
def fourier(draw: Draw) -> Case:
    x = [*draw(shapes(1, 2, zero=False, most=8)), draw(st.sampled_from([1, 2]))]
    axis = draw(st.integers(0, len(x) - 2))
    x[axis] = draw(st.integers(1, 8))
    length = draw(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16]))
    inverse, onesided = draw(maybe), draw(maybe)
    if onesided:
        x[-1] = 2 if inverse else 1
    dtype = draw(floats)
    angles = 2 * np.pi * np.arange(length) / length
    table = np.stack([np.cos(angles), np.sin(angles)], -1).astype(compute_type(dtype).numpy)
    op = Fourier(axis, length, inverse, onesided)
    return draw(typed_case(op, [draw(given(tuple(x), dtype, constant=False)), Given(table, True)]))


@st.composite
def activations(draw: Draw, count: int) -> tuple[Activation, ...]:
    names = st.sampled_from(["Sigmoid", "Tanh", *DEFAULTS])
    fraction = st.sampled_from([0.25, 0.5, 1.0])
    return tuple(Activation(draw(names), draw(fraction), draw(fraction)) for _ in range(count))


def small(array: Array) -> Array:
    """Weights with which states do not grow from step to step."""
    return (array.astype(np.float64) / (1 + np.abs(array).max(initial=0) * array.shape[-1])).astype(array.dtype)


@st.composite
def recurrent(draw: Draw, cls: type[Recurrent]) -> Case:
    steps, batch, inputs, hidden = (draw(st.integers(1, 3)) for _ in range(4))
    reverse = draw(st.sampled_from([(False,), (True,), (False, True)]))
    d, rows, dtype = len(reverse), cls.gates * hidden, draw(floats)
    wanted = draw(st.lists(maybe, min_size=1 + len(cls.states), max_size=1 + len(cls.states)).filter(any))
    extra: dict[str, Any] = {Gru: {"reset_after": draw(maybe)}, Lstm: {"coupled": draw(maybe)}}.get(cls, {})
    functions = draw(activations(d * len(cls.default)))
    op = cls(hidden, reverse, functions, draw(st.sampled_from([0.0, 0.5])), tuple(wanted), **extra)
    w, r = (small(draw(values((d, rows, n), dtype))) for n in (inputs, hidden))
    lengths = Given(draw(whole((batch,), -1, steps + 1, "int32"))) if draw(maybe) else None
    operands: list[Given | None] = [
        draw(given((steps, batch, inputs), dtype, constant=False)), Given(w), Given(r),
        draw(optional((d, 2 * rows), dtype)), lengths,
    ]  # fmt: skip
    operands += [draw(optional((d, batch, hidden), dtype)) for _ in cls.states]
    if cls is Lstm:
        operands.append(draw(optional((d, 3 * hidden), dtype)))
    return draw(typed_case(op, operands))


def either(*strategies: Callable[[], st.SearchStrategy[Case]]) -> Callable[[], st.SearchStrategy[Case]]:
    return lambda: st.one_of(*(s() for s in strategies))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    Conv: either(op_cases.conv, conv),
    Dense: either(op_cases.dense, dense),
    MatMul: either(op_cases.matmul, matmul),
    MaxPool: either(lambda: op_cases.pool(MaxPool), lambda: pool(MaxPool)),
    AveragePool: either(
        either(lambda: op_cases.pool(AveragePool), lambda: pool(AveragePool)),
        lambda: op_cases_integer.integer_pool(AveragePool),
    ),
    Softmax: either(op_cases.softmax, softmax),
    BatchNorm: either(op_cases.batch_norm, batch_norm),
    ConvTranspose: conv_transpose,
    BlockDense: block_dense,
    ConvInteger: conv_integer,
    DeformConv: deform_conv,
    MatMulInteger: matmul_integer,
    MaxPoolIndices: lambda: pool(MaxPoolIndices),
    LpPool: lambda: pool(LpPool),
    Standardize: standardize,
    LpNormalization: lp_normalization,
    LocalResponse: local_response,
    Fourier: fourier,
    Rnn: lambda: recurrent(Rnn),
    Gru: lambda: recurrent(Gru),
    Lstm: lambda: recurrent(Lstm),
}
