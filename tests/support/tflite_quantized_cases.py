"""Quantised operators of TensorFlow Lite, one small file each: 8-bit, 16-bit by 8-bit, unsigned, 4-bit and hybrid."""

from __future__ import annotations

from typing import Any

import ml_dtypes  # noqa: F401  (numpy learns int4 by it)
import numpy as np

from tests.support.tflite_files import Case, Given, Scale, Stored

_DRAWN = np.random.default_rng(7)
SAME, VALID = 0, 1
RELU, RELU1, RELU6 = 1, 2, 3

IN, OUT = Scale((0.03,), (5,)), Scale((0.04,), (-7,))
UNIT = Scale((1 / 256,), (-128,))
CASES: dict[str, Case] = {}


def given(*shape: int, scale: Scale = IN, dtype: str = "int8") -> Given:
    low, high = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}[dtype]
    return Given(shape, dtype, low, high, scale)


def weights(*shape: int, axis: int | None = None, dtype: str = "int8", size: float = 0.01) -> Stored:
    """Per channel of an axis, or (None) for the whole tensor."""
    most = 7 if dtype == "int4" else 127
    numbers = _DRAWN.integers(-most, most + 1, shape).astype(np.dtype(dtype))
    if axis is None:
        return Stored(numbers, Scale((size,)))
    scales = tuple(float(s) for s in _DRAWN.uniform(0.5 * size, 2 * size, shape[axis]).astype(np.float32))
    return Stored(numbers, Scale(scales, (0,) * len(scales), axis))


def bias(x: Scale, w: Stored, count: int, dtype: str = "int32") -> Stored:
    scale = tuple(float(np.float32(x.scale[0]) * np.float32(s)) for s in w.scale.scale)
    most = 500 if dtype == "int32" else 50_000
    return Stored(_DRAWN.integers(-most, most, count).astype(dtype), Scale(scale, (0,) * len(scale)))


def ints(*values: Any) -> Any:
    return np.array(values, np.int32)


def _case(name: str, kind: str, *operands: Any, options: Any = None, scales: Any = (OUT,), dtype: str = "int8") -> None:
    CASES[name] = Case(kind, operands, options, (dtype,) * len(scales), tuple(scales))


IMAGE = given(1, 5, 6, 4)
for _padding in (SAME, VALID):
    for _stride, _activation in ((1, RELU6), (2, 0)):
        _both = {"strideH": _stride, "strideW": _stride, "padding": _padding, "fusedActivationFunction": _activation}
        _w = weights(3, 3, 2, 4, axis=0)
        _case(f"conv_{_padding}_{_stride}", "CONV_2D", IMAGE, _w, bias(IN, _w, 3), options=("Conv2DOptions", _both))
        _w = weights(1, 3, 3, 8, axis=3)
        _options = ("DepthwiseConv2DOptions", _both | {"depthMultiplier": 2})
        _case(f"depthwise_{_padding}_{_stride}", "DEPTHWISE_CONV_2D", IMAGE, _w, bias(IN, _w, 8), options=_options)
_options = ("Conv2DOptions", {"strideH": 1, "strideW": 1})
_w = weights(3, 3, 2, 4, axis=0, dtype="int4", size=0.1)
_case("conv_int4", "CONV_2D", IMAGE, _w, bias(IN, _w, 3), options=_options)
_w = Stored(_DRAWN.integers(0, 256, (3, 2, 2, 4)).astype(np.uint8), Scale((0.01,), (120,)))
_u = Scale((0.03,), (130,))
_case("conv_uint8", "CONV_2D", given(1, 5, 6, 4, scale=_u, dtype="uint8"), _w, bias(_u, _w, 3), options=_options,
      scales=[Scale((0.1,), (100,))], dtype="uint8")  # fmt: skip
_s16 = Scale((3 / 32768,))
_w = weights(3, 2, 2, 4, axis=0)
_case("conv_16x8", "CONV_2D", given(1, 5, 6, 4, scale=_s16, dtype="int16"), _w, bias(_s16, _w, 3, "int64"),
      options=_options, scales=[Scale((6 / 32768,))], dtype="int16")  # fmt: skip
_w = weights(3, 3, 2, 4, axis=0)
_options = ("TransposeConvOptions", {"padding": SAME, "strideH": 2, "strideW": 2})
_case("transpose_conv", "TRANSPOSE_CONV", ints(1, 10, 12, 3), _w, IMAGE, bias(IN, _w, 3), options=_options)

