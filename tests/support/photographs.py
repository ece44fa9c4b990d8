"""Pictures to judge quantised image models with: crops, scales and flips of the two photographs of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = ("china.jpg", "flower.jpg")
SMALLEST = 1 / 4  # of a photograph's height: smaller parts have no detail left
RARE = 0.05  # a class with fewer answers gets more pictures like the ones it has
NEIGHBOURS = 0.25  # of all pictures
Pictures = NDArray[np.uint8]  # (count, 3, size, size)


@dataclass(frozen=True)
class Crop:
    """A part of a photograph, in pixels, that is scaled to a square and perhaps mirrored."""

    photograph: int
    left: float
    top: float
    width: float
    height: float
    mirrored: bool
    upside_down: bool

    def picture(self, size: int) -> Pictures:
        from PIL import Image

        box = (self.left, self.top, self.left + self.width, self.top + self.height)
        scaled = np.asarray(photographs()[self.photograph].resize((size, size), Image.Resampling.BILINEAR, box))
        scaled = scaled[:, ::-1] if self.mirrored else scaled
        return (scaled[::-1] if self.upside_down else scaled).transpose(2, 0, 1)

    def neighbour(self, rng: np.random.Generator) -> Crop:
        """Nearly the same part: moved and scaled by a few percent."""
        full_width, full_height = photographs()[self.photograph].size
        width = min(self.width * rng.uniform(0.95, 1.05), full_width)
        height = min(self.height * rng.uniform(0.95, 1.05), full_height)
        left = np.clip(self.left + self.width * rng.uniform(-0.04, 0.04), 0, full_width - width)
        top = np.clip(self.top + self.height * rng.uniform(-0.04, 0.04), 0, full_height - height)
        return Crop(self.photograph, float(left), float(top), width, height, self.mirrored, self.upside_down)


@cache
def photographs() -> tuple[Any, ...]:
    from PIL import Image
    from sklearn.datasets import load_sample_image

    return tuple(Image.fromarray(load_sample_image(name)) for name in NAMES)


def drawn(count: int, rng: np.random.Generator) -> list[Crop]:
    """Crops of any place, size and shape, from both photographs alike."""
    crops = []
    for i in range(count):
        full_width, full_height = photographs()[i % len(NAMES)].size
        side = full_height * float(np.exp(rng.uniform(np.log(SMALLEST), 0)))
        stretch = float(np.exp(rng.uniform(-0.4, 0.4)))
        width, height = min(side * stretch, full_width), min(side / stretch, full_height)
        left, top = rng.uniform(0, full_width - width), rng.uniform(0, full_height - height)
        crops.append(Crop(i % len(NAMES), left, top, width, height, rng.random() < 0.5, rng.random() < 0.5))
    return crops


def pictures(crops: list[Crop], size: int) -> Pictures:
    return np.stack([crop.picture(size) for crop in crops])


def test_set(count: int, size: int, answers: Callable[[Pictures], NDArray[np.int64]], seed: int) -> Pictures:
    """`count` pictures. Where the model gives some answer to hardly any of them, a quarter of the set are neighbours
    of those that got it: a model that always says the same must not look right."""
    rng = np.random.default_rng(seed)
    crops = drawn(count, rng)
    made = pictures(crops, size)
    found = answers(made)
    seldom = np.bincount(found)[found] < RARE * count
    rare = [crops[i] for i in np.flatnonzero(seldom)] if np.unique(found).size <= 2 else []
    if rare:
        more = int(count * NEIGHBOURS)
        made[-more:] = pictures([rare[i % len(rare)].neighbour(rng) for i in range(more)], size)
    return made
