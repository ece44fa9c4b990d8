"""The networks of `networks.py` in Keras, with the same weights, saved in every format that TensorFlow has.

Run by the Python of the TensorFlow environment, which has no PyTorch: `python keras_networks.py WEIGHTS OUT`, where
WEIGHTS holds a .npz of each network's state. Convolutions that pad by one on both sides are a ZeroPadding2D and a
convolution without padding, as Keras' "same" pads at the end first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

State = Mapping[str, Any]
Weights = dict[str, list[Any]]  # by layer name


def dense(w: Any, b: Any) -> list[Any]:
    return [w.T, b]


def conv(w: Any, *b: Any) -> list[Any]:
    return [w.transpose(2, 3, 1, 0), *b]


def depthwise(w: Any, *b: Any) -> list[Any]:
    return [w.transpose(2, 3, 0, 1), *b]


def norm(s: State, name: str) -> list[Any]:
    return [s[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]


def flattened(w: Any, channels: int, height: int, width: int) -> Any:
    """Columns of a dense layer behind a flatten, from channels first to channels last."""
    return w.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(w.shape[0], -1)


def mlp(s: State) -> tuple[Any, Weights]:
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(32, activation="relu", name="d1"),
            layers.Dense(16, activation="relu", name="d3"),
            layers.Dense(10, name="d5"),
        ]
    )
    return model, {f"d{i}": dense(s[f"{i}.weight"], s[f"{i}.bias"]) for i in (1, 3, 5)}


def lenet(s: State) -> tuple[Any, Weights]:
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu", name="c0"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu", name="c3"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu", name="d7"),
            layers.Dense(84, activation="relu", name="d9"),
            layers.Dense(10, name="d11"),
        ]
    )
    weights = {f"c{i}": conv(s[f"{i}.weight"], s[f"{i}.bias"]) for i in (0, 3)}
    weights |= {f"d{i}": dense(s[f"{i}.weight"], s[f"{i}.bias"]) for i in (9, 11)}
    weights["d7"] = dense(flattened(s["7.weight"], 16, 5, 5), s["7.bias"])
    return model, weights


def ds_cnn(s: State) -> tuple[Any, Weights]:
    x = inputs = keras.Input((49, 10, 1))
    weights: Weights = {"c1": conv(s["1.weight"], s["1.bias"]), "n2": norm(s, "2")}
    x = layers.Conv2D(16, (10, 4), 2, padding="same", name="c1")(x)
    x = layers.Activation("relu")(layers.BatchNormalization(epsilon=1e-5, name="n2")(x))
    for i in range(4, 28, 6):
        x = layers.DepthwiseConv2D(3, padding="same", name=f"w{i}")(x)
        x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5, name=f"n{i + 1}")(x))
        x = layers.Conv2D(16, 1, name=f"c{i + 3}")(x)
        x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5, name=f"n{i + 4}")(x))
        weights[f"w{i}"] = depthwise(s[f"{i}.weight"], s[f"{i}.bias"])
        weights[f"c{i + 3}"] = conv(s[f"{i + 3}.weight"], s[f"{i + 3}.bias"])
        weights |= {f"n{j}": norm(s, str(j)) for j in (i + 1, i + 4)}
    x = layers.Flatten()(layers.AveragePooling2D((25, 5))(layers.Dropout(0.4)(x)))
    weights["d"] = dense(s["31.weight"], s["31.bias"])
    return keras.Model(inputs, layers.Dense(12, activation="softmax", name="d")(x)), weights


def resnet8(s: State) -> tuple[Any, Weights]:
    x = inputs = keras.Input((32, 32, 3))
    weights: Weights = {"stem": conv(s["stem.0.weight"], s["stem.0.bias"]), "stem_n": norm(s, "stem.1")}
    x = layers.Conv2D(8, 3, padding="same", name="stem")(x)
    x = layers.Activation("relu")(layers.BatchNormalization(epsilon=1e-5, name="stem_n")(x))
    for i, (o, stride) in enumerate(((8, 1), (16, 2), (32, 2))):
        y = layers.ZeroPadding2D(1)(x) if stride == 2 else x
        y = layers.Conv2D(o, 3, stride, padding="valid" if stride == 2 else "same", name=f"a{i}")(y)
        y = layers.Activation("relu")(layers.BatchNormalization(epsilon=1e-5, name=f"an{i}")(y))
        y = layers.BatchNormalization(epsilon=1e-5, name=f"bn{i}")(layers.Conv2D(o, 3, padding="same", name=f"b{i}")(y))
        for key, part in (("a", "first"), ("b", "second")):
            weights[f"{key}{i}"] = conv(s[f"{part}.{i}.0.weight"], s[f"{part}.{i}.0.bias"])
            weights[f"{key}n{i}"] = norm(s, f"{part}.{i}.1")
        if stride == 2:
            x = layers.Conv2D(o, 1, stride, name=f"s{i}")(x)
            weights[f"s{i}"] = conv(s[f"short.{i}.weight"], s[f"short.{i}.bias"])
        x = layers.Activation("relu")(layers.Add()([y, x]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    weights["head"] = dense(s["head.weight"], s["head.bias"])
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(x)), weights


def mobilenet_v1(s: State) -> tuple[Any, Weights]:
    blocks = [(8, 1), (16, 2), (16, 1), (32, 2), (32, 1), (64, 2)] + [(64, 1)] * 5 + [(128, 2), (128, 1)]
    x = inputs = keras.Input((48, 48, 3))
    weights: Weights = {"c0": conv(s["0.weight"]), "n1": norm(s, "1")}
    x = layers.Conv2D(4, 3, 2, use_bias=False, name="c0")(layers.ZeroPadding2D(1)(x))
    x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5, name="n1")(x))
    i = 3
    for o, stride in blocks:
        x = layers.ZeroPadding2D(1)(x) if stride == 2 else x
        x = layers.DepthwiseConv2D(3, stride, padding="valid" if stride == 2 else "same", use_bias=False, name=f"w{i}")(
            x
        )
        x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5, name=f"n{i + 1}")(x))
        x = layers.Conv2D(o, 1, use_bias=False, name=f"c{i + 3}")(x)
        x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5, name=f"n{i + 4}")(x))
        weights |= {f"w{i}": depthwise(s[f"{i}.weight"]), f"c{i + 3}": conv(s[f"{i + 3}.weight"])}
        weights |= {f"n{j}": norm(s, str(j)) for j in (i + 1, i + 4)}
        i += 6
    weights["d"] = dense(s[f"{i + 2}.weight"], s[f"{i + 2}.bias"])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax", name="d")(x)), weights


def lstm(s: State) -> tuple[Any, Weights]:
    model = keras.Sequential(
        [
            keras.Input((12, 8)),
            layers.LSTM(16, return_sequences=True, name="l0"),
            layers.LSTM(16, name="l1"),
            layers.Dense(5, name="head"),
        ]
    )
    weights: Weights = {"head": dense(s["head.weight"], s["head.bias"])}
    for i in range(2):  # the gates have PyTorch's order: input, forget, cell, output
        w, r, b, c = (s[f"lstm.{kind}_l{i}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        weights[f"l{i}"] = [w.T, r.T, b + c]
    return model, weights


def gru(s: State) -> tuple[Any, Weights]:
    x = inputs = keras.Input((12, 8))
    x = layers.Bidirectional(layers.GRU(12, return_sequences=True), name="gru")(x)
    x = layers.Dense(5, name="head")(layers.GlobalAveragePooling1D()(x))

    def update_first(a: Any) -> Any:  # PyTorch's gates: reset, update, new; Keras': update, reset, new
        r, z, n = np.split(a, 3)
        return np.concatenate([z, r, n])

    weights: Weights = {"gru": [], "head": dense(s["head.weight"], s["head.bias"])}
    for way in ("", "_reverse"):
        w, r, b, c = (
            update_first(s[f"gru.{kind}_l0{way}"]) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        weights["gru"] += [w.T, r.T, np.stack([b, c])]
    return keras.Model(inputs, x), weights


def transformer(s: State) -> tuple[Any, Weights]:
    x = inputs = keras.Input((10, 16))
    weights: Weights = {}
    for i in range(2):
        at = f"blocks.{i}"
        y = layers.LayerNormalization(epsilon=1e-5, name=f"before{i}")(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 8, name=f"attention{i}")(y, y)])
        y = layers.LayerNormalization(epsilon=1e-5, name=f"between{i}")(x)
        y = layers.Dense(32, activation="gelu", name=f"up{i}")(y)
        x = layers.Add()([x, layers.Dense(16, name=f"down{i}")(y)])
        for name in ("before", "between"):
            weights[f"{name}{i}"] = [s[f"{at}.{name}.weight"], s[f"{at}.{name}.bias"]]
        for name in ("up", "down"):
            weights[f"{name}{i}"] = dense(s[f"{at}.{name}.weight"], s[f"{at}.{name}.bias"])
        heads: list[Any] = []
        for w, b in zip(np.split(s[f"{at}.joined.weight"], 3), np.split(s[f"{at}.joined.bias"], 3), strict=True):
            heads += [w.T.reshape(16, 2, 8), b.reshape(2, 8)]  # query, key, value
        weights[f"attention{i}"] = [*heads, s[f"{at}.out.weight"].T.reshape(2, 8, 16), s[f"{at}.out.bias"]]
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-5, name="norm")(x))
    weights["norm"] = [s["norm.weight"], s["norm.bias"]]
    weights["head"] = dense(s["head.weight"], s["head.bias"])
    return keras.Model(inputs, layers.Dense(5, name="head")(x)), weights


NETWORKS: dict[str, Callable[[State], tuple[Any, Weights]]] = {
    "mlp": mlp,
    "lenet": lenet,
    "ds_cnn": ds_cnn,
    "resnet8": resnet8,
    "mobilenet_v1": mobilenet_v1,
    "lstm": lstm,
    "gru": gru,
    "transformer": transformer,
}


def save(name: str, model: Any, folder: Path) -> None:
    """NAME.keras, NAME.h5, the folder NAME.savedmodel, NAME.tflite, NAME.pb; inputs and predictions in NAME.npz."""
    shape = (1, *model.input_shape[1:])
    x = np.random.default_rng(7).normal(0, 1, shape).astype(np.float32)
    np.savez(folder / f"{name}.npz", x=x, y=model.predict(x, verbose=0))
    model.save(folder / f"{name}.keras")
    model.save(folder / f"{name}.h5")
    model.export(folder / f"{name}.savedmodel", verbose=False)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    (folder / f"{name}.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    (folder / f"{name}.tflite").write_bytes(converter.convert())


def main(weights: Path, out: Path) -> None:
    for name, make in NETWORKS.items():
        keras.backend.clear_session()
        model, state = make(np.load(weights / f"{name}.npz"))
        model.name = name
        for layer in model.layers:
            if layer.weights:
                layer.set_weights(state.pop(layer.name))
        assert not state, state.keys()
        save(name, model, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