_w = weights(3, 10)
_case("fully_connected", "FULLY_CONNECTED", given(2, 10), _w, bias(IN, _w, 3), options=("FullyConnectedOptions", {}))
_options = ("FullyConnectedOptions", {"keepNumDims": True, "fusedActivationFunction": RELU})
_case("fully_connected_kept", "FULLY_CONNECTED", given(2, 4, 10), _w, None, options=_options)
_w = weights(3, 10, axis=0)
_case("fully_connected_channels", "FULLY_CONNECTED", given(2, 10), _w, bias(IN, _w, 3),
      options=("FullyConnectedOptions", {}))  # fmt: skip
_w = weights(3, 10, dtype="int4", size=0.1)
_case("fully_connected_int4", "FULLY_CONNECTED", given(2, 10), _w, bias(IN, _w, 3),
      options=("FullyConnectedOptions", {}))  # fmt: skip
_w = weights(3, 10)
_case("fully_connected_16x8", "FULLY_CONNECTED", given(2, 10, scale=_s16, dtype="int16"), _w,
      bias(_s16, _w, 3, "int64"), options=("FullyConnectedOptions", {}),
      scales=[Scale((6 / 32768,))], dtype="int16")  # fmt: skip
_case("batch_matmul", "BATCH_MATMUL", given(2, 3, 4), given(2, 4, 5), options=("BatchMatMulOptions", {}))

for _kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
    for _padding in (SAME, VALID):
        _options = ("Pool2DOptions", {"padding": _padding, "strideH": 2, "strideW": 1, "filterHeight": 2,
                                      "filterWidth": 3, "fusedActivationFunction": RELU})  # fmt: skip
        _case(f"{_kind.lower()}_{_padding}", _kind, IMAGE, options=_options, scales=[IN])
_whole = {"padding": VALID, "strideH": 5, "strideW": 6, "filterHeight": 5, "filterWidth": 6}
_case("average_pool_whole", "AVERAGE_POOL_2D", IMAGE, options=("Pool2DOptions", _whole), scales=[IN])
for _keep in (False, True):
    _options = ("ReducerOptions", {"keepDims": _keep})
    _case(f"mean_image_{int(_keep)}", "MEAN", IMAGE, ints(1, 2), options=_options)
    _case(f"mean_same_scale_{int(_keep)}", "MEAN", IMAGE, ints(1, 2), options=_options, scales=[IN])
_case("sum_line", "SUM", given(2, 3, 4), ints(2), options=("ReducerOptions", {"keepDims": False}),
      scales=[Scale((0.1,), (3,))])  # fmt: skip
_case("reduce_max", "REDUCE_MAX", given(2, 3, 4), ints(1), options=("ReducerOptions", {"keepDims": True}), scales=[IN])

_OTHER = Scale((0.05,), (-20,))
for _kind, _options in (("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions")):
    _case(_kind.lower(), _kind, IMAGE, given(1, 5, 6, 4, scale=_OTHER),
          options=(_options, {"fusedActivationFunction": RELU1 if _kind == "MUL" else 0}),
          scales=[Scale((0.08,), (10,))])  # fmt: skip
    _case(f"{_kind.lower()}_constant", _kind, IMAGE, weights(4, size=0.02), options=(_options, {}),
          scales=[Scale((0.06,), (10,))])  # fmt: skip
_case("add_16", "ADD", given(2, 3, scale=_s16, dtype="int16"), given(2, 3, scale=Scale((1 / 32768,)), dtype="int16"),
      options=("AddOptions", {"potScaleInt16": False}), scales=[Scale((4 / 32768,))], dtype="int16")  # fmt: skip
for _kind in ("MAXIMUM", "MINIMUM"):
    _case(_kind.lower(), _kind, given(2, 3, 4), given(2, 3, 4), scales=[IN])
_case("squared_difference", "SQUARED_DIFFERENCE", given(2, 3, 4), given(2, 3, 4, scale=_OTHER),
      scales=[Scale((0.3,), (-128,))])  # fmt: skip
for _kind in ("RELU", "RELU6", "HARD_SWISH", "ELU", "ABS"):
    _case(_kind.lower(), _kind, given(2, 3, 4))
