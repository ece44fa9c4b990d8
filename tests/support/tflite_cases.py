"""One small file for each operator of TensorFlow Lite and for what its options change."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.tflite_files import Case, Given

_DRAWN = np.random.default_rng(11)


def w(*shape: int) -> Any:
    return _DRAWN.normal(0, 0.5, shape).astype(np.float32)


def i(*values: Any) -> Any:
    return np.array(values, np.int32)


def scalar(value: int) -> Any:
    return np.array(value, np.int32)


X, Y, IMAGE = Given((2, 3, 4)), Given((3, 1)), Given((1, 5, 6, 3))
POSITIVE = Given((2, 3), low=0.1, high=3.0)
WHOLE = Given((2, 3), "int32", -7, 7)
BOOL = Given((2, 3), "bool", 0, 1)
SAME, VALID = 0, 1
RELU, RELU1, RELU6, TANH = 1, 2, 3, 4

CASES: dict[str, Case] = {}


def _case(name: str, kind: str, *operands: Any, options: Any = None, results: Any = ("float32",)) -> None:
    CASES[name] = Case(kind, operands, options, tuple(results))


for _kind in "ABS CEIL COS ELU EXP FLOOR NEG LOGISTIC RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 ROUND SIN TANH".split():
    _case(_kind.lower(), _kind, X)
for _kind in "SQUARE HARD_SWISH SIGN ZEROS_LIKE".split():
    _case(_kind.lower(), _kind, X)
for _kind in "LOG SQRT RSQRT".split():
    _case(_kind.lower(), _kind, POSITIVE)
for _kind, _options in (("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions"), ("DIV", "DivOptions")):
    _case(_kind.lower(), _kind, X, Y, options=(_options, {"fusedActivationFunction": RELU1}))
for _kind in "MAXIMUM MINIMUM SQUARED_DIFFERENCE FLOOR_DIV FLOOR_MOD ATAN2".split():
    _case(_kind.lower(), _kind, Given((2, 3)), Given((2, 3)))
for _kind in "FLOOR_DIV FLOOR_MOD".split():
    _case(f"{_kind.lower()}_int", _kind, WHOLE, i([[3, -2, 5], [2, 3, -4]])[0], results=["int32"])
for _kind in "EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL".split():
    _case(_kind.lower(), _kind, Given((2, 3), "int32", 0, 2), Given((2, 3), "int32", 0, 2), results=["bool"])
for _kind in "LOGICAL_AND LOGICAL_OR".split():
    _case(_kind.lower(), _kind, BOOL, BOOL, results=["bool"])
_case("logical_not", "LOGICAL_NOT", BOOL, results=["bool"])
_case("add_n", "ADD_N", X, X, X)
_case("pow", "POW", POSITIVE, Given((2, 3)))
_case("select", "SELECT", BOOL, Given((2, 3)), Given((2, 3)))
_case("select_rows", "SELECT", Given((2,), "bool", 0, 1), Given((2, 3)), Given((2, 3)))
_case("select_v2", "SELECT_V2", Given((3, 1), "bool", 0, 1), X, Given((1, 4)))
_case("leaky_relu", "LEAKY_RELU", X, options=("LeakyReluOptions", {"alpha": 0.3}))
_case("prelu", "PRELU", IMAGE, w(1, 1, 3))
_case("gelu", "GELU", X, options=("GeluOptions", {"approximate": False}))
_case("gelu_tanh", "GELU", X, options=("GeluOptions", {"approximate": True}))
for _bits in (8, 4):
    _options = {"min": -1.0, "max": 1.7, "numBits": _bits}
    _case(f"fake_quant_{_bits}", "FAKE_QUANT", X, options=("FakeQuantOptions", _options))
_case("cast", "CAST", X, options=("CastOptions", {"inDataType": 0, "outDataType": 2}), results=["int32"])
_case("cumsum", "CUMSUM", X, scalar(1), options=("CumsumOptions", {"exclusive": True, "reverse": True}))

for _padding in (SAME, VALID):
    for _stride, _dilation in ((1, 1), (2, 1), (1, 2)):
        _both = {"strideH": _stride, "strideW": _stride, "dilationHFactor": _dilation, "dilationWFactor": _dilation}
        _more = {"padding": _padding, "fusedActivationFunction": RELU6}
        _name = f"{_padding}_{_stride}_{_dilation}"
        _case(f"conv_{_name}", "CONV_2D", IMAGE, w(4, 3, 2, 3), w(4), options=("Conv2DOptions", _both | _more))
        _options = ("DepthwiseConv2DOptions", _both | _more | {"depthMultiplier": 2})
        _case(f"depthwise_{_name}", "DEPTHWISE_CONV_2D", IMAGE, w(1, 3, 3, 6), w(6), options=_options)
_conv3d = ("Conv3DOptions", {"padding": SAME, "strideD": 2, "strideH": 1, "strideW": 1})
_case("conv_3d", "CONV_3D", Given((1, 4, 5, 3, 2)), w(2, 3, 2, 2, 3), w(3), options=_conv3d)
for _padding, _size in ((SAME, (10, 12)), (VALID, (11, 13)), (SAME, (9, 11))):
    _options = ("TransposeConvOptions", {"padding": _padding, "strideH": 2, "strideW": 2})
    _case(f"transpose_conv_{_size[0]}", "TRANSPOSE_CONV", i(1, *_size, 4), w(4, 3, 3, 3), IMAGE, w(4), options=_options)
for _kind in "AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D".split():
    for _padding in (SAME, VALID):
        _options = {"padding": _padding, "strideH": 2, "strideW": 1, "filterHeight": 2, "filterWidth": 3}
        _case(f"{_kind.lower()}_{_padding}", _kind, IMAGE, options=("Pool2DOptions", _options))
_options = ("Pool2DOptions", {"padding": VALID, "strideH": 5, "strideW": 6, "filterHeight": 5, "filterWidth": 6})
_case("average_pool_whole", "AVERAGE_POOL_2D", IMAGE, options=_options)
_case("fully_connected", "FULLY_CONNECTED", Given((2, 5)), w(3, 5), w(3), options=("FullyConnectedOptions", {}))
_options = ("FullyConnectedOptions", {"keepNumDims": True, "fusedActivationFunction": RELU})
_case("fully_connected_kept", "FULLY_CONNECTED", Given((2, 4, 5)), w(3, 5), None, options=_options)
_case(
    "fully_connected_flat", "FULLY_CONNECTED", Given((2, 2, 5)), w(3, 10), w(3), options=("FullyConnectedOptions", {})
)
for _x, _y in ((False, False), (True, False), (False, True)):
    _shapes = ((2, 4, 3) if _x else (2, 3, 4)), ((2, 5, 4) if _y else (2, 4, 5))
    _options = ("BatchMatMulOptions", {"adjX": _x, "adjY": _y})
    _case(f"batch_matmul_{int(_x)}{int(_y)}", "BATCH_MATMUL", *map(Given, _shapes), options=_options)
_case("softmax", "SOFTMAX", X, options=("SoftmaxOptions", {"beta": 0.7}))
_case("log_softmax", "LOG_SOFTMAX", X)
_case("l2_normalization", "L2_NORMALIZATION", IMAGE, options=("L2NormOptions", {}))
_lrn = ("LocalResponseNormalizationOptions", {"radius": 1, "bias": 1.5, "alpha": 0.4, "beta": 0.6})
_case("lrn", "LOCAL_RESPONSE_NORMALIZATION", Given((1, 2, 3, 5)), options=_lrn)

for _kind in "MEAN SUM REDUCE_PROD REDUCE_MAX REDUCE_MIN".split():
    _case(f"{_kind.lower()}_line", _kind, X, i(-1), options=("ReducerOptions", {"keepDims": True}))
    _case(f"{_kind.lower()}_image", _kind, IMAGE, i(1, 2), options=("ReducerOptions", {"keepDims": False}))
for _kind in "REDUCE_ANY REDUCE_ALL".split():
    _case(_kind.lower(), _kind, BOOL, i(1), options=("ReducerOptions", {"keepDims": False}), results=["bool"])
for _kind, _options in (("ARG_MAX", "ArgMaxOptions"), ("ARG_MIN", "ArgMinOptions")):
    _case(_kind.lower(), _kind, X, scalar(1), options=(_options, {"outputType": 2}), results=["int32"])
_case("top_k", "TOPK_V2", Given((3, 7)), scalar(3), results=["float32", "int32"])

_case("reshape", "RESHAPE", X, i(4, -1), options=("ReshapeOptions", {"newShape": [4, -1]}))
_case("squeeze", "SQUEEZE", Given((1, 3, 1, 2)), options=("SqueezeOptions", {"squeezeDims": [0, 2]}))
_case("squeeze_all", "SQUEEZE", Given((1, 3, 1, 2)), options=("SqueezeOptions", {"squeezeDims": []}))
_case("expand_dims", "EXPAND_DIMS", X, scalar(-2))
_case("transpose", "TRANSPOSE", X, i(2, 0, 1))
_case("concatenation", "CONCATENATION", X, X, options=("ConcatenationOptions", {"axis": -1}))
_case("split", "SPLIT", scalar(2), X, options=("SplitOptions", {"numSplits": 2}), results=["float32"] * 2)
_case(
    "split_v", "SPLIT_V", X, i(1, -1), scalar(2), options=("SplitVOptions", {"numSplits": 2}), results=["float32"] * 2
)
_case("pack", "PACK", X, X, options=("PackOptions", {"valuesCount": 2, "axis": 1}))
_case("unpack", "UNPACK", X, options=("UnpackOptions", {"num": 3, "axis": 1}), results=["float32"] * 3)
_case("slice", "SLICE", X, i(0, 1, 2), i(2, -1, 1))
for _name, _begin, _end, _steps, _masks in (
    ("plain", (0, 1, 1), (2, 3, 4), (1, 1, 2), {}),
    ("backwards", (-1, 2, 0), (-3, 0, 4), (-1, -1, 1), {"endMask": 4}),
    ("all_backwards", (0, 0, 0), (0, 0, 0), (1, -1, 1), {"beginMask": 7, "endMask": 7}),
    ("shrink", (1, 0, -1), (2, 3, 0), (1, 1, 1), {"shrinkAxisMask": 5}),
    ("ellipsis", (0, 1), (0, 3), (1, 1), {"ellipsisMask": 1}),
    ("new_axis", (0, 0, 1), (0, 2, 3), (1, 1, 1), {"newAxisMask": 1}),
):
    _case(
        f"strided_slice_{_name}",
        "STRIDED_SLICE",
        X,
        i(*_begin),
        i(*_end),
        i(*_steps),
        options=("StridedSliceOptions", _masks),
    )
_case("pad", "PAD", IMAGE, i([0, 0], [1, 2], [0, 1], [0, 0]))
_case("pad_channels", "PAD", IMAGE, i([0, 0], [0, 0], [0, 1], [1, 0]))
_case("pad_v2", "PADV2", X, i([0, 1], [1, 0], [2, 2]), np.array(-1.5, np.float32))
for _mode in (0, 1):
    _case(
        f"mirror_pad_{_mode}", "MIRROR_PAD", X, i([0, 1], [2, 1], [1, 3]), options=("MirrorPadOptions", {"mode": _mode})
    )
_case("tile", "TILE", X, i(1, 2, 3))
_case("broadcast_to", "BROADCAST_TO", Y, i(2, 3, 4))
_case("fill", "FILL", i(2, 3), Given(()))
_case("gather", "GATHER", X, i([2, 0], [1, 1]), options=("GatherOptions", {"axis": 1}))
_case("gather_batch", "GATHER", X, i([2, 0], [1, 1]), options=("GatherOptions", {"axis": 1, "batchDims": 1}))
_case("gather_nd", "GATHER_ND", X, i([[0, 2], [1, 0]])[0])
_case("embedding_lookup", "EMBEDDING_LOOKUP", i(2, 0, 1), w(3, 4))
_case("scatter_nd", "SCATTER_ND", i([[1], [3], [1]])[0], Given((3, 2)), i(4, 2))
_case(
    "one_hot", "ONE_HOT", i(1, -1, 3, 0), scalar(3), np.array(2, np.float32), np.array(-1, np.float32),
    options=("OneHotOptions", {"axis": -1}),
)  # fmt: skip
_case("reverse", "REVERSE_V2", X, i(1))
_case(
    "reverse_sequence", "REVERSE_SEQUENCE", X, i(2, 3), options=("ReverseSequenceOptions", {"seqDim": 1, "batchDim": 0})
)
for _half, _corners in ((False, False), (True, False), (False, True)):
    for _size in ((10, 9), (3, 4)):
        _flags = {"alignCorners": _corners, "halfPixelCenters": _half}
        _name = f"{int(_half)}{int(_corners)}_{_size[0]}"
        _case(f"bilinear_{_name}", "RESIZE_BILINEAR", IMAGE, i(*_size), options=("ResizeBilinearOptions", _flags))
        _options = ("ResizeNearestNeighborOptions", _flags)
        _case(f"nearest_{_name}", "RESIZE_NEAREST_NEIGHBOR", IMAGE, i(*_size), options=_options)
_case("space_to_depth", "SPACE_TO_DEPTH", Given((1, 4, 6, 3)), options=("SpaceToDepthOptions", {"blockSize": 2}))
_case("depth_to_space", "DEPTH_TO_SPACE", Given((1, 2, 3, 8)), options=("DepthToSpaceOptions", {"blockSize": 2}))
_case("space_to_batch", "SPACE_TO_BATCH_ND", IMAGE, i(2, 3), i([1, 0], [0, 3]))
_case("batch_to_space", "BATCH_TO_SPACE_ND", Given((6, 3, 3, 2)), i(2, 3), i([1, 0], [0, 3]))
_case("dynamic_update_slice", "DYNAMIC_UPDATE_SLICE", X, Given((1, 2, 2)), i(1, 2, 1))


def _lstm(peephole: bool, coupled: bool, clip: float, steps: int, time_major: bool = False) -> Case:
    """Four units over features of three."""
    x = Given((steps, 2, 3) if time_major else (2, steps, 3))
    own = [None if coupled else w(4, 3), w(4, 3), w(4, 3), w(4, 3)]
    own += [None if coupled else w(4, 4), w(4, 4), w(4, 4), w(4, 4)]
    own += [None if coupled or not peephole else w(4), w(4) if peephole else None, w(4) if peephole else None]
    own += [None if coupled else w(4), w(4), w(4) + np.float32(clip > 0), w(4)]
    operands = [x, *own, None, None, Given((2, 4)), Given((2, 4)), None, None, None, None]
    options = {"fusedActivationFunction": TANH, "cellClip": clip, "timeMajor": time_major}
    return Case(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", operands, ("UnidirectionalSequenceLSTMOptions", options),
        variables=frozenset({18, 19}),
    )  # fmt: skip


CASES["lstm"] = _lstm(False, False, 0.0, 6)
CASES["lstm_time_major"] = _lstm(False, False, 10.0, 6, time_major=True)
CASES["lstm_peephole"] = _lstm(True, False, 0.0, 6)
CASES["lstm_coupled"] = _lstm(True, True, 0.0, 6)
CASES["lstm_clipped"] = _lstm(False, False, 0.3, 6)
CASES["rnn"] = Case(
    "UNIDIRECTIONAL_SEQUENCE_RNN", [Given((2, 5, 3)), w(4, 3), w(4, 4), w(4), Given((2, 4))],
    ("SequenceRNNOptions", {"fusedActivationFunction": TANH}), variables=frozenset({4}),
)  # fmt: skip
