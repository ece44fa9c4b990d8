"""Tables of TensorFlow Lite's file format, as far as it is read here: operators, element types, options by slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# By number, from TensorFlow Lite's published schema (version 3 of the format).
OPERATORS: tuple[str, ...] = tuple(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION
LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH
CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE
EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR
ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE
RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND
COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE
HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE
BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1
UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR
RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE
STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE
STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL
STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER
STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE
STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE
DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
STABLEHLO_CASE
""".split()
)
CUSTOM = OPERATORS.index("CUSTOM")

# What a tensor's elements are, by number; "" where no numbers are meant, or none that are read here.
ELEMENTS: tuple[str, ...] = (
    *("float32", "float16", "int32", "uint8", "int64", "", "bool", "int16", "", "int8", "float64", "", "uint64"),
    *("", "", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4", "", ""),
)
ELEMENT_NAMES: Mapping[int, str] = {5: "string", 8: "complex64", 11: "complex128", 13: "resource", 14: "variant"}

SAME, VALID = 0, 1
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")


@dataclass(frozen=True)
class Option:
    name: str
    slot: int
    kind: str  # as `flatbuffer.Table.scalar` calls it, or "ints"
    default: int | float = 0


def _options(text: str) -> tuple[Option, ...]:
    """From `name:kind=default`, one per slot in order; `-` leaves a slot out."""
    made = []
    for slot, word in enumerate(text.split()):
        if word != "-":
            name, _, rest = word.partition(":")
            kind, _, default = rest.partition("=")
            made.append(Option(name, slot, kind or "i32", int(default or 0)))
    return tuple(made)


_POOL = "padding:i8 stride_w stride_h filter_w filter_h activation:i8"
_ACTIVATION = "activation:i8"
_ARITHMETIC = dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "L2_NORMALIZATION", "RNN"), _ACTIVATION)
_REDUCERS = dict.fromkeys(
    ("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), "keep_dims:bool"
)
_CONV_3D = "padding:i8 stride_d stride_w stride_h activation:i8 dilation_d:i32=1 dilation_w:i32=1 dilation_h:i32=1"

OPTIONS: Mapping[str, tuple[Option, ...]] = {
    name: _options(text)
    for name, text in {
        **_ARITHMETIC,
        **_REDUCERS,
        "CONV_2D": "padding:i8 stride_w stride_h activation:i8 dilation_w:i32=1 dilation_h:i32=1",
        "DEPTHWISE_CONV_2D": "padding:i8 stride_w stride_h multiplier activation:i8 dilation_w:i32=1 dilation_h:i32=1",
        "CONV_3D": _CONV_3D,
        "CONV_3D_TRANSPOSE": _CONV_3D,
        "TRANSPOSE_CONV": "padding:i8 stride_w stride_h activation:i8",
        "FULLY_CONNECTED": "activation:i8 weights_format:i8 keep_num_dims:bool",
        "AVERAGE_POOL_2D": _POOL,
        "MAX_POOL_2D": _POOL,
        "L2_POOL_2D": _POOL,
        "SOFTMAX": "beta:f32",
        "CONCATENATION": "axis activation:i8",
        "LOCAL_RESPONSE_NORMALIZATION": "radius bias:f32 alpha:f32 beta:f32",
        "LSTM": "activation:i8 cell_clip:f32 proj_clip:f32 kernel_type:i8",
        "UNIDIRECTIONAL_SEQUENCE_LSTM": "activation:i8 cell_clip:f32 proj_clip:f32 time_major:bool",
        "BIDIRECTIONAL_SEQUENCE_LSTM": "activation:i8 cell_clip:f32 proj_clip:f32 merge_outputs:bool time_major:bool",
        "UNIDIRECTIONAL_SEQUENCE_RNN": "time_major:bool activation:i8",
        "BIDIRECTIONAL_SEQUENCE_RNN": "time_major:bool activation:i8 merge_outputs:bool",
        "SVDF": "rank activation:i8",
        "RESIZE_BILINEAR": "- - align_corners:bool half_pixel_centers:bool",
        "RESIZE_NEAREST_NEIGHBOR": "align_corners:bool half_pixel_centers:bool",
        "RESHAPE": "new_shape:ints",
        "SPACE_TO_DEPTH": "block_size",
        "DEPTH_TO_SPACE": "block_size",
        "GATHER": "axis batch_dims",
        "SQUEEZE": "squeeze_dims:ints",
        "SPLIT": "num_splits",
        "SPLIT_V": "num_splits",
        "STRIDED_SLICE": "begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask offset:bool",
        "PACK": "values_count axis",
        "UNPACK": "num axis",
        "ONE_HOT": "axis",
        "LEAKY_RELU": "alpha:f32",
        "MIRROR_PAD": "mode:i8",
        "REVERSE_SEQUENCE": "seq_dim batch_dim",
        "BATCH_MATMUL": "adj_x:bool adj_y:bool",
        "CUMSUM": "exclusive:bool reverse:bool",
        "GELU": "approximate:bool",
        "IF": "then_subgraph else_subgraph",
        "WHILE": "cond_subgraph body_subgraph",
        "FAKE_QUANT": "min:f32 max:f32 num_bits narrow_range:bool",
    }.items()
}
