"""The ATen operators that a program from a file may call, by name: what PyTorch computes with tensors and nothing else.

Operators that are not listed are refused by name, whatever they do: those that draw random numbers, that have a shape
which depends on values, that read or write files, and all that come from extensions. No torch is needed here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from compiler.importers.torch_checks import Shape

_ARITHMETIC = """
    abs absolute add addbmm addcdiv addcmul addmm addmv addr baddbmm bmm ceil clamp clamp_max clamp_min clip copysign
    cross deg2rad div divide dot eq erf erfc exp exp2 expm1 floor floor_divide fmod frac ge greater greater_equal gt
    heaviside hypot isclose isfinite isinf isnan isneginf isposinf le lerp less less_equal log log10 log1p log2
    logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit lt matmul maximum minimum mm mul multiply
    mv nan_to_num ne neg negative not_equal outer positive pow rad2deg reciprocal remainder round rsqrt rsub sgn sign
    signbit sqrt square sub subtract true_divide trunc xlogy bitwise_and bitwise_or bitwise_xor bitwise_not
    bitwise_left_shift bitwise_right_shift __and__ __or__ __xor__ __lshift__ __rshift__
    acos acosh asin asinh atan atan2 atanh cos cosh sin sinc sinh tan arccos arcsin arctan arctan2
    special_erf special_erfc special_expm1 special_expit special_log_softmax special_softmax special_sinc
    special_exp2 special_log1p einsum bilinear tensordot inner linalg_vector_norm linalg_cross linalg_det det
    fake_quantize_per_channel_affine fake_quantize_per_tensor_affine _int_mm
"""
_ACTIVATIONS = """
    celu elu gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid log_softmax mish prelu relu
    relu6 rrelu selu sigmoid silu softmax softplus softshrink tanh threshold _log_softmax _softmax _prelu_kernel
"""
_LAYERS = """
    _convolution adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d batch_norm channel_shuffle col2im conv1d conv2d conv3d
    conv_transpose1d conv_transpose2d conv_transpose3d convolution embedding grid_sampler grid_sampler_2d
    group_norm gru im2col instance_norm layer_norm linear lstm max_pool1d max_pool1d_with_indices
    max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices native_batch_norm
    native_layer_norm pixel_shuffle pixel_unshuffle rms_norm rnn_relu rnn_tanh scaled_dot_product_attention unfold
    upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
    upsample_trilinear3d affine_grid_generator cosine_similarity pairwise_distance cdist
    _native_batch_norm_legit_no_training _native_batch_norm_legit _adaptive_avg_pool2d _adaptive_avg_pool3d
    _transformer_encoder_layer_fwd _native_multi_head_attention
    constant_pad_nd pad reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d alpha_dropout dropout feature_alpha_dropout feature_dropout
"""
_REDUCTIONS = """
    all amax amin any argmax argmin argsort cumprod cumsum logcumsumexp logsumexp max mean median min norm prod std sum
    var std_mean var_mean sort topk frobenius_norm nuclear_norm count_nonzero aminmax cummax cummin
"""
_SHAPING = """
    alias as_strided atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_to cat chunk clone column_stack concat
    concatenate contiguous detach diag diagonal dstack expand expand_as flatten flip fliplr flipud gather
    hstack index index_add index_copy index_fill index_put index_select lift_fresh_copy masked_fill movedim moveaxis
    narrow numpy_T permute ravel repeat repeat_interleave reshape reshape_as roll rot90 scatter scatter_add
    scatter_reduce select select_scatter slice slice_scatter split split_with_sizes squeeze stack swapaxes swapdims t
    take_along_dim tensor_split tile to _to_copy transpose tril triu type_as unbind unflatten unsqueeze
    view view_as vstack where copy fill meshgrid mT _unsafe_view
    block_diag kron
"""
_CONSTANTS = """
    arange empty empty_like eye full full_like linspace new_empty new_full new_ones new_zeros ones ones_like
    scalar_tensor tensor zeros zeros_like tril_indices triu_indices hann_window hamming_window blackman_window
    bartlett_window one_hot
"""
# Operators that write into their first argument; a writing form of any other listed operator (`relu_`) counts as well.
_WRITING = "copy_ fill_ zero_ masked_fill_ index_put_ scatter_ scatter_add_ index_fill_ index_copy_ index_add_"

FACTORIES = frozenset(
    "arange empty eye full linspace ones scalar_tensor tensor zeros tril_indices triu_indices hann_window "
    "hamming_window blackman_window bartlett_window".split()
)
OPERATORS = frozenset(
    " ".join((_ARITHMETIC, _ACTIVATIONS, _LAYERS, _REDUCTIONS, _SHAPING, _CONSTANTS, _WRITING)).split()
)

_RANDOM = frozenset(
    "bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like randperm uniform "
    "bernoulli_ normal_ uniform_ exponential_ random_".split()
)
_VALUES_DECIDE = frozenset("nonzero masked_select unique unique_consecutive _unique2 unique_dim bincount histc".split())


# Operators that do something else while a network is trained, which an argument of theirs says.
TRAINED = frozenset("dropout alpha_dropout feature_dropout feature_alpha_dropout batch_norm rrelu".split())

# Of the libraries that torch.export writes quantised programs with; torchao's are spelled out in others.
QUANTIZED = frozenset(
    """
    quantized_decomposed.quantize_per_tensor quantized_decomposed.dequantize_per_tensor
    quantized_decomposed.quantize_per_channel quantized_decomposed.dequantize_per_channel
    quantized_decomposed.dequantize_per_channel_group quantized_decomposed.choose_qparams
    torchao.dequantize_affine torchao.quantize_affine torchao.choose_qparams_affine
    """.split()
)


def listed(name: str) -> bool:
    """Whether `aten::name` may be called; `relu_` is `relu`. Names of other libraries have theirs in front."""
    return name in OPERATORS or name in QUANTIZED or (writes(name) and name[:-1] in OPERATORS)


def writes(name: str) -> bool:
    """`relu_` writes into its first argument; `__and__` does not."""
    return name.endswith("_") and not name.endswith("__")


def why_not(name: str) -> str:
    """The reason for refusing an operator that is not listed."""
    if name in _RANDOM:
        return "it draws random numbers"
    if name in _VALUES_DECIDE:
        return "the shape of its result depends on values"
    return "it has no form in ONNX"


def output_names(count: int) -> list[str]:
    """What the outputs of a program are called, which has no names for them itself."""
    return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]


class Tensor(ABC):
    """A tensor of a program that is being read."""

    @property
    @abstractmethod
    def shape(self) -> Shape | None:
        """None where it is not known yet."""

    @property
    @abstractmethod
    def dtype(self) -> str:
        """As PyTorch names it: "float32"."""

    @property
    @abstractmethod
    def number(self) -> float | int | bool | None:
        """The value of a constant without dimensions."""


class Calls(ABC):
    """Whoever follows a program: makes a graph of it, or only looks at it."""

    @abstractmethod
    def enter(self, path: str, cls: str) -> None:
        """From here on, calls belong to this module."""

    @abstractmethod
    def weight(self, ref: Any) -> Tensor:
        """A tensor of the file."""

    @abstractmethod
    def scalar(self, value: float | int | bool) -> Tensor:
        """A number as a tensor without dimensions."""

    @abstractmethod
    def call(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """`aten::name`: a tensor, or a list of them."""
