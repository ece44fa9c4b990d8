"""Quantised TensorFlow Lite models once more: the published integer arithmetic in numpy, straight from the file.

Nothing here is shared with the compiler; even the file is read with TensorFlow Lite's own schema. Two roundings:
`single` is CMSIS_NN_USE_SINGLE_ROUNDING of CMSIS-NN, TFLITE_SINGLE_ROUNDING of TensorFlow Lite; `double` is gemmlowp's,
which TensorFlow Lite Micro and CMSIS-NN use as they come. The first axis of every tensor is a batch of inferences.
Sources: TensorFlow Lite's quantisation specification; `kernels/internal/common.cc`, `quantization_util.cc` and
`reference/integer_ops` for what each operator rounds; gemmlowp's `fixedpoint.h` for exp and 1 / (1 + x).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

NAMES = {value: key for key, value in vars(schema.BuiltinOperator).items() if not key.startswith("_")}
TYPES = {0: np.float32, 2: np.int32, 3: np.uint8, 4: np.int64, 7: np.int16, 9: np.int8}
RELU, RELU1, RELU6 = 1, 2, 3


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: Any
    data: Any  # None: computed
    scales: Any  # float32
    zero: int

    @property
    def scale(self) -> np.float32:
        return np.float32(self.scales[0])

    @property
    def low(self) -> int:
        return int(np.iinfo(self.dtype).min)

    @property
    def high(self) -> int:
        return int(np.iinfo(self.dtype).max)


@dataclass(frozen=True)
class Step:
    kind: str
    inputs: list[int]
    output: int
    options: Any


@dataclass(frozen=True)
class Model:
    tensors: list[Tensor]
    steps: list[Step]
    inputs: list[int]
    outputs: list[int]


def read(data: bytes) -> Model:
    root = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = root.subgraphs[0]
    tensors = []
    for t in graph.tensors:
        stored, q = root.buffers[t.buffer].data, t.quantization
        dtype, shape = TYPES[t.type], tuple(int(n) for n in (t.shape if t.shape is not None else ()))
        array = None if stored is None else np.frombuffer(bytes(stored), dtype).reshape(shape)
        known = q is not None and q.scale is not None
        scales = np.asarray(q.scale, np.float32) if known else np.zeros(0, np.float32)
        tensors.append(Tensor(t.name.decode(), shape, dtype, array, scales, int(q.zeroPoint[0]) if known else 0))
    steps = []
    for op in graph.operators:
        code = root.operatorCodes[op.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        steps.append(Step(NAMES[number], [int(i) for i in op.inputs], int(op.outputs[0]), op.builtinOptions))
    return Model(tensors, steps, [int(i) for i in graph.inputs], [int(i) for i in graph.outputs])


def run(model: Model, inputs: list[Any], rounding: str) -> dict[int, Any]:
    """Every computed tensor; `inputs` hold any number of inferences along their first axis."""
    values: dict[int, Any] = dict(zip(model.inputs, inputs, strict=True))
    for step in model.steps:
        found = OPERATORS[step.kind](model, step, values, rounding)
        t = model.tensors[step.output]
        values[step.output] = np.clip(found, t.low, t.high).astype(t.dtype)
    return values


# -- fixed-point arithmetic ---------------------------------------------------------------------------------------


def multiplier_of(real: float) -> tuple[int, int]:
    """A 31-bit multiplier and the power of two behind it."""
    if real == 0:
        return 0, 0
    fraction, exponent = math.frexp(real)
    whole = math.floor(fraction * 2**31 + 0.5)
    if whole == 2**31:
        whole, exponent = whole // 2, exponent + 1
    return (0, 0) if exponent < -31 else (whole, exponent)


def high_product(a: Any, b: Any) -> Any:
    """The high half of the doubled product of two 32-bit numbers, rounded half up and saturated."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.minimum((product + 2**30) >> 31, 2**31 - 1)


