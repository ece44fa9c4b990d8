"""Weights of a layer are rounded together, so that their errors cancel in the layer's result.

The goal is that of AdaRound (Nagel et al., 2020): of all ways to round each weight up or down, the one whose layer
output is nearest to the float layer's on the calibration data. That is a quadratic function of the choices, given by
the covariance of the layer's inputs (the mean error is left to the bias, see bias_correction.py). It is descended
weight by weight, each one flipped where that helps, for all output channels at once. Every step lowers the error,
nothing is random, and no gradient framework is needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.graph.types import Array
from compiler.ops.conv import Conv
from compiler.quant.bias_correction import layer_inputs
from compiler.quant.forms import weighted
from compiler.quant.grid import along_first
from compiler.quant.insert import Choice, Weights, nearest
from compiler.quant.measure import FloatSide
from compiler.quant.points import Points, stored_as

SWEEPS = 12
SAMPLES = 32
ROWS = 20_000  # of windows that second moments are taken from
LARGEST = 4096  # inputs of one output; beyond that the moments take too long
DAMPING = 1e-3  # of the mean second moment: weights whose inputs were never seen stay where they are


def round_together(graph: Graph, points: Points, choice: Choice, floats: FloatSide) -> dict[str, Weights]:
    """Integer weights of all layers that this can be done for."""
    result = {}
    for node in graph.nodes:
        if node.output.name not in points.integer or not weighted(graph, node):
            continue
        w = graph.constants[node.value(1).name]
        if int(np.prod(w.shape[1:])) > LARGEST:
            continue
        inputs = layer_inputs(graph, node, floats, SAMPLES)
        if not inputs:
            continue
        grid = choice.grids[stored_as(graph, node.value(0)).name]
        given = choice.weights.get(node.output.name) or nearest(w)
        groups = node.op.groups if isinstance(node.op, Conv) else 1
        numbers = given.numbers.reshape(groups, w.shape[0] // groups, -1).copy()
        target = (w / along_first(given.scales, w.ndim)).reshape(numbers.shape)
        rows = ROWS // len(inputs)
        exact = np.concatenate([windows(node, x, w, rows) for x in inputs], axis=1)
        rough = np.concatenate([windows(node, grid.rounded(x), w, rows) for x in inputs], axis=1)
        for g in range(groups):
            a, b = (each[g] - each[g].mean(axis=0) for each in (exact, rough))
            numbers[g] = descend(numbers[g], target[g], b.T @ b, b.T @ a)
        result[node.output.name] = Weights(numbers.reshape(w.shape).astype(np.int8), given.scales)
    return result


def descend(start: Array, target: Array, moments: Array, mixed: Array) -> Array:
    """Whole numbers near `target` (outputs, inputs) with the least error q M q - 2 q C t.

    `moments` M are of the rounded inputs, `mixed` C of rounded and exact ones. Each number stays one of the two next to
    its target.
    """
    moments = moments.astype(np.float64)
    damping = DAMPING * float(np.trace(moments)) / len(moments) + 1e-30
    moments = moments + damping * np.eye(len(moments))
    low, high = np.clip(np.floor(target), -127, 127), np.clip(np.ceil(target), -127, 127)
    q = np.clip(start, low, high).astype(np.float64)
    slope = q @ moments - target @ (mixed.astype(np.float64).T + damping * np.eye(len(moments)))
    for _ in range(SWEEPS):
        flipped = 0
        for k in range(q.shape[1]):
            step = np.where(q[:, k] > low[:, k], low[:, k], high[:, k]) - q[:, k]
            gain = 2 * step * slope[:, k] + step * step * moments[k, k]
            step = np.where(gain < 0, step, 0.0)
            if step.any():
                flipped += int(np.count_nonzero(step))
                q[:, k] += step
                slope += step[:, None] * moments[k]
        if not flipped:
            break
    return q.astype(np.int8)


def windows(node: Node, x: Array, w: Array, most: int) -> Array:
    """(groups, positions, inputs of one output): what is multiplied with the weights of one output, at about `most`
    positions."""
    op = node.op
    if not isinstance(op, Conv):
        rows = x.reshape(1, -1, w.shape[1])
        return rows[:, :: max(1, rows.shape[1] // most)]
    n = op.spatial
    padded = np.pad(x, [(0, 0), (0, 0), *((op.pads[i], op.pads[n + i]) for i in range(n))])
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], op.dilations, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + n)))
    view = view[(slice(None), slice(None), *(slice(None, None, s) for s in op.strides))]
    taps: tuple[Any, ...] = (..., *(slice(None, None, d) for d in op.dilations))
    view = view[taps]
    apart = max(1, int(np.prod(view.shape[2 : 2 + n])) // most)
    view = view[:, :, :: min(apart, view.shape[2])]
    channels = x.shape[1] // op.groups
    positions = int(np.prod(view.shape[2 : 2 + n])) * x.shape[0]
    split = view.reshape(x.shape[0], op.groups, channels, -1, int(np.prod(w.shape[2:])))
    return np.asarray(split.transpose(1, 0, 3, 2, 4).reshape(op.groups, positions, -1))
