"""How much a window is padded where the model says only "same"."""

from __future__ import annotations

from collections.abc import Sequence


def same(sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """ONNX `pads` (all beginnings, then all ends) for an output of ceil(size / stride); the odd one goes to the end."""
    total = [
        max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    return [t // 2 for t in total] + [t - t // 2 for t in total]


def transposed(
    sizes: Sequence[int],
    outputs: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[list[int], list[int]]:
    """ONNX `pads` and `output_padding` of a transposed convolution that turns `sizes` into `outputs`.

    What the full result has too much is cut, half from each side and the odd one from the end; what it lacks is added.
    """
    full = [(n - 1) * s + (k - 1) * d + 1 for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)]
    excess = [max(f - o, 0) for f, o in zip(full, outputs, strict=True)]
    missing = [max(o - f, 0) for f, o in zip(full, outputs, strict=True)]
    return [e // 2 for e in excess] + [e - e // 2 for e in excess], missing
