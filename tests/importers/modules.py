"""Examples of every stock module that can be imported, and a strategy that draws whole models from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

Shape = tuple[int, ...]
VECTOR, SEQUENCE, IMAGE, VOLUME = (1, 6), (1, 4, 9), (1, 4, 9, 8), (1, 4, 6, 5, 7)

# Class name -> (module, input shapes); at least one of each, and every option that changes the arithmetic.
EXAMPLES: dict[str, list[tuple[Any, ...]]] = {
    "Linear": [
        (lambda: nn.Linear(6, 3), VECTOR),
        (lambda: nn.Linear(6, 3, bias=False), VECTOR),
        (lambda: nn.Linear(9, 5), SEQUENCE),
    ],
    "Conv1d": [
        (lambda: nn.Conv1d(4, 3, 3), SEQUENCE),
        (lambda: nn.Conv1d(4, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False), SEQUENCE),
        (lambda: nn.Conv1d(4, 3, 4, padding="same"), SEQUENCE),
        (lambda: nn.Conv1d(4, 3, 3, padding=2, padding_mode="circular"), SEQUENCE),
    ],
    "Conv2d": [
        (lambda: nn.Conv2d(4, 3, 3, padding=1), IMAGE),
        (lambda: nn.Conv2d(4, 8, (3, 2), stride=(2, 1), padding=(0, 1), groups=4), IMAGE),
        (lambda: nn.Conv2d(4, 4, 3, dilation=2, padding="same", bias=False), IMAGE),
        (lambda: nn.Conv2d(4, 4, 3, padding="valid"), IMAGE),
        (lambda: nn.Conv2d(4, 3, 3, padding=(2, 1), padding_mode="reflect"), IMAGE),
        (lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="replicate"), IMAGE),
    ],
    "Conv3d": [
        (lambda: nn.Conv3d(4, 3, 3, padding=1), VOLUME),
        (lambda: nn.Conv3d(4, 4, (1, 2, 3), stride=(1, 2, 1), groups=2, bias=False), VOLUME),
    ],
    "ConvTranspose1d": [(lambda: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, 2), SEQUENCE)],
    "ConvTranspose2d": [
        (lambda: nn.ConvTranspose2d(4, 3, 2, 2), IMAGE),
        (lambda: nn.ConvTranspose2d(4, 6, (3, 2), 2, (1, 0), 1, 2, dilation=(1, 2), bias=False), IMAGE),
    ],
    "ConvTranspose3d": [(lambda: nn.ConvTranspose3d(4, 2, 3, 2, 1, 1), VOLUME)],
    "BatchNorm1d": [
        (lambda: nn.BatchNorm1d(6), VECTOR),
        (lambda: nn.BatchNorm1d(4, eps=1e-3, momentum=None), SEQUENCE),
    ],
    "BatchNorm2d": [(lambda: nn.BatchNorm2d(4), IMAGE), (lambda: nn.BatchNorm2d(4, affine=False), IMAGE)],
    "BatchNorm3d": [
        (lambda: nn.BatchNorm3d(4), VOLUME),
        (lambda: nn.BatchNorm3d(4, track_running_stats=False), VOLUME),
    ],
    "SyncBatchNorm": [(lambda: nn.SyncBatchNorm(4), IMAGE)],
    "InstanceNorm1d": [(lambda: nn.InstanceNorm1d(4, affine=True), SEQUENCE)],
    "InstanceNorm2d": [
        (lambda: nn.InstanceNorm2d(4, eps=1e-3), IMAGE),
        (lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), IMAGE),
    ],
    "InstanceNorm3d": [(lambda: nn.InstanceNorm3d(4), VOLUME)],
    "GroupNorm": [(lambda: nn.GroupNorm(2, 4), IMAGE), (lambda: nn.GroupNorm(4, 4, affine=False), SEQUENCE)],
    "LayerNorm": [
        (lambda: nn.LayerNorm(8), IMAGE),
        (lambda: nn.LayerNorm([9, 8], bias=False), IMAGE),
        (lambda: nn.LayerNorm(6, elementwise_affine=False), VECTOR),
    ],
    "RMSNorm": [
        (lambda: nn.RMSNorm(8), IMAGE),
        (lambda: nn.RMSNorm([9, 8], eps=1e-3, elementwise_affine=False), IMAGE),
    ],
    "LocalResponseNorm": [
        (lambda: nn.LocalResponseNorm(3), IMAGE),
        (lambda: nn.LocalResponseNorm(2, alpha=0.1, beta=0.5, k=2.0), SEQUENCE),
    ],
    "ReLU": [(lambda: nn.ReLU(inplace=True), IMAGE)],
    "ReLU6": [(lambda: nn.ReLU6(), IMAGE)],
    "LeakyReLU": [(lambda: nn.LeakyReLU(0.2), IMAGE)],
    "PReLU": [(lambda: nn.PReLU(), IMAGE), (lambda: nn.PReLU(4, init=0.1), IMAGE), (lambda: nn.PReLU(6), VECTOR)],
    "Sigmoid": [(nn.Sigmoid, IMAGE)],
    "Tanh": [(nn.Tanh, IMAGE)],
    "Hardsigmoid": [(lambda: nn.Hardsigmoid(), IMAGE)],
    "Hardswish": [(lambda: nn.Hardswish(), IMAGE)],
    "Hardtanh": [(lambda: nn.Hardtanh(-0.5, 2.0), IMAGE)],
    "ELU": [(lambda: nn.ELU(0.7), IMAGE)],
    "SELU": [(lambda: nn.SELU(), IMAGE)],
    "CELU": [(lambda: nn.CELU(1.5), IMAGE)],
    "GELU": [(lambda: nn.GELU(), IMAGE), (lambda: nn.GELU(approximate="tanh"), IMAGE)],
    "SiLU": [(lambda: nn.SiLU(), IMAGE)],
    "Mish": [(lambda: nn.Mish(), IMAGE)],
    "Softplus": [
        (lambda: nn.Softplus(), IMAGE),
        (lambda: nn.Softplus(beta=2.5, threshold=18), IMAGE),
        (lambda: nn.Softplus(beta=0.5, threshold=1), IMAGE),
    ],
    "RReLU": [(lambda: nn.RReLU(0.1, 0.4), IMAGE)],
    "Hardshrink": [(lambda: nn.Hardshrink(0.7), IMAGE)],
    "Softshrink": [(lambda: nn.Softshrink(0.3), IMAGE)],
    "Threshold": [(lambda: nn.Threshold(0.1, -2.0), IMAGE)],
    "GLU": [(nn.GLU, VECTOR), (lambda: nn.GLU(1), IMAGE)],
    "Softmax2d": [(nn.Softmax2d, IMAGE)],
    "LogSigmoid": [(nn.LogSigmoid, IMAGE)],
    "Softsign": [(nn.Softsign, IMAGE)],
    "Tanhshrink": [(nn.Tanhshrink, IMAGE)],
    "Identity": [(nn.Identity, IMAGE)],
    "Softmax": [(lambda: nn.Softmax(dim=1), VECTOR), (lambda: nn.Softmax(dim=-3), IMAGE)],
    "Softmin": [(lambda: nn.Softmin(dim=1), VECTOR)],
    "LogSoftmax": [(lambda: nn.LogSoftmax(dim=1), VECTOR)],
    "MaxPool1d": [(lambda: nn.MaxPool1d(2), SEQUENCE), (lambda: nn.MaxPool1d(3, 2, 1, ceil_mode=True), SEQUENCE)],
    "MaxPool2d": [
        (lambda: nn.MaxPool2d(2), IMAGE),
        (lambda: nn.MaxPool2d((3, 2), stride=(2, 3), padding=(1, 0), ceil_mode=True), IMAGE),
        (lambda: nn.MaxPool2d(2, dilation=2), IMAGE),
    ],
    "AvgPool1d": [
        (lambda: nn.AvgPool1d(3), SEQUENCE),
        (lambda: nn.AvgPool1d(4, 3, 1, count_include_pad=False), SEQUENCE),
    ],
    "AvgPool2d": [
        (lambda: nn.AvgPool2d(2), IMAGE),
        (lambda: nn.AvgPool2d(3, 2, 1), IMAGE),
        (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGE),
        (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), IMAGE),
        (lambda: nn.AvgPool2d(2, 3, 1, ceil_mode=True, count_include_pad=False), IMAGE),
        (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False, divisor_override=5), IMAGE),
    ],
    "MaxPool3d": [(lambda: nn.MaxPool3d((1, 2, 3), stride=2, padding=(0, 1, 1)), VOLUME)],
    "AvgPool3d": [(lambda: nn.AvgPool3d(2, stride=(1, 2, 3)), VOLUME)],
    "LPPool1d": [(lambda: nn.LPPool1d(2, 3), SEQUENCE)],
    "LPPool2d": [(lambda: nn.LPPool2d(4, (2, 3), stride=1), IMAGE), (lambda: nn.LPPool2d(2, 2, ceil_mode=True), IMAGE)],
    "LPPool3d": [(lambda: nn.LPPool3d(2, 2), VOLUME)],
    "AdaptiveAvgPool1d": [(lambda n=n: nn.AdaptiveAvgPool1d(n), SEQUENCE) for n in (1, 3, 4, 5)],
    "AdaptiveAvgPool2d": [
        (lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
        (lambda: nn.AdaptiveAvgPool2d((3, None)), IMAGE),
        (lambda: nn.AdaptiveAvgPool2d((5, 3)), IMAGE),
        (lambda: nn.AdaptiveAvgPool2d((11, 12)), IMAGE),  # more than there is: windows repeat
    ],
    "AdaptiveAvgPool3d": [(lambda: nn.AdaptiveAvgPool3d((2, 1, 3)), VOLUME), (lambda: nn.AdaptiveAvgPool3d(4), VOLUME)],
    "AdaptiveMaxPool1d": [(lambda: nn.AdaptiveMaxPool1d(4), SEQUENCE), (lambda: nn.AdaptiveMaxPool1d(5), SEQUENCE)],
    "AdaptiveMaxPool2d": [(lambda: nn.AdaptiveMaxPool2d(1), IMAGE), (lambda: nn.AdaptiveMaxPool2d((5, 3)), IMAGE)],
    "AdaptiveMaxPool3d": [(lambda: nn.AdaptiveMaxPool3d((2, 1, 3)), VOLUME)],
    "Flatten": [(nn.Flatten, IMAGE), (lambda: nn.Flatten(2), IMAGE), (lambda: nn.Flatten(1, 2), IMAGE)],
    "Unflatten": [(lambda: nn.Unflatten(1, (2, 3)), VECTOR), (lambda: nn.Unflatten(2, (3, -1)), SEQUENCE)],
    "Dropout": [(nn.Dropout, IMAGE)],
    "Dropout1d": [(nn.Dropout1d, SEQUENCE)],
    "Dropout2d": [(nn.Dropout2d, IMAGE)],
    "AlphaDropout": [(nn.AlphaDropout, VECTOR)],
    "FeatureAlphaDropout": [(nn.FeatureAlphaDropout, IMAGE)],
    "ZeroPad1d": [(lambda: nn.ZeroPad1d(2), SEQUENCE)],
    "ConstantPad1d": [(lambda: nn.ConstantPad1d((0, 3), 0.5), SEQUENCE)],
    "ZeroPad2d": [(lambda: nn.ZeroPad2d((1, 0, 2, 3)), IMAGE)],
    "ConstantPad2d": [
        (lambda: nn.ConstantPad2d(1, -1.5), IMAGE),
        (lambda: nn.ConstantPad2d((-1, 2, 0, -3), 1.0), IMAGE),
    ],
    "ZeroPad3d": [(lambda: nn.ZeroPad3d(1), VOLUME)],
    "ConstantPad3d": [(lambda: nn.ConstantPad3d((0, 1, 2, 0, 1, 1), 0.5), VOLUME)],
    "ReflectionPad1d": [(lambda: nn.ReflectionPad1d((2, 3)), SEQUENCE)],
    "ReflectionPad2d": [(lambda: nn.ReflectionPad2d((1, 2, 0, 3)), IMAGE)],
    "ReflectionPad3d": [(lambda: nn.ReflectionPad3d(1), VOLUME)],
    "ReplicationPad1d": [(lambda: nn.ReplicationPad1d(2), SEQUENCE)],
    "ReplicationPad2d": [(lambda: nn.ReplicationPad2d((1, 2, 0, 3)), IMAGE)],
    "ReplicationPad3d": [(lambda: nn.ReplicationPad3d(1), VOLUME)],
    "CircularPad1d": [(lambda: nn.CircularPad1d(2), SEQUENCE)],
    "CircularPad2d": [(lambda: nn.CircularPad2d((1, 2, 0, 3)), IMAGE)],
    "CircularPad3d": [(lambda: nn.CircularPad3d(1), VOLUME)],
    "Upsample": [
        (lambda: nn.Upsample(scale_factor=2), IMAGE),
        (lambda: nn.Upsample(size=(11, 13)), IMAGE),
        (lambda: nn.Upsample(scale_factor=1.5, mode="nearest-exact"), IMAGE),
        (lambda: nn.Upsample(scale_factor=2.5, mode="linear"), SEQUENCE),
        (lambda: nn.Upsample(scale_factor=1.7, mode="bilinear"), IMAGE),
        (lambda: nn.Upsample(size=(5, 20), mode="bilinear", align_corners=True), IMAGE),
        (lambda: nn.Upsample(scale_factor=(2, 3), mode="bicubic", recompute_scale_factor=True), IMAGE),
        (lambda: nn.Upsample(scale_factor=2, mode="trilinear"), VOLUME),
    ],
    "UpsamplingNearest2d": [(lambda: nn.UpsamplingNearest2d(scale_factor=2), IMAGE)],
    "UpsamplingBilinear2d": [(lambda: nn.UpsamplingBilinear2d(size=(12, 15)), IMAGE)],
    "PixelShuffle": [(lambda: nn.PixelShuffle(2), IMAGE)],
    "PixelUnshuffle": [(lambda: nn.PixelUnshuffle(3), (1, 2, 9, 6))],
    "ChannelShuffle": [(lambda: nn.ChannelShuffle(2), IMAGE)],
    "Unfold": [(lambda: nn.Unfold((3, 2), padding=1, stride=2), IMAGE)],
    "Fold": [(lambda: nn.Fold((4, 5), 2, padding=1, stride=(1, 2)), (1, 8, 15))],
    "Dropout3d": [(nn.Dropout3d, VOLUME)],
    "Bilinear": [(lambda: nn.Bilinear(6, 4, 3), VECTOR, (1, 4))],
    "CosineSimilarity": [(nn.CosineSimilarity, VECTOR, VECTOR)],
    "PairwiseDistance": [
        (nn.PairwiseDistance, VECTOR, VECTOR),
        (lambda: nn.PairwiseDistance(1.0, keepdim=True), VECTOR, VECTOR),
    ],
    "LSTM": [
        (lambda: nn.LSTM(9, 5), SEQUENCE),
        (lambda: nn.LSTM(9, 5, 2, bidirectional=True, batch_first=True), SEQUENCE),
        (lambda: nn.LSTM(9, 5, bias=False, batch_first=True), SEQUENCE, (1, 1, 5), (1, 1, 5)),
    ],
    "GRU": [
        (lambda: nn.GRU(9, 5, 2, bidirectional=True, batch_first=True), SEQUENCE),
        (lambda: nn.GRU(9, 5, bias=False), SEQUENCE, (1, 4, 5)),
    ],
    "RNN": [
        (lambda: nn.RNN(9, 5), SEQUENCE),
        (lambda: nn.RNN(9, 5, 2, nonlinearity="relu", bidirectional=True, batch_first=True), SEQUENCE),
    ],
    "LSTMCell": [(lambda: nn.LSTMCell(6, 5), VECTOR, (1, 5), (1, 5))],
    "GRUCell": [(lambda: nn.GRUCell(6, 5), VECTOR, (1, 5))],
    "RNNCell": [
        (lambda: nn.RNNCell(6, 5), VECTOR, (1, 5)),
        (lambda: nn.RNNCell(6, 5, bias=False, nonlinearity="relu"), VECTOR, (1, 5)),
    ],
    "Embedding": [(lambda: nn.Embedding(10, 4), (1, 5)), (lambda: nn.Embedding(10, 4, padding_idx=0), (2, 3))],
    "EmbeddingBag": [(lambda mode=mode: nn.EmbeddingBag(10, 4, mode=mode), (2, 5)) for mode in ("sum", "mean", "max")],
    "MultiheadAttention": [
        (lambda: nn.MultiheadAttention(8, 2, batch_first=True), (1, 5, 8), (1, 5, 8), (1, 5, 8)),
        (lambda: nn.MultiheadAttention(8, 2, kdim=6, vdim=5, bias=False), (4, 1, 8), (7, 1, 6), (7, 1, 5)),
        (lambda: nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True), *[(4, 1, 8)] * 3),
    ],
    "TransformerEncoderLayer": [
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (1, 5, 8)),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=True, bias=False), (5, 1, 8)),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, activation=nn.SiLU(), layer_norm_eps=1e-3), (5, 1, 8)),
    ],
    "TransformerDecoderLayer": [
        (lambda: nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), (1, 5, 8), (1, 4, 8)),
        (lambda: nn.TransformerDecoderLayer(8, 2, 16, activation=nn.functional.hardswish), (5, 1, 8), (4, 1, 8)),
    ],
    "TransformerEncoder": [
        (
            lambda: nn.TransformerEncoder(
                nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, norm=nn.LayerNorm(8)
            ),
            (1, 5, 8),
        ),
    ],
    "TransformerDecoder": [
        (lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2), (5, 1, 8), (4, 1, 8)),
    ],
    "Transformer": [(lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True), (1, 5, 8), (1, 4, 8))],
}

# Parts of other layers, never a model's own.
INNER = frozenset({"NonDynamicallyQuantizableLinear"})


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Weights and running statistics that leave nothing at 0 or 1, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    for name, buffer in module.named_buffers():
        if name.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.2)
        elif name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator))
    return module.eval()


def values(shape: Shape, seed: int = 0) -> NDArray[np.float32]:
    """Inputs that reach the bends and the far ends of activations."""
    drawn = np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)
    drawn.flat[:: max(7, drawn.size // 8)] *= 20
    return drawn


@st.composite
def models(draw: st.DrawFn) -> tuple[nn.Sequential, Shape]:
    """A Sequential of two to seven stock modules that fit each other, sometimes nested, sometimes sharing one."""
    shape: Shape = draw(st.sampled_from([(1, 5), (1, 2, 12), (1, 3, 10, 7), (1, 1, 8, 8)]))
    start, layers = shape, []
    shared = nn.LeakyReLU(0.3)
    for _ in range(draw(st.integers(2, 7))):
        layer: nn.Module = draw(_layer(shape))
        if isinstance(layer, nn.ReLU) and draw(st.booleans()):
            layer = shared
        layers.append(layer)
        shape = tuple(layer.eval()(torch.zeros(shape)).shape)
    if draw(st.booleans()):
        half = len(layers) // 2
        return nn.Sequential(nn.Sequential(*layers[:half]), *layers[half:]), start
    return nn.Sequential(*layers), start


def _layer(x: Shape) -> st.SearchStrategy[Any]:
    """A module that accepts the shape."""
    rank = len(x) - 2
    small = st.integers(1, 3)
    choices: list[st.SearchStrategy[Any]] = [
        st.sampled_from(
            [nn.ReLU(), nn.ReLU6(), nn.Sigmoid(), nn.Tanh(), nn.Hardswish(), nn.SiLU(), nn.GELU(), nn.Mish()]
        ),
        st.sampled_from([nn.ELU(0.5), nn.Softplus(), nn.Dropout(), nn.Identity(), nn.LeakyReLU(), nn.Softmax(dim=1)]),
        st.builds(nn.PReLU, st.sampled_from([1, x[1]])),
    ]
    if rank == 0:
        choices += [
            st.builds(nn.Linear, st.just(x[1]), st.integers(1, 9), bias=st.booleans()),
            st.builds(nn.BatchNorm1d, st.just(x[1])),
        ]
        choices += [st.just(nn.Unflatten(1, (2, x[1] // 2)))] if x[1] % 2 == 0 else []
        return st.one_of(choices)
    conv, norm = (nn.Conv1d, nn.BatchNorm1d) if rank == 1 else (nn.Conv2d, nn.BatchNorm2d)
    least = min(x[2:])
    choices += [
        st.builds(nn.Flatten),
        st.builds(norm, st.just(x[1])),
        st.builds(
            conv,
            st.just(x[1]),
            st.integers(1, 4).map(lambda n: n * x[1]),
            st.integers(1, min(3, least)),
            stride=small,
            padding=st.integers(0, 2),
            groups=st.sampled_from([1, x[1]]),
            bias=st.booleans(),
        ),
    ]
    if least >= 3:
        pools = (nn.MaxPool1d, nn.AvgPool1d) if rank == 1 else (nn.MaxPool2d, nn.AvgPool2d)
        window = {"kernel_size": st.integers(2, 3), "stride": small, "padding": st.integers(0, 1)}
        choices += [st.builds(pool, **window) for pool in pools]
        choices.append(st.just(nn.AdaptiveAvgPool1d(1) if rank == 1 else nn.AdaptiveAvgPool2d(1)))
    if rank == 2:
        amounts = st.tuples(*[st.integers(0, 2)] * 4)
        choices.append(st.builds(nn.ConstantPad2d, amounts, st.floats(-2, 2, width=16)))
    return st.one_of(choices)


def size(shape: Shape) -> int:
    return math.prod(shape)
