"""Hostile and damaged TensorFlow Lite, Keras and TensorFlow files: a typed error, quickly, and nothing of them runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.errors import ModelError, ToolError
from compiler.importers import tensorflow_run
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.source import load
from tests.attacks import tensorflow_corpus
from tests.support.tflite_cases import CASES as OPERATORS


@pytest.mark.parametrize("name", sorted(tensorflow_corpus.CASES))
def test_is_refused_with_its_code(name: str, tmp_path: Path) -> None:
    codes, make = tensorflow_corpus.CASES[name]
    path = tmp_path / name
    path.write_bytes(make())
    started = time.process_time()
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code in codes, str(caught.value)
    assert caught.value.where.startswith(name)
    assert str(caught.value).replace("\n", "").isprintable()
    assert len(str(caught.value)) < 4_000
    assert time.process_time() - started < 20  # seconds of CPU: far from any of these, near for what never ends
    try:
        seen = inspect_model(path, CompileOptions())
    except ModelError as error:
        assert error.code in codes  # noqa: PT017 - naming the problems is as good an outcome
    else:
        assert not seen.compilable


def opened(data: bytes, path: Path) -> None:
    """Anything but success and an error with a code fails the test."""
    path.write_bytes(data)
    for function in (inspect_model, load):
        try:
            function(path, CompileOptions())
        except ModelError as error:
            assert error.code[:3] in {"E01", "E02", "E03"} or error.code == "E1004"  # noqa: PT017


TFLITE = {name: OPERATORS[name].complete() for name in ("conv_0_2_1", "lstm", "strided_slice_shrink", "concatenation")}


@settings(max_examples=150)
@given(
    name=st.sampled_from(sorted(TFLITE)),
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_tflite(name: str, flips: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    data = bytearray(TFLITE[name])
    for at, byte in flips:
        data[at % len(data)] = byte
    opened(bytes(data), tmp_path_factory.getbasetemp() / "model.tflite")


@settings(max_examples=60)
@given(name=st.sampled_from(sorted(TFLITE)), at=st.integers(0, 1 << 20))
def test_tflite_cut_short(name: str, at: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = TFLITE[name]
    opened(data[: at % len(data)], tmp_path_factory.getbasetemp() / "model.tflite")


HDF5 = tensorflow_corpus.EMPTY_HDF5.read_bytes()


@settings(max_examples=100)
@given(flips=st.lists(st.tuples(st.integers(0, len(HDF5) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_hdf5(flips: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    data = bytearray(HDF5)
    for at, byte in flips:
        data[at] = byte
    config = tensorflow_corpus.chain(tensorflow_corpus.layer("Dense", units=3))
    opened(tensorflow_corpus.keras(config, bytes(data)), tmp_path_factory.getbasetemp() / "model.keras")


LAYERS = "Dense Conv2D LSTM GRU Bidirectional MultiHeadAttention BatchNormalization Reshape Permute Dot Lambda Resizing"
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 1 << 70), st.floats(), st.text(max_size=5),
    st.lists(st.integers(-2, 9), max_size=4), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
OPTIONS = st.dictionaries(
    st.sampled_from(
        "units filters kernel_size strides padding axis activation target_shape dims axes layer name".split()
    ),
    VALUES,
    max_size=4,
)


@settings(max_examples=150)
@given(kind=st.sampled_from(LAYERS.split()), options=OPTIONS, shape=st.lists(VALUES, max_size=5))
def test_keras_configurations(
    kind: str, options: dict[str, object], shape: list[object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    layer = tensorflow_corpus.layer(kind)
    layer["config"].update(options)
    config = tensorflow_corpus.chain(layer, shape=shape or (None, 4))
    opened(tensorflow_corpus.keras(config), tmp_path_factory.getbasetemp() / "model.keras")


@settings(max_examples=60)
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=3))
def test_damaged_graphs(flips: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Looked at only: whatever is no longer refused would start TensorFlow."""
    data = bytearray(tensorflow_corpus.graph("ReadFile", "Relu"))
    for at, byte in flips:
        data[at % len(data)] = byte
    path = tmp_path_factory.getbasetemp() / "model.pb"
    path.write_bytes(data)
    try:
        inspect_model(path, CompileOptions())
    except ModelError as error:
        assert error.code.startswith("E01")  # noqa: PT017


def test_without_tensorflow_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(tensorflow_corpus.zipped(m__saved_model_pb=tensorflow_corpus.saved_model("Relu")))
    monkeypatch.setenv(tensorflow_run.SETTING, str(tmp_path / "nothing"))
    with pytest.raises(ToolError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0170"
    assert "setup-tensorflow" in caught.value.help
    seen = inspect_model(path, CompileOptions())
    assert not seen.compilable
    assert "E0170" in seen.no_estimate
