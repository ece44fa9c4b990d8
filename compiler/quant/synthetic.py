"""Inputs to calibrate with where there are none: a guess, and the report says so loudly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.errors import ModelError
from compiler.graph.graph import Value
from compiler.quant.calibration_data import Samples
from compiler.vectors import draw_vectors

COUNT = 32
WARNING = (
    "NO CALIBRATION DATA: the ranges of all tensors come from random inputs (standard normal and uniform noise), which "
    "the model's real inputs do not resemble. Accuracy is likely to suffer; give typical inputs with --calibration."
)


def synthetic(inputs: Sequence[Value]) -> Samples:
    """The vectors that validation draws as well: normal, uniform, constant ones; the same ones every time."""
    if not inputs:
        raise ModelError("E0435", "there is nothing to quantise: the model has no inputs")
    drawn = draw_vectors([_Input(v) for v in inputs], COUNT, seed=2)
    return Samples({v.name: np.stack([d[v.name] for d in drawn]) for v in inputs}, "random inputs")


class _Input:
    def __init__(self, v: Value) -> None:
        self.name, self.dtype, self.shape = v.name, v.type.dtype, v.shape
