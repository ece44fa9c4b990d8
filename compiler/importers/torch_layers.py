"""The stock `torch.nn` modules that can be imported, one entry each. Sequences and attention have own files."""

from __future__ import annotations

from collections.abc import Callable

from compiler.importers import torch_shapes as shapes
from compiler.importers.torch_attention import ATTENTION
from compiler.importers.torch_checks import (
    Check,
    Options,
    count,
    flag,
    ints,
    number,
    number_or_each,
    only,
    optional,
    padding_of_conv,
    power,
    sizes,
    whole,
    window,
)
from compiler.importers.torch_kind import Kind, Template
from compiler.importers.torch_sequence import SEQUENCE

_MODES = only("zeros", "reflect", "replicate", "circular")


def _told(option: str, rank: int) -> Callable[[Options], tuple[Template, ...]]:
    """An input of which one option tells the channels, or for rank 2 the features."""
    return lambda o: ((1, o[option], *(None,) * (rank - 2)),)


def _conv(rank: int) -> Kind:
    arguments: dict[str, Check] = {
        "in_channels": count,
        "out_channels": count,
        "kernel_size": ints(rank),
        "stride": ints(rank),
        "padding": padding_of_conv(rank),
        "dilation": ints(rank),
        "groups": count,
        "padding_mode": _MODES,
    }
    return Kind(
        f"Conv{rank}d",
        arguments,
        shapes.conv(rank),
        shapes.conv_macs,
        has_bias=True,
        templates=_told("in_channels", rank + 2),
    )


def _conv_transpose(rank: int) -> Kind:
    arguments: dict[str, Check] = {
        "in_channels": count,
        "out_channels": count,
        "kernel_size": ints(rank),
        "stride": ints(rank),
        "padding": ints(rank, 0),
        "output_padding": ints(rank, 0),
        "dilation": ints(rank),
        "groups": count,
        "padding_mode": only("zeros"),
    }
    return Kind(
        f"ConvTranspose{rank}d",
        arguments,
        shapes.conv_transpose(rank),
        shapes.conv_transpose_macs,
        has_bias=True,
        templates=_told("in_channels", rank + 2),
    )


def _norm_of_channels(name: str, *ranks: int) -> Kind:
    arguments: dict[str, Check] = {
        "num_features": count,
        "eps": number,
        "momentum": optional(number),
        "affine": flag,
        "track_running_stats": flag,
    }
    if name == "SyncBatchNorm":
        arguments["process_group"] = only(None)
    return Kind(
        name, arguments, shapes.channels(*ranks), has_bias=True, templates=_told("num_features", ranks[0])
    )  # fmt: skip


def _max_pool(rank: int) -> Kind:
    return Kind(
        f"MaxPool{rank}d",
        {
            "kernel_size": ints(rank),
            "stride": window(rank),
            "padding": ints(rank, 0),
            "dilation": ints(rank),
            "return_indices": only(False),
            "ceil_mode": flag,
        },
        shapes.pool(rank),
    )


def _avg_pool(rank: int) -> Kind:
    arguments: dict[str, Check] = {
        "kernel_size": ints(rank),
        "stride": window(rank),
        "padding": ints(rank, 0),
        "ceil_mode": flag,
        "count_include_pad": flag,
    }
    divisor: dict[str, Check] = {"divisor_override": optional(count)} if rank > 1 else {}
    return Kind(f"AvgPool{rank}d", arguments | divisor, shapes.pool(rank))


def _lp_pool(rank: int) -> Kind:
    arguments: dict[str, Check] = {
        "norm_type": power,
        "kernel_size": ints(rank),
        "stride": window(rank),
        "ceil_mode": flag,
    }
    return Kind(f"LPPool{rank}d", arguments, shapes.pool(rank))


def _adaptive(rank: int) -> tuple[Kind, Kind]:
    size: dict[str, Check] = {"output_size": shapes.output_sizes(rank)}
    return (
        Kind(f"AdaptiveAvgPool{rank}d", size, shapes.adaptive(rank)),
        Kind(f"AdaptiveMaxPool{rank}d", size | {"return_indices": only(False)}, shapes.adaptive(rank)),
    )


