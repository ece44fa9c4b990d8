"""Networks that people bring, as plain `torch.nn` modules: small, with fixed weights, in evaluation mode.

Every importer is tested on these, and one test compares what the routes make of the same network. Sequential ones are
made of stock layers, so that they can be pickled whole; the others have a class of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Network:
    """A network and the shapes of its inputs, in the order of `forward`'s arguments."""

    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]

    def module(self) -> nn.Module:
        """The network with weights, and running statistics, that leave nothing at 0 or 1; the same every time."""
        module = self.make().eval()
        generator = torch.Generator().manual_seed(4)
        for parameter in module.parameters():
            fan = parameter[0].numel() if parameter.dim() > 1 else 8
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * (1.5 / fan**0.5))
            parameter.requires_grad_(False)
        for name, buffer in module.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
            elif name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.3)
        return module

    def examples(self, seed: int = 0) -> tuple[Tensor, ...]:
        """Inputs, the same for the same seed."""
        drawn = np.random.default_rng(seed)
        return tuple(torch.from_numpy(drawn.normal(0, 1, shape).astype(np.float32)) for shape in self.shapes)

    def outputs(self, inputs: tuple[Tensor, ...]) -> list[NDArray[np.float32]]:
        """What PyTorch computes."""
        with torch.no_grad():
            result = self.module()(*inputs)
        return [y.numpy() for y in (result if isinstance(result, tuple) else (result,))]


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def _normed(*layers: nn.Module, channels: int) -> list[nn.Module]:
    return [*layers, nn.BatchNorm2d(channels), nn.ReLU()]


def ds_cnn() -> nn.Module:
    """Keyword spotting: one large filter, then depthwise and pointwise convolutions."""
    layers = _normed(nn.ZeroPad2d((1, 1, 4, 5)), nn.Conv2d(1, 16, (10, 4), 2), channels=16)
    for _ in range(4):
        layers += _normed(nn.Conv2d(16, 16, 3, padding=1, groups=16), channels=16)
        layers += _normed(nn.Conv2d(16, 16, 1), channels=16)
    return nn.Sequential(
        *layers, nn.Dropout(0.4), nn.AvgPool2d((25, 5)), nn.Flatten(), nn.Linear(16, 12), nn.Softmax(dim=1)
    )


class ResNet8(nn.Module):
    """Image classification: three residual blocks, two of them with a convolution on the short way."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.first, self.second, self.short = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i, o, stride in ((8, 8, 1), (8, 16, 2), (16, 32, 2)):
            self.first.append(nn.Sequential(nn.Conv2d(i, o, 3, stride, 1), nn.BatchNorm2d(o), nn.ReLU(inplace=True)))
            self.second.append(nn.Sequential(nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o)))
            self.short.append(nn.Conv2d(i, o, 1, stride) if stride == 2 else nn.Identity())
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for first, second, short in zip(self.first, self.second, self.short):  # noqa: B905  scripted modules know no strict
            x = F.relu(second(first(x)) + short(x))
        return F.softmax(self.head(F.avg_pool2d(x, 8).flatten(1)), dim=1)


def mobilenet_v1() -> nn.Module:
    """Visual wake words, thin: alpha 0.125 at 48x48."""
    blocks = [(4, 8, 1), (8, 16, 2), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2)]
    blocks += [(64, 64, 1)] * 5 + [(64, 128, 2), (128, 128, 1)]
    layers = _normed(nn.Conv2d(3, 4, 3, 2, 1, bias=False), channels=4)
    for i, o, stride in blocks:
        layers += _normed(nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False), channels=i)
        layers += _normed(nn.Conv2d(i, o, 1, bias=False), channels=o)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 2), nn.Softmax(dim=1))


class Lstm(nn.Module):
    """Two LSTM layers over a sequence; the last step is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, num_layers=2, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(x)
        return self.head(y[:, -1])


class Gru(nn.Module):
    """A GRU that reads in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 12, batch_first=True, bidirectional=True)
        self.head = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.gru(x)
        return self.head(y.mean(1))


class Attention(nn.Module):
    """A transformer block written by hand: normalisation first, scaled dot product attention, a residual each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joined, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        q, k, v = self.joined(self.before(x)).view(batch, steps, 3, self.heads, width // self.heads).unbind(2)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        x = x + self.out(y.transpose(1, 2).reshape(batch, steps, width))
        return x + self.down(F.gelu(self.up(self.between(x))))


class Transformer(nn.Module):
    """Two hand-written blocks and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Attention(16, 2), Attention(16, 2))
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(x)).mean(1))


def encoder() -> nn.Module:
    """PyTorch's own transformer layers."""
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


class Two(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 4), nn.Linear(3, 4)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.left(a), self.right(b)
        return torch.cat([x, y], dim=1), (x * y).sum(dim=1, keepdim=True)


@cache
def networks() -> dict[str, Network]:
    """By name."""
    return {
        "mlp": Network(mlp, ((1, 1, 28, 28),)),
        "lenet": Network(lenet, ((1, 1, 28, 28),)),
        "ds_cnn": Network(ds_cnn, ((1, 1, 49, 10),)),
        "resnet8": Network(ResNet8, ((1, 3, 32, 32),)),
        "mobilenet_v1": Network(mobilenet_v1, ((1, 3, 48, 48),)),
        "lstm": Network(Lstm, ((1, 12, 8),)),
        "gru": Network(Gru, ((1, 12, 8),)),
        "transformer": Network(Transformer, ((1, 10, 16),)),
        "encoder": Network(encoder, ((1, 10, 16),)),
        "two": Network(Two, ((1, 6), (1, 3))),
    }
