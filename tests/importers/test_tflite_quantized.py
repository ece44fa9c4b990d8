"""Quantised TensorFlow Lite files in ONNX' QDQ form, and every error of their scales."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from compiler.errors import ModelError
from compiler.graph.run import run
from compiler.importers.tflite_convert import convert
from compiler.importers.tflite_model import read
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.source import load
from tests.support.tflite_cases import CASES as LSTM_CASES
from tests.support.tflite_engines import graph_of
from tests.support.tflite_files import DEFAULT, PLAIN, REFERENCE, Case, Given, Scale, Stored, interpreted
from tests.support.tflite_quantized_cases import CASES, given

# Where TensorFlow Lite's integer arithmetic is coarser than a rounded real result: steps of the result.
STEPS = {"hard_swish": 1, "log_softmax": 2, "tanh": 1}


def in_onnx(path: Path, inputs: list[Any]) -> list[Any]:
    """By ONNX Runtime, operator by operator: fusing QDQ graphs is its own arithmetic again."""
    found = convert(read(path), "model")
    assert found.model is not None, found.unsupported
    onnx.checker.check_model(found.model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(found.model.SerializeToString(), options, ["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_operator(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = tmp_path / "model.tflite"
    path.write_bytes(case.complete())
    for seed in range(2):
        inputs = case.inputs(seed)
        for y, e in zip(in_onnx(path, inputs), interpreted(path.read_bytes(), inputs), strict=True):
            assert (y.shape, y.dtype) == (e.shape, e.dtype)
            steps = 1e-5 if y.dtype == np.float32 else STEPS.get(name, 1)
            assert np.abs(y.astype(np.float64) - e.astype(np.float64)).max() <= steps
            assert len(np.unique(y)) > 1


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (Scale((0.0,)), "not a positive number"),
        (Scale((float("nan"),)), "not a positive number"),
        (Scale((0.1,), (300,)), "no int8"),
        (Scale((0.1, 0.2, 0.3), (0, 0, 0), 1), "scale for each channel"),
    ],
)
def test_scales_that_mean_nothing(scale: Scale, words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    case = Case("RELU", [Given((2, 3), "int8", -128, 127, scale)], None, ("int8",), (Scale((0.1,)),))
    path.write_bytes(case.file([(2, 3)]))
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert (caught.value.code, words in caught.value.title) == ("E0175", True)


def test_a_bias_for_other_channels(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    case = CASES["fully_connected_channels"]
    x, w, b = case.operands
    wrong = Stored(b.array[:2], Scale(b.scale.scale[:2]))
    path.write_bytes(replace(case, operands=[x, w, wrong]).file([(2, 3)]))
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0175"


def test_a_bias_beyond_32_bits(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    case = CASES["fully_connected_16x8"]
    x, w, b = case.operands
    large = Stored(b.array + 2**31, b.scale)
    path.write_bytes(replace(case, operands=[x, w, large]).file([(2, 3)]))
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0176"


def test_packed_weights_of_the_wrong_size(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    x, w, b = CASES["fully_connected_int4"].operands
    short = Stored(w.array[:, :8], w.scale)
    case = replace(CASES["fully_connected_int4"], operands=[x, short, b])
    path.write_bytes(case.file([(2, 3)]).replace(struct.pack("<2i", 3, 8), struct.pack("<2i", 3, 10)))
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0160"


@pytest.mark.parametrize("name", ["kws_int8", "ic_int8", "vww_int8", "ad_int8"])
def test_whole_models_are_near_the_interpreter(name: str, shared: Path) -> None:
    """In floats between integers: logits within one step, where a softmax follows, what that makes of one step."""
    path = shared / "models" / f"{name}.tflite"
    (tensor,) = inspect_model(path, CompileOptions(), graphs=False).inputs
    inputs = [np.random.default_rng(3).integers(-128, 128, [n or 1 for n in tensor.shape]).astype(np.int8)]
    (y,), (e,) = in_onnx(path, inputs), interpreted(path.read_bytes(), inputs, DEFAULT)
    assert y.dtype == e.dtype == np.int8
    assert np.abs(y.astype(int) - e).max() <= (1 if name == "ad_int8" else 16)
    assert y.argmax() == e.argmax()


@pytest.mark.parametrize("name", ["kws_int8", "ic_int8", "vww_int8", "ad_int8"])
def test_whole_models_are_looked_at(name: str, shared: Path) -> None:
    seen = inspect_model(shared / "models" / f"{name}.tflite", CompileOptions(), graphs=False)
    assert seen.compilable, seen.unsupported
    assert {t.dtype for t in (*seen.inputs, *seen.outputs)} == {"int8"}
    assert seen.parameters > 20_000
    assert seen.macs
    assert seen.macs > 200_000


# What stays in floats between integers.
FLOATS = frozenset({"dequantize", "l2_normalization", "log_softmax", "pad_v2"})
# Where the interpreter's reference kernels do not do what is published: dense layers in float64, squares and sums of
# other scales, interpolation by the processor's rounding, functions whose tables we make of floats, not fixed point.
OTHERWISE = frozenset(
    "abs bilinear_00 bilinear_01 bilinear_10 elu fully_connected fully_connected_16x8 hard_swish leaky_relu prelu relu "
    "relu6 requantize squared_difference sum_line".split()
)


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_operator_in_integers(name: str, tmp_path: Path) -> None:
    """Our arithmetic in `double` rounding is that of the reference kernels; elsewhere it is within one step."""
    case = CASES[name]
    path = tmp_path / "model.tflite"
    path.write_bytes(case.complete())
    graph = graph_of(path, "double")
    floats = [n for n in graph.nodes if any(v.type.dtype == "float32" for v in n.outputs)]
    assert bool(floats) == (name in FLOATS)
    for seed in range(2):
        inputs = case.inputs(seed)
        results = run(graph, dict(zip([v.name for v in graph.inputs], inputs, strict=True)))
        kernels = PLAIN if name in OTHERWISE else REFERENCE
        for v, e in zip(graph.outputs, interpreted(path.read_bytes(), inputs, kernels), strict=True):
            y = results[v.name]
            assert (y.shape, y.dtype) == (e.shape, e.dtype)
            steps = 1 if name in OTHERWISE else 1e-5 if name in FLOATS else 0
            assert np.abs(y.astype(np.float64) - e.astype(np.float64)).max() <= steps


def test_an_lstm_of_integers_is_that_of_the_numbers_they_stand_for(tmp_path: Path) -> None:
    """Weights of 8 bits, biases of 32; the same network in floats is what the interpreter runs."""
    path, floats = tmp_path / "model.tflite", LSTM_CASES["lstm"]
    operands: list[Any] = [given(2, 6, 3)]
    for w in floats.operands[1:]:
        if w is None or isinstance(w, Given):
            operands.append(w)
        else:
            size = 0.001 if w.ndim == 1 else 0.02
            operands.append(Stored(np.rint(w / size).astype(np.int32 if w.ndim == 1 else np.int8), Scale((size,))))
    out = Scale((1 / 128,))
    path.write_bytes(replace(floats, operands=operands, results=("int8",), scales=(out,)).file([(2, 6, 4)]))
    (x,) = replace(floats, operands=operands[:1], variables=frozenset()).inputs(0)
    (y,) = in_onnx(path, [x])
    meant = [o.array * np.float32(o.scale.scale[0]) if isinstance(o, Stored) else o for o in operands]
    twin = replace(
        floats,
        operands=[
            floats.operands[0],
            *(m if m is None or isinstance(m, Given) else m.astype(np.float32) for m in meant[1:]),
        ],
    )
    (e,) = interpreted(twin.complete(), [(x.astype(np.float32) - 5) * np.float32(0.03)])
    assert np.abs(y * (1 / 128) - e).max() <= 0.51 / 128
    assert len(np.unique(y)) > 10


def test_an_output_of_a_type_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    case = replace(CASES["dequantize"], results=("string",))
    path.write_bytes(case.file([(2, 3, 4)]))
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0161"


@pytest.mark.parametrize("name", ["conv_0_1", "fully_connected_int4", "fully_connected_16x8", "pad_v2"])
def test_damaged_files_are_errors(name: str, tmp_path: Path) -> None:
    """A few bytes altered: read, or refused with a code."""
    whole, chance = CASES[name].complete(), np.random.default_rng(5)
    path, codes = tmp_path / "model.tflite", set()
    for _ in range(60):
        data = bytearray(whole)
        for place in chance.integers(0, len(data), 3):
            data[place] = chance.choice([0, 1, 127, 128, 255])
        path.write_bytes(data)
        try:
            load(path, CompileOptions())
        except ModelError as error:
            codes.add(error.code)
    assert codes
    assert all(code.startswith(("E01", "E03")) for code in codes), codes