def _paddings(rank: int) -> tuple[Kind, ...]:
    amounts: dict[str, Check] = {"padding": ints(2 * rank, -(1 << 20))}
    return (
        Kind(f"ZeroPad{rank}d", amounts, shapes.pad(rank)),
        Kind(f"ConstantPad{rank}d", amounts | {"value": number}, shapes.pad(rank)),
        Kind(f"ReplicationPad{rank}d", amounts, shapes.pad(rank)),
        Kind(f"ReflectionPad{rank}d", amounts, shapes.pad(rank, lambda n: n - 1)),
        Kind(f"CircularPad{rank}d", amounts, shapes.pad(rank, lambda n: n)),
    )


def _activations() -> tuple[Kind, ...]:
    plain = "ReLU ReLU6 Hardsigmoid Hardswish SiLU Mish SELU Sigmoid Tanh LogSigmoid Softsign Tanhshrink Identity"
    return (
        *(Kind(name, {}) for name in plain.split()),
        Kind("LeakyReLU", {"negative_slope": number}),
        Kind("RReLU", {"lower": number, "upper": number}),
        Kind("PReLU", {"num_parameters": count, "init": number}, shapes.prelu, added=frozenset({"init"})),
        Kind("Hardtanh", {"min_val": number, "max_val": number}),
        Kind("Hardshrink", {"lambd": number}),
        Kind("Softshrink", {"lambd": number}),
        Kind("Threshold", {"threshold": number, "value": number}),
        Kind("ELU", {"alpha": number}),
        Kind("CELU", {"alpha": number}),
        Kind("GELU", {"approximate": only("none", "tanh")}, added=frozenset({"approximate"})),
        Kind("Softplus", {"beta": number, "threshold": number}),
        Kind("GLU", {"dim": whole}, shapes.halved),
        Kind("Softmax", {"dim": whole}, shapes.along),
        Kind("Softmin", {"dim": whole}, shapes.along),
        Kind("LogSoftmax", {"dim": whole}, shapes.along),
        Kind("Softmax2d", {}, shapes.ranked(4)),
    )


def _norms() -> tuple[Kind, ...]:
    return (
        _norm_of_channels("BatchNorm1d", 2, 3),
        _norm_of_channels("BatchNorm2d", 4),
        _norm_of_channels("BatchNorm3d", 5),
        _norm_of_channels("SyncBatchNorm", 4, 2, 3, 5),
        _norm_of_channels("InstanceNorm1d", 3),
        _norm_of_channels("InstanceNorm2d", 4),
        _norm_of_channels("InstanceNorm3d", 5),
        Kind(
            "GroupNorm",
            {"num_groups": count, "num_channels": count, "eps": number, "affine": flag},
            shapes.grouped,
            has_bias=True,
        ),
        Kind(
            "LayerNorm",
            {"normalized_shape": sizes, "eps": number, "elementwise_affine": flag},
            shapes.normalized,
            has_bias=True,
        ),
        Kind(
            "RMSNorm",
            {"normalized_shape": sizes, "eps": optional(number), "elementwise_affine": flag},
            shapes.normalized,
        ),
        Kind(
            "LocalResponseNorm",
            {"size": count, "alpha": number, "beta": number, "k": number},
            shapes.at_least(3),
        ),
    )


def _resizing() -> tuple[Kind, ...]:
    factor = optional(number_or_each)
    size = optional(lambda value: tuple(map(count, value)) if isinstance(value, tuple) else count(value))
    modes = only("nearest", "linear", "bilinear", "bicubic", "trilinear", "nearest-exact")
    return (
        Kind(
            "Upsample",
            {
                "size": size,
                "scale_factor": factor,
                "mode": modes,
                "align_corners": optional(flag),
                "recompute_scale_factor": optional(flag),
            },
            shapes.upsampled,
            added=frozenset({"recompute_scale_factor"}),
        ),
        Kind("UpsamplingNearest2d", {"size": size, "scale_factor": factor}, shapes.upsampled),
        Kind("UpsamplingBilinear2d", {"size": size, "scale_factor": factor}, shapes.upsampled),
        Kind("PixelShuffle", {"upscale_factor": count}, shapes.shuffled),
        Kind("PixelUnshuffle", {"downscale_factor": count}, shapes.unshuffled),
        Kind("ChannelShuffle", {"groups": count}, shapes.channel_groups),
    )


