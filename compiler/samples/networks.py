"""The three architectures, of stock `torch.nn` layers; 28×28 grey images in, ten logits out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compiler.importers.torch_build import import_torch

INPUT_SHAPE = (1, 1, 28, 28)


@dataclass(frozen=True)
class Description:
    title: str
    text: str


DESCRIPTIONS = {
    "linear": Description(
        "Digits, fully connected", "784→128→64→10 with ReLU. Nearly all flash is weights; the smallest arithmetic."
    ),
    "conv": Description(
        "Digits, convolutions only",
        "Three convolutions with batch normalisation, a 1×1 convolution as classifier, global average pooling.",
    ),
    "hybrid": Description(
        "Digits, convolutions and linear layers", "Two convolutions with pooling, then two linear layers, as in LeNet."
    ),
}


def network(kind: str) -> Any:
    """A fresh module; its weights follow torch's random state.

    `input_shape` is an ordinary attribute that our importer reads, so that nobody has to give `--shape`.
    """
    nn = import_torch().nn
    layers: tuple[Any, ...]
    match kind:
        case "linear":
            layers = (
                nn.Flatten(),
                nn.Linear(784, 128),
                nn.ReLU(),
                nn.Linear(128, 64),
                nn.ReLU(),
                nn.Linear(64, 10),
            )
        case "conv":
            layers = (
                *(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
                *(nn.Conv2d(32, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            )
        case "hybrid":
            layers = (
                *(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Flatten(), nn.Linear(400, 64), nn.ReLU(), nn.Linear(64, 10)),
            )
        case _:
            raise ValueError(kind)
    made = nn.Sequential(*layers)
    made.input_shape = INPUT_SHAPE
    return made