_case("logistic", "LOGISTIC", given(2, 3, 4), scales=[UNIT])
_case("tanh", "TANH", given(2, 3, 4), scales=[Scale((1 / 128,), (0,))])
_case("leaky_relu", "LEAKY_RELU", given(2, 3, 4), options=("LeakyReluOptions", {"alpha": 0.3}))
_case("prelu", "PRELU", IMAGE, weights(1, 1, 4))
_case("rsqrt", "RSQRT", Given((2, 3), "int8", -100, 127, Scale((0.02,), (-110,))), scales=[Scale((0.03,), (-128,))])
_case("softmax", "SOFTMAX", given(3, 12, scale=Scale((0.1,), (10,))), options=("SoftmaxOptions", {"beta": 1.0}),
      scales=[UNIT])  # fmt: skip
_case("log_softmax", "LOG_SOFTMAX", given(3, 12, scale=Scale((0.1,), (10,))), scales=[Scale((16 / 256,), (127,))])
_case("l2_normalization", "L2_NORMALIZATION", IMAGE, options=("L2NormOptions", {}), scales=[Scale((1 / 128,), (0,))])

_case("reshape", "RESHAPE", IMAGE, ints(4, 30), options=("ReshapeOptions", {"newShape": [4, 30]}), scales=[IN])
_case("transpose", "TRANSPOSE", given(2, 3, 4), ints(2, 0, 1), scales=[IN])
_options = ("ConcatenationOptions", {"axis": -1})
_case("concatenation", "CONCATENATION", IMAGE, IMAGE, options=_options, scales=[IN])
_case("split", "SPLIT", np.array(2, np.int32), given(2, 3, 4), options=("SplitOptions", {"numSplits": 2}),
      scales=[IN, IN])  # fmt: skip
_case("slice", "SLICE", given(2, 3, 4), ints(0, 1, 2), ints(2, -1, 1), scales=[IN])
_case("strided_slice", "STRIDED_SLICE", given(2, 3, 4), ints(0, 1, 0), ints(2, 3, 4), ints(1, 1, 2),
      options=("StridedSliceOptions", {}), scales=[IN])  # fmt: skip
_case("pad", "PAD", IMAGE, ints([0, 0], [1, 2], [0, 1], [0, 0]), scales=[IN])
_case("pad_v2", "PADV2", IMAGE, ints([0, 0], [1, 2], [0, 1], [0, 0]), Stored(np.array(-9, np.int8), IN), scales=[IN])
_case("gather", "GATHER", given(2, 3, 4), ints([2, 0], [1, 1]), options=("GatherOptions", {"axis": 1}), scales=[IN])
_case("pack", "PACK", given(2, 3), given(2, 3), options=("PackOptions", {"valuesCount": 2, "axis": 1}), scales=[IN])
for _half, _corners in ((False, False), (True, False), (False, True)):
    _flags = {"alignCorners": _corners, "halfPixelCenters": _half}
    _name = f"{int(_half)}{int(_corners)}"
    _case(f"bilinear_{_name}", "RESIZE_BILINEAR", IMAGE, ints(10, 9), options=("ResizeBilinearOptions", _flags),
          scales=[IN])  # fmt: skip
    _case(f"nearest_{_name}", "RESIZE_NEAREST_NEIGHBOR", IMAGE, ints(10, 9),
          options=("ResizeNearestNeighborOptions", _flags), scales=[IN])  # fmt: skip
_case("space_to_depth", "SPACE_TO_DEPTH", given(1, 4, 6, 3), options=("SpaceToDepthOptions", {"blockSize": 2}),
      scales=[IN])  # fmt: skip

CASES["quantize"] = Case("QUANTIZE", [Given((2, 3, 4))], ("QuantizeOptions", {}), ("int8",), (IN,))
CASES["requantize"] = Case("QUANTIZE", [given(2, 3, 4)], ("QuantizeOptions", {}), ("int8",), (OUT,))
CASES["requantize_unsigned"] = Case(
    "QUANTIZE", [given(2, 3, 4)], ("QuantizeOptions", {}), ("uint8",), (Scale((0.03,), (133,)),)
)
CASES["dequantize"] = Case("DEQUANTIZE", [given(2, 3, 4)], ("DequantizeOptions", {}), ("float32",))
CASES["equal"] = Case("LESS", [given(2, 3, 4), given(2, 3, 4)], None, ("bool",))
CASES["arg_max"] = Case(
    "ARG_MAX", [given(2, 3, 4), np.array(1, np.int32)], ("ArgMaxOptions", {"outputType": 2}), ("int32",)
)