def _linear() -> tuple[Kind, ...]:
    arguments: dict[str, Check] = {"in_features": count, "out_features": count}
    return tuple(
        Kind(
            name,
            arguments,
            shapes.linear,
            shapes.linear_macs,
            has_bias=True,
            templates=_told("in_features", 2),
        )
        for name in ("Linear", "NonDynamicallyQuantizableLinear")  # the second is attention's own, not the user's
    )


def _pairs() -> tuple[Kind, ...]:
    bilinear: dict[str, Check] = {"in1_features": count, "in2_features": count, "out_features": count}
    return (
        Kind(
            "Bilinear",
            bilinear,
            shapes.bilinear,
            shapes.bilinear_macs,
            has_bias=True,
            inputs=("input1", "input2"),
            templates=lambda o: ((1, o["in1_features"]), (1, o["in2_features"])),
        ),
        Kind("CosineSimilarity", {"dim": whole, "eps": number}, shapes.cosine, inputs=("x1", "x2")),
        Kind(
            "PairwiseDistance",
            {"norm": power, "eps": number, "keepdim": flag},
            shapes.distance,
            inputs=("x1", "x2"),
            spelled={"norm": "p"},
        ),
    )


def _blocks() -> tuple[Kind, ...]:
    two = ints(2, 0)
    slides: dict[str, Check] = {"kernel_size": ints(2), "dilation": ints(2), "padding": two, "stride": ints(2)}
    return (
        Kind("Unfold", slides, shapes.unfolded),
        Kind("Fold", {"output_size": ints(2)} | slides, shapes.folded),
    )


def _reshaping() -> tuple[Kind, ...]:
    def parts(o: Options) -> tuple[Template, ...]:
        product = 1
        for part in o["unflattened_size"]:
            product *= part
        return ((1, product),) if o["dim"] in (1, -1) and product > 0 else ()

    dropouts = "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout"
    return (
        Kind("Flatten", {"start_dim": whole, "end_dim": whole}, shapes.flatten),
        Kind("Unflatten", {"dim": whole, "unflattened_size": sizes}, shapes.unflatten, templates=parts),
        *(Kind(name, {"p": number}) for name in dropouts.split()),
    )


def _all() -> tuple[Kind, ...]:
    found: list[Kind] = [*_linear(), *_activations(), *_norms(), *_resizing(), *_pairs(), *_blocks(), *_reshaping()]
    for rank in (1, 2, 3):
        found += [_conv(rank), _conv_transpose(rank), _max_pool(rank), _avg_pool(rank), _lp_pool(rank)]
        found += [*_adaptive(rank), *_paddings(rank)]
    return (*found, *SEQUENCE, *ATTENTION)


KINDS: dict[str, Kind] = {kind.name: kind for kind in _all()}

# Classes of torch.nn that are refused, and why.
REFUSED: dict[str, str] = {
    **dict.fromkeys(
        ("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"),
        "it needs the indices that a pooling layer found, which no chain of layers hands on",
    ),
    **dict.fromkeys(
        ("FractionalMaxPool2d", "FractionalMaxPool3d"), "it draws its windows at random, also when it is evaluated"
    ),
    **dict.fromkeys(
        ("ModuleList", "ModuleDict"), "it holds layers, but does not say in which order they run; use Sequential"
    ),
    **dict.fromkeys(("ParameterList", "ParameterDict"), "it holds parameters, but does not say what they do"),
    "CrossMapLRN2d": "use LocalResponseNorm, which computes the same",
    "AdaptiveLogSoftmaxWithLoss": "it computes a loss; save the model without it",
    "DataParallel": "save the model inside it: torch.save(model.module, file)",
    "DistributedDataParallel": "save the model inside it: torch.save(model.module, file)",
    "RNNBase": "use LSTM, GRU or RNN",
}


def why_refused(name: str) -> str:
    """A sentence for a class that has no entry."""
    if name.startswith("Lazy"):
        return "it has not seen an input yet; run the model once before saving it"
    if "Loss" in name:
        return "it computes a loss; save the model without it"
    return REFUSED.get(name, "it is not among the layers that are read")
