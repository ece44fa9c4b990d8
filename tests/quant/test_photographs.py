"""Image models quantised by us, on photographs: the answers of the float model, and logits nearer to it than those of
ONNX Runtime's static quantisation."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest

from compiler.graph.graph import Graph
from compiler.graph.types import Array
from tests.support.int8_accuracy import (
    AGREEMENT,
    IMAGE_MODELS,
    Logits,
    float_graph,
    in_onnxruntime,
    in_process,
    judged,
    layers_in_integers,
    photographs_for,
    quantized_by_onnxruntime,
    quantized_by_us,
    with_doubled_scales,
    without_softmax,
)

pytest.importorskip("PIL", reason="needs Pillow")
PICTURES, CALIBRATION = 2_000, 500


@cache
def float_side(path: Path, name: str) -> tuple[onnx.ModelProto, Array, Array, Logits]:
    """The model up to its logits, calibration pictures, test pictures, and its answers to these."""
    model = without_softmax(onnx.load(path))
    calibration, pictures = photographs_for(name, model, CALIBRATION, PICTURES)
    return model, calibration, pictures, in_onnxruntime(model, pictures)


@cache
def ours(path: Path, name: str) -> Graph:
    model, calibration, _, _ = float_side(path, name)
    return quantized_by_us(float_graph(model), calibration, **IMAGE_MODELS[name].options)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_answers_stay_and_logits_are_nearer_than_onnx_runtimes(name: str, shared: Path) -> None:
    path = shared / "models" / f"{name}_float.onnx"
    model, calibration, pictures, want = float_side(path, name)
    graph = ours(path, name)
    assert all(layers_in_integers(graph).values())
    found = judged(in_process(graph, pictures), want)
    theirs = judged(in_onnxruntime(quantized_by_onnxruntime(model, calibration, "MinMax"), pictures), want)
    print(name, "float", np.bincount(want.argmax(axis=1)), "int8", found, "ONNX Runtime", theirs)
    assert np.bincount(want.argmax(axis=1)).max() < 0.9 * PICTURES  # always the same answer would not do
    assert np.count_nonzero(found.histogram) >= len(np.unique(want.argmax(axis=1))) // 2 + 1
    assert found.agreement >= AGREEMENT
    assert found.sqnr_db >= theirs.sqnr_db


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_wrong_scales_fail(name: str, shared: Path) -> None:
    """The gate above notices a model whose every scale is twice what it should be."""
    path = shared / "models" / f"{name}_float.onnx"
    _, _, pictures, want = float_side(path, name)
    found = judged(in_process(with_doubled_scales(ours(path, name)), pictures), want)
    assert found.agreement < AGREEMENT
    assert found.sqnr_db < 10