def divided(x: Any, exponent: Any) -> Any:
    """x / 2**exponent, rounded half away from zero."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    half = np.where(exponent > 0, np.int64(1) << np.maximum(exponent - 1, 0), 0)
    return np.where(x >= 0, (x + half) >> exponent, -((-x + half) >> exponent))


def scaled(x: Any, multiplier: Any, shift: Any, rounding: str) -> Any:
    x, m, s = np.asarray(x, np.int64), np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    if rounding == "single":
        total = 31 - s
        return (x * m + (np.int64(1) << (total - 1))) >> total
    return divided(high_product(x << np.maximum(s, 0), m), np.maximum(-s, 0))


def by_scales(sums: Any, scales: list[float], rounding: str) -> Any:
    """Sums times one scale for each of the last axis, or for all.

    `float` is what XNNPACK does, `exact` what the interpreter's reference kernel of dense layers does: they explain
    where TensorFlow Lite differs from its own published arithmetic; no target of ours has them.
    """
    if rounding == "float":
        return np.rint(sums.astype(np.float32) * np.array(scales, np.float32)).astype(np.int64)
    if rounding == "exact":
        product = sums.astype(np.float64) * np.array(scales)
        return np.copysign(np.floor(np.abs(product) + 0.5), product).astype(np.int64)
    pairs = np.array([multiplier_of(s) for s in scales], np.int64)
    return scaled(sums, pairs[:, 0], pairs[:, 1], rounding)


def clamped(x: Any, t: Tensor, activation: int) -> Any:
    """The range of the fused activation in steps of the tensor."""

    def at(real: float) -> int:
        ratio = np.float32(real) / t.scale
        return t.zero + int(np.copysign(np.floor(np.abs(ratio) + np.float32(0.5)), ratio))

    low = {RELU: at(0), RELU6: at(0), RELU1: at(-1)}.get(activation, t.low)
    high = {RELU6: at(6), RELU1: at(1)}.get(activation, t.high)
    return np.clip(x, max(low, t.low), min(high, t.high))


def exp_of_negative(x: Any) -> Any:
    """exp of numbers <= 0 with 5 integer bits, as a fraction of 31 bits: a polynomial, then table factors."""
    quarter = 1 << 24
    rest = (x & (quarter - 1)) - quarter
    a = (rest << 5) + (1 << 28)  # centred at -1/8, 31 fractional bits
    square = high_product(a, a)
    fourth = high_product(square, square)
    cube = high_product(square, a)
    inner = high_product(divided(fourth, 2) + cube, 715827883) + square
    constant = 1895147668
    result = constant + high_product(constant, a + divided(inner, 1))
    behind = rest - x
    for place, factor in enumerate((1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)):
        result = np.where(behind & (1 << (24 + place)), high_product(result, factor), result)
    return np.where(x == 0, 2**31 - 1, result)


def one_over_one_plus(x: Any) -> Any:
    """1 / (1 + x) for fractions of 31 bits in [0, 1), by three Newton steps."""
    total = x + (2**31 - 1)
    half = (total + np.where(total >= 0, 1, -1)) // 2  # total is never negative here
    y = 1515870810 + high_product(half, -1010580540)
    for _ in range(3):
        change = high_product(y, (1 << 29) - high_product(half, y))
        y = y + np.clip(change << 2, -(2**31), 2**31 - 1)
    return np.clip(y << 1, -(2**31), 2**31 - 1)


# -- operators ----------------------------------------------------------------------------------------------------


def padded(x: Any, zero: int, kernel: tuple[int, int], options: Any) -> tuple[Any, int, int]:
    """The image with a border of zeros (as stored), and the size of the result."""
    sizes, borders = [], []
    strides = (options.strideH, options.strideW)
    dilations = (getattr(options, "dilationHFactor", 1), getattr(options, "dilationWFactor", 1))
    for n, k, stride, dilation in zip(x.shape[1:3], kernel, strides, dilations, strict=True):
        reach = (k - 1) * dilation + 1
        if options.padding == schema.Padding.SAME:
            size = -(-n // stride)
            border = max((size - 1) * stride + reach - n, 0)
            borders.append((border // 2, border - border // 2))
        else:
            size = (n - reach) // stride + 1
            borders.append((0, 0))
        sizes.append(size)
    return np.pad(x, [(0, 0), *borders, (0, 0)], constant_values=zero), sizes[0], sizes[1]


def windows(x: Any, zero: int, kernel: tuple[int, int], options: Any) -> Any:
    """(kh, kw) -> the elements that this tap sees, minus the zero point, as float64: products stay below 2**53."""
    image, height, width = padded(x, zero, kernel, options)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y, z = i * getattr(options, "dilationHFactor", 1), j * getattr(options, "dilationWFactor", 1)
            rows = slice(y, y + (height - 1) * options.strideH + 1, options.strideH)
            columns = slice(z, z + (width - 1) * options.strideW + 1, options.strideW)
            yield i, j, image[:, rows, columns].astype(np.float64) - zero


def channel_scales(model: Model, step: Step, rounding: str) -> list[float]:
    """Convolutions: scales multiplied in double precision, one for each channel."""
    x, w, y = (model.tensors[i] for i in (step.inputs[0], step.inputs[1], step.output))
    if rounding == "float":
        return [float(x.scale * s / y.scale) for s in w.scales]
    return [float(x.scale) * float(s) / float(y.scale) for s in w.scales]


def convolution(model: Model, step: Step, values: dict[int, Any], rounding: str) -> Any:
    x, w, y = (model.tensors[i] for i in (step.inputs[0], step.inputs[1], step.output))
    sums: Any = 0
    for i, j, seen in windows(values[step.inputs[0]], x.zero, w.shape[1:3], step.options):
        taps = w.data[:, i, j].astype(np.float64) - w.zero
        sums = sums + (seen * taps[0] if step.kind == "DEPTHWISE_CONV_2D" else seen @ taps.T)
    sums = sums.astype(np.int64) + bias(model, step)
    return clamped(
        by_scales(sums, channel_scales(model, step, rounding), rounding) + y.zero,
        y,
        step.options.fusedActivationFunction,
    )


def depthwise(model: Model, step: Step, values: dict[int, Any], rounding: str) -> Any:
    if step.options.depthMultiplier != 1:
        x = values[step.inputs[0]]
        values = values | {step.inputs[0]: np.repeat(x, step.options.depthMultiplier, axis=3)}
    return convolution(model, step, values, rounding)


def bias(model: Model, step: Step) -> Any:
    given = len(step.inputs) > 2 and step.inputs[2] >= 0
    return model.tensors[step.inputs[2]].data.astype(np.int64) if given else 0


def fully_connected(model: Model, step: Step, values: dict[int, Any], rounding: str) -> Any:
    """With one scale for all weights, the operands' scales are multiplied in single precision."""
    x, w, y = (model.tensors[i] for i in (step.inputs[0], step.inputs[1], step.output))
    given = values[step.inputs[0]].astype(np.float64) - x.zero
    sums = (given @ (w.data.astype(np.float64) - w.zero).T).astype(np.int64) + bias(model, step)
    one = float(x.scale * w.scale) / float(y.scale)
    scales = channel_scales(model, step, rounding) if len(w.scales) > 1 or rounding in ("float", "exact") else [one]
    return clamped(by_scales(sums, scales, rounding) + y.zero, y, step.options.fusedActivationFunction)


