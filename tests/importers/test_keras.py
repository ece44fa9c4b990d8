"""Keras files give Keras' own predictions, for every layer and both kinds of file; what is not supported is named."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from compiler.errors import ModelError
from compiler.graph.run import run as run_graph
from compiler.importers.keras_convert import Converted, convert
from compiler.importers.keras_file import read
from compiler.importers.keras_node import CONVERTERS
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.source import load
from tests.support import tensorflow_models

ENDINGS = ("keras", "h5")


@pytest.fixture(scope="module")
def layers() -> Path:
    return tensorflow_models.layers()


def numbered(arrays: Any, letter: str) -> list[Any]:
    return [arrays[f"{letter}{i}"] for i in range(sum(1 for name in arrays if name.startswith(letter)))]


def assert_close(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1.0, float(np.abs(expected).max(initial=0))))


@pytest.mark.needs_tensorflow
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_layer_predicts_what_keras_does(layers: Path, ending: str) -> None:
    """In ONNX Runtime, and in the reference of our own operators, after all passes."""
    kinds: set[str] = set()
    for path in sorted(layers.glob(f"*.{ending}")):
        found = convert(read(path, path.name), {}, path.stem)
        assert found.model is not None, (path.name, found.unsupported)
        kinds |= set(found.operators)
        onnx.checker.check_model(found.model, full_check=True)
        arrays = np.load(path.with_suffix(".npz"))
        session = onnxruntime.InferenceSession(found.model.SerializeToString(), providers=["CPUExecutionProvider"])
        given = dict(zip([i.name for i in session.get_inputs()], numbered(arrays, "x"), strict=True))
        graph = optimize(load(path, CompileOptions()).graph).graph
        ours = run_graph(graph, given)
        for place, (y, expected) in enumerate(zip(session.run(None, given), numbered(arrays, "y"), strict=True)):
            assert_close(y, expected)
            assert tuple(found.outputs[place].shape) == expected.shape
            assert_close(ours[graph.outputs[place].name], expected)
    untested = set(CONVERTERS) - kinds - {"InputLayer"}
    assert untested <= NOT_TRIED, untested - NOT_TRIED


# Layers that do nothing when a model predicts, and twins of layers that are tried.
NOT_TRIED = frozenset(
    "SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise Identity "
    "ActivityRegularization RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness "
    "RandomCrop ThresholdedReLU UpSampling3D ZeroPadding3D Cropping3D GlobalMaxPooling3D".split()
)


@pytest.mark.needs_tensorflow
def test_weights_are_those_of_their_layer(layers: Path, tmp_path: Path) -> None:
    """Two layers of the same shape: exchanging their names in the configuration exchanges nothing else silently."""
    source = layers / "dense_line.keras"
    path = changed(source, tmp_path, lambda config: config["config"]["layers"][-1]["config"].update(units=7))
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0168"


def changed(source: Path, folder: Path, change: Any) -> Path:
    """The .keras file with another configuration."""
    with zipfile.ZipFile(source) as old:
        members = {name: old.read(name) for name in old.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)
    return path


# -- configurations written by hand, without weights ------------------------------------------------------------------


def empty_weights() -> bytes:
    """An HDF5 file with an empty root group, byte by byte."""
    return (Path(__file__).parent / "data" / "empty.weights.h5").read_bytes()


def keras_file(folder: Path, layers: list[dict[str, Any]], shape: list[int | None], **more: Any) -> Path:
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": shape, "dtype": "float32"}}
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *layers]}, **more}
    return written(folder, config)


def written(folder: Path, config: Any) -> Path:
    path, data = folder / "model.keras", io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", empty_weights())
    path.write_bytes(data.getvalue())
    return path


def layer(kind: str, name: str = "", **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name or kind.lower(), **config}}


def converted(path: Path, **shapes: tuple[int, ...]) -> Converted:
    return convert(read(path, path.name), shapes, "model")


def test_code_in_a_file_is_named_and_never_run(tmp_path: Path) -> None:
    """Every such layer at once, with the way out."""
    hostile = [
        layer("Lambda", "squared", function={"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAA"}}),
        layer("MyBlock", "mine") | {"module": "my_package.blocks", "registered_name": "my_package>MyBlock"},
        layer("Activation", "odd", activation={"class_name": "function", "config": "f", "module": "os"}),
    ]
    for found in hostile:
        path = keras_file(tmp_path, [found], [None, 4])
        (problem,) = converted(path).unsupported
        assert (problem.code, problem.node) == ("E0166", found["config"]["name"])
        assert problem.help


def test_a_subclassed_model_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"class_name": "MyModel", "config": {}, "module": "my_package"})
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0166"
    assert "MyModel" in caught.value.title


def test_open_dimensions_are_asked_for(tmp_path: Path) -> None:
    path = keras_file(tmp_path, [layer("GlobalAveragePooling1D")], [None, None, 4])
    seen = inspect_model(path, CompileOptions())
    assert seen.shape_needed == {"x": [1, None, 4]}
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions())
    assert caught.value.code == "E0308"
    graph = load(path, CompileOptions(shape={"x": (2, 5, 4)})).graph
    assert [v.shape for v in (*graph.inputs, *graph.outputs)] == [(2, 5, 4), (2, 4)]
    with pytest.raises(ModelError) as caught:
        load(path, CompileOptions(shape={"x": (1, 5, 3)}))
    assert caught.value.code == "E1004"


def test_all_problems_are_listed(tmp_path: Path) -> None:
    layers = [layer("Lambda", "a"), layer("Dense", "b", units=3)]
    path = keras_file(tmp_path, layers, [None, 4])
    seen = inspect_model(path, CompileOptions())
    assert not seen.compilable
    assert [u.node for u in seen.unsupported] == ["a"]
    config = {
        "class_name": "Functional",
        "config": {
            "layers": [
                layer("InputLayer", "x", batch_shape=[None, 4]) | {"name": "x"},
                layer("Lambda", "a") | {"name": "a", "inbound_nodes": [[["x", 0, 0, {}]]]},
                layer("Masking", "b") | {"name": "b", "inbound_nodes": [[["x", 0, 0, {}]]]},
                layer("Add", "c") | {"name": "c", "inbound_nodes": [[["a", 0, 0, {}], ["b", 0, 0, {}]]]},
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["c", 0, 0]],
        },
    }
    problems = converted(written(tmp_path, config)).unsupported
    assert [u.node for u in problems] == ["a", "b"]


def test_calls_in_any_order_and_layers_that_need_each_other(tmp_path: Path) -> None:
    def model(*links: tuple[str, str]) -> Path:
        layers = [layer("InputLayer", "x", batch_shape=[None, 4]) | {"name": "x"}]
        layers += [
            layer("ReLU", name) | {"name": name, "inbound_nodes": [[[source, 0, 0, {}]]]} for name, source in links
        ]
        config = {"layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["b", 0, 0]]}
        return written(tmp_path, {"class_name": "Functional", "config": config})

    assert converted(model(("b", "a"), ("a", "x"))).model is not None
    with pytest.raises(ModelError) as caught:
        converted(model(("b", "a"), ("a", "b")))
    assert caught.value.code == "E0165"


def test_keras_2_hard_sigmoid_differs(tmp_path: Path) -> None:
    path = keras_file(tmp_path, [layer("Activation", activation="hard_sigmoid")], [None, 3])
    x = np.array([[-2.0, 0.5, 2.7]], np.float32)
    found = {}
    for version in (2, 3):
        file = read(path, path.name)
        model = convert(type(file)(file.config, file.weights, version), {}, "m").model
        assert model is not None
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (found[version],) = session.run(None, {"x": x})
    np.testing.assert_allclose(found[2], np.clip(0.2 * x + 0.5, 0, 1), atol=1e-6)
    np.testing.assert_allclose(found[3], np.clip(x / 6 + 0.5, 0, 1), atol=1e-6)
