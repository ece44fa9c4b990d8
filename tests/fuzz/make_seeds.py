"""Writes tests/fuzz/seeds/: tiny models in TensorFlow's formats. Run by the Python that has TensorFlow:

.venv-tensorflow/bin/python tests/fuzz/make_seeds.py
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

SEEDS = Path(__file__).resolve().parent / "seeds"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def images() -> keras.Model:
    return keras.Sequential(
        [
            layers.Input((4, 4, 1), name="x"),
            layers.Conv2D(2, 3, padding="same", activation="relu", name="c"),
            layers.BatchNormalization(name="b"),
            layers.MaxPooling2D(2, name="m"),
            layers.Flatten(name="f"),
            layers.Dense(2, activation="softmax", name="d"),
        ],
        name="images",
    )


def sequence() -> keras.Model:
    x = layers.Input((3, 2), name="x")
    y = layers.GRU(2, name="g")(x)
    return keras.Model(x, layers.Add(name="a")([layers.Dense(2, name="d")(y), y]), name="sequence")


def fill(model: keras.Model) -> keras.Model:
    """The same numbers every time."""
    drawn = np.random.default_rng(0)
    model.set_weights([drawn.uniform(0.1, 1, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def zipped(folder: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(f"model/{path.relative_to(folder).as_posix()}", _EPOCH)
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def main() -> None:
    SEEDS.mkdir(exist_ok=True)
    for make in (images, sequence):
        model = fill(make())
        name = model.name
        model.save(SEEDS / f"{name}.keras")
        model.save(SEEDS / f"{name}.h5", include_optimizer=False)
        if name == "sequence":
            continue
        (SEEDS / f"{name}.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
        shape = (1, *model.inputs[0].shape[1:])
        function = tf.function(lambda x, model=model: model(x)).get_concrete_function(tf.TensorSpec(shape, tf.float32))
        frozen = convert_variables_to_constants_v2(function).graph.as_graph_def()
        (SEEDS / f"{name}.pb").write_bytes(frozen.SerializeToString(deterministic=True))
        with tempfile.TemporaryDirectory() as folder:
            model.export(folder, verbose=False)
            (SEEDS / f"{name}.savedmodel.zip").write_bytes(zipped(Path(folder)))


if __name__ == "__main__":
    main()