def add(model: Model, step: Step, values: dict[int, Any], rounding: str) -> Any:
    """Both operands 20 bits up, in steps of twice the larger scale."""
    (a, b), y = (model.tensors[i] for i in step.inputs), model.tensors[step.output]
    twice = 2 * max(float(a.scale), float(b.scale))
    total: Any = 0
    for index, t in zip(step.inputs, (a, b), strict=True):
        total = total + scaled(
            (values[index].astype(np.int64) - t.zero) << 20, *multiplier_of(float(t.scale) / twice), rounding
        )
    result = scaled(total, *multiplier_of(twice / (2**20 * float(y.scale))), rounding)
    return clamped(result + y.zero, y, step.options.fusedActivationFunction)


def average_pool(model: Model, step: Step, values: dict[int, Any], rounding: str) -> Any:
    """The stored numbers' mean over what lies inside the image, rounded half away from zero."""
    y, x = model.tensors[step.output], values[step.inputs[0]]
    kernel = (step.options.filterHeight, step.options.filterWidth)
    sums = sum(seen for _, _, seen in windows(x, 0, kernel, step.options)).astype(np.int64)
    count = sum(seen for _, _, seen in windows(np.ones_like(x), 0, kernel, step.options)).astype(np.int64)
    mean = np.where(sums > 0, (sums + count // 2) // count, -((-sums + count // 2) // count))
    return clamped(mean, y, step.options.fusedActivationFunction)


def softmax(model: Model, step: Step, values: dict[int, Any], rounding: str) -> Any:
    """Differences to the largest with 5 integer bits; those too small to count are left out."""
    if rounding == "float":
        return softmax_in_floats(model, step, values)
    x, y = model.tensors[step.inputs[0]], model.tensors[step.output]
    most = float(2**30 - 1) if rounding == "single" else float(2**31 - 1)
    multiplier, shift = multiplier_of(min(float(step.options.beta) * float(x.scale) * 2**26, most))
    radius = math.floor(31 * 2**26 / 2**shift)
    given = values[step.inputs[0]].astype(np.int64)
    difference = given - given.max(axis=-1, keepdims=True)
    counts = difference >= -radius
    parts = exp_of_negative(scaled(np.where(counts, difference, 0), multiplier, shift, rounding))
    total = np.where(counts, divided(parts, 12), 0).sum(axis=-1, keepdims=True)
    headroom = 32 - np.frompyfunc(lambda n: int(n).bit_length(), 1, 1)(total).astype(np.int64)
    shifted = one_over_one_plus((total << headroom) - 2**31)
    bits = 8 * np.dtype(y.dtype).itemsize
    result = divided(high_product(shifted, parts), 12 - headroom + 31 - bits)
    return np.where(counts, result + y.low, y.low)


def softmax_in_floats(model: Model, step: Step, values: dict[int, Any]) -> Any:
    """What the interpreter's default kernel does: float32 powers from a table, added up one after the other."""
    x, y = model.tensors[step.inputs[0]], model.tensors[step.output]
    given = values[step.inputs[0]].astype(np.int64)
    below = (given.max(axis=-1, keepdims=True) - given).astype(np.float32)
    powers = np.exp((-(x.scale * np.float32(step.options.beta)) * below).astype(np.float64)).astype(np.float32)
    total = np.cumsum(powers, axis=-1, dtype=np.float32)[..., -1:]
    return np.floor(powers * (np.float32(1) / (total * y.scale)) + np.float32(0.5)).astype(np.int64) + y.zero


def reshape(model: Model, step: Step, values: dict[int, Any], rounding: str) -> Any:
    x = values[step.inputs[0]]
    return x.reshape(x.shape[0], *model.tensors[step.output].shape[1:])


OPERATORS: dict[str, Callable[[Model, Step, dict[int, Any], str], Any]] = {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": fully_connected,
    "ADD": add,
    "AVERAGE_POOL_2D": average_pool,
    "SOFTMAX": softmax,
    "RESHAPE": reshape,
}
