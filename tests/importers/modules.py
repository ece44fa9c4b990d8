"""Examples of every stock module that can be imported, and a strategy that draws whole models from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

Shape = tuple[int, ...]
VECTOR, SEQUENCE, IMAGE = (1, 6), (1, 4, 9), (1, 4, 9, 8)

# Class name -> (module, input shape); at least one of each, and every option that changes the arithmetic.
EXAMPLES: dict[str, list[tuple[Callable[[], nn.Module], Shape]]] = {
    "Linear": [
        (lambda: nn.Linear(6, 3), VECTOR),
        (lambda: nn.Linear(6, 3, bias=False), VECTOR),
        (lambda: nn.Linear(9, 5), SEQUENCE),
    ],
    "Conv1d": [
        (lambda: nn.Conv1d(4, 3, 3), SEQUENCE),
        (lambda: nn.Conv1d(4, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False), SEQUENCE),
        (lambda: nn.Conv1d(4, 3, 4, padding="same"), SEQUENCE),
    ],
    "Conv2d": [
        (lambda: nn.Conv2d(4, 3, 3, padding=1), IMAGE),
        (lambda: nn.Conv2d(4, 8, (3, 2), stride=(2, 1), padding=(0, 1), groups=4), IMAGE),
        (lambda: nn.Conv2d(4, 4, 3, dilation=2, padding="same", bias=False), IMAGE),
        (lambda: nn.Conv2d(4, 4, 3, padding="valid"), IMAGE),
    ],
    "BatchNorm1d": [
        (lambda: nn.BatchNorm1d(6), VECTOR),
        (lambda: nn.BatchNorm1d(4, eps=1e-3, momentum=None), SEQUENCE),
    ],
    "BatchNorm2d": [(lambda: nn.BatchNorm2d(4), IMAGE), (lambda: nn.BatchNorm2d(4, affine=False), IMAGE)],
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
    "Softplus": [(lambda: nn.Softplus(), IMAGE), (lambda: nn.Softplus(beta=2.5, threshold=18), IMAGE)],
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
    ],
    "AdaptiveAvgPool1d": [(lambda: nn.AdaptiveAvgPool1d(1), SEQUENCE), (lambda: nn.AdaptiveAvgPool1d(3), SEQUENCE)],
    "AdaptiveAvgPool2d": [
        (lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
        (lambda: nn.AdaptiveAvgPool2d((3, None)), IMAGE),
    ],
    "AdaptiveMaxPool2d": [(lambda: nn.AdaptiveMaxPool2d(1), IMAGE)],
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
}


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
