"""Small Keras models, one for each layer and for what its options change, saved as .keras and .h5 with predictions.

Run by the Python of the TensorFlow environment: `python keras_layers.py OUT`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from keras import layers as L

IMAGE, LINE, VOLUME, VECTOR = (7, 6, 3), (9, 4), (4, 5, 3, 2), (6,)

# Name -> (shape without the batch, layers in a row).
CHAINS: dict[str, tuple[tuple[int, ...], Callable[[], list[Any]]]] = {
    "dense_relu6": (VECTOR, lambda: [L.Dense(5, activation="relu6", use_bias=False)]),
    "dense_line": (LINE, lambda: [L.Dense(5, activation="gelu")]),
    "conv1d_causal": (LINE, lambda: [L.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="silu")]),
    "conv1d_same": (LINE, lambda: [L.Conv1D(5, 3, 2, padding="same", activation="softplus")]),
    "conv2d_same": (IMAGE, lambda: [L.Conv2D(4, (3, 2), 2, padding="same", activation="elu")]),
    "conv2d_valid": (IMAGE, lambda: [L.Conv2D(4, 3, dilation_rate=2, use_bias=False), L.ReLU(max_value=1.0)]),
    "conv2d_groups": ((6, 6, 4), lambda: [L.Conv2D(6, 3, groups=2)]),
    "conv3d": (VOLUME, lambda: [L.Conv3D(3, 2, padding="same", activation="tanh")]),
    "depthwise1d": (LINE, lambda: [L.DepthwiseConv1D(3, depth_multiplier=2)]),
    "depthwise2d": (IMAGE, lambda: [L.DepthwiseConv2D(3, 2, padding="same", depth_multiplier=2, activation="relu")]),
    "separable1d": (LINE, lambda: [L.SeparableConv1D(5, 3, padding="same")]),
    "separable2d": (IMAGE, lambda: [L.SeparableConv2D(5, 3, 2, activation="hard_sigmoid")]),
    "transpose1d": (LINE, lambda: [L.Conv1DTranspose(3, 3, 2, padding="same")]),
    "transpose2d_same": (IMAGE, lambda: [L.Conv2DTranspose(4, 3, 2, padding="same", activation="relu")]),
    "transpose2d_valid": (IMAGE, lambda: [L.Conv2DTranspose(4, (2, 4), 3)]),
    "transpose2d_output": (IMAGE, lambda: [L.Conv2DTranspose(4, 3, 2, padding="same", output_padding=1)]),
    "transpose3d": (VOLUME, lambda: [L.Conv3DTranspose(3, 2, 2)]),
    "max_pool1d": (LINE, lambda: [L.MaxPooling1D(2)]),
    "max_pool2d": (IMAGE, lambda: [L.MaxPooling2D(3, 2, padding="same")]),
    "max_pool3d": (VOLUME, lambda: [L.MaxPooling3D(2)]),
    "average_pool1d": (LINE, lambda: [L.AveragePooling1D(3, 2, padding="same")]),
    "average_pool2d": (IMAGE, lambda: [L.AveragePooling2D(2, padding="same")]),
    "average_pool3d": (VOLUME, lambda: [L.AveragePooling3D((2, 1, 3))]),
    "global_max1d": (LINE, lambda: [L.GlobalMaxPooling1D()]),
    "global_average1d": (LINE, lambda: [L.GlobalAveragePooling1D(keepdims=True)]),
    "global_max2d": (IMAGE, lambda: [L.GlobalMaxPooling2D()]),
    "global_average2d": (IMAGE, lambda: [L.GlobalAveragePooling2D(keepdims=True)]),
    "global_average3d": (VOLUME, lambda: [L.GlobalAveragePooling3D()]),
    "batch_norm": (IMAGE, lambda: [L.Conv2D(4, 3), L.BatchNormalization(), L.Activation("relu")]),
    "batch_norm_plain": (VECTOR, lambda: [L.BatchNormalization(scale=False, center=False)]),
    "layer_norm": (LINE, lambda: [L.LayerNormalization(center=False)]),
    "layer_norm_axes": (LINE, lambda: [L.LayerNormalization(axis=[1, 2])]),
    "rms_norm": (LINE, lambda: [L.RMSNormalization()]),
    "group_norm": ((5, 4, 6), lambda: [L.Conv2D(6, 1), L.GroupNormalization(3)]),
    "unit_norm": (LINE, lambda: [L.UnitNormalization()]),
    "softmax": (LINE, lambda: [L.Softmax(axis=1)]),
    "leaky": (VECTOR, lambda: [L.LeakyReLU(negative_slope=0.2)]),
    "relu_slope": (VECTOR, lambda: [L.ReLU(max_value=0.8, negative_slope=0.1)]),
    "elu": (VECTOR, lambda: [L.ELU(alpha=0.7)]),
    "prelu": (IMAGE, lambda: [L.Conv2D(4, 3), L.PReLU(shared_axes=[1, 2])]),
    "functions": (
        VECTOR,
        lambda: [
            L.Activation(name)
            for name in "softsign selu mish hard_silu log_sigmoid exponential celu hard_tanh soft_shrink tanh".split()
        ],
    ),
    "padding_cropping": (
        IMAGE,
        lambda: [L.ZeroPadding2D(((1, 2), (0, 3))), L.Conv2D(4, 2), L.Cropping2D(((1, 0), (2, 1)))],
    ),
    "padding1d": (LINE, lambda: [L.ZeroPadding1D((1, 2)), L.Cropping1D((0, 1)), L.UpSampling1D(2)]),
    "up_nearest": (IMAGE, lambda: [L.UpSampling2D((2, 3))]),
    "up_bilinear": (IMAGE, lambda: [L.UpSampling2D(2, interpolation="bilinear")]),
    "resizing": (IMAGE, lambda: [L.Resizing(5, 9)]),
    "resizing_nearest": (IMAGE, lambda: [L.Resizing(4, 11, interpolation="nearest")]),
    "center_crop": (IMAGE, lambda: [L.CenterCrop(4, 3)]),
    "shapes": (IMAGE, lambda: [L.Permute((3, 1, 2)), L.Reshape((9, -1)), L.Flatten(), L.RepeatVector(2)]),
    "conv_flatten": (IMAGE, lambda: [L.Conv2D(4, 3, activation="relu"), L.Dropout(0.3), L.Flatten(), L.Dense(3)]),
    "rescaling": (IMAGE, lambda: [L.Rescaling(1 / 127.5, offset=-1.0), L.Conv2D(2, 3)]),
    "normalization": (VECTOR, lambda: [L.Normalization(mean=[0.1] * 6, variance=[0.5, 1, 2, 3, 4, 5])]),
    "lstm": (LINE, lambda: [L.LSTM(5, return_sequences=True), L.LSTM(3, use_bias=False)]),
    "lstm_back": (LINE, lambda: [L.LSTM(5, return_sequences=True, go_backwards=True, activation="relu")]),
    "gru": (LINE, lambda: [L.GRU(5, return_sequences=True), L.GRU(3, reset_after=False)]),
    "gru_hard": (LINE, lambda: [L.GRU(5, recurrent_activation="hard_sigmoid")]),
    "simple_rnn": (LINE, lambda: [L.SimpleRNN(5, return_sequences=True), L.SimpleRNN(3, activation="relu")]),
    "bidirectional": (LINE, lambda: [L.Bidirectional(L.LSTM(5, return_sequences=True)), L.Bidirectional(L.GRU(3))]),
    "bidirectional_sum": (LINE, lambda: [L.Bidirectional(L.SimpleRNN(5), merge_mode="sum")]),
    "time_distributed": ((3, *IMAGE), lambda: [L.TimeDistributed(L.Conv2D(2, 3)), L.TimeDistributed(L.Flatten())]),
    "time_dense": (LINE, lambda: [L.TimeDistributed(L.Dense(3, activation="softmax"))]),
    "einsum_dense": (LINE, lambda: [L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")]),
    "channels_first": (IMAGE, lambda: [L.Permute((3, 1, 2)), L.ZeroPadding2D(1, data_format="channels_first")]),
}


def _functional() -> dict[str, Any]:
    """Models that are no chain."""
    a, b = keras.Input(LINE, name="a"), keras.Input(LINE, name="b")
    image = keras.Input(IMAGE, name="image")
    words = keras.Input((5,), dtype="int32", name="words")
    shared = L.Dense(4, activation="relu", name="shared")
    inner = keras.Sequential([keras.Input(LINE), L.Dense(4, name="first"), L.BatchNormalization()], name="inner")
    block = keras.Model(image, L.BatchNormalization()(L.Conv2D(3, 3, padding="same")(image)), name="block")
    left, right = L.Conv2D(4, 3, padding="same")(image), L.Conv2D(4, 5, padding="same")(image)
    merged = [layer([left, right]) for layer in (L.Add(), L.Subtract(), L.Multiply(), L.Maximum(), L.Average())]
    sequence, state = L.GRU(4, return_sequences=True, return_state=True)(a)
    return {
        "two": keras.Model([a, b], [L.Concatenate(axis=1)([a, b]), L.Dot(axes=2)([a, b])]),
        "shared": keras.Model([a, b], L.Minimum()([shared(a), shared(b)])),
        "nested": keras.Model(a, L.Dense(2)(inner(L.Dense(4)(inner(a))))),
        "nested_twice": keras.Model(image, L.ReLU()(block(block(image)))),
        "merge": keras.Model(image, L.Concatenate()(merged)),
        "attention": keras.Model([a, b], L.MultiHeadAttention(2, 3, value_dim=4)(a, b)),
        "causal": keras.Model(a, L.MultiHeadAttention(2, 3)(a, a, use_causal_mask=True)),
        "luong": keras.Model([a, b], L.Attention(use_scale=True)([a, b])),
        "embedding": keras.Model(words, L.GlobalAveragePooling1D()(L.Embedding(11, 6)(words))),
        "states": keras.Model([a, b], [L.GRU(4)(b, initial_state=state), sequence]),
        "arithmetic": keras.Model(image, (left * 2.0 + right) / 3.0 - 1.0),
    }


def chain(name: str) -> Any:
    shape, make = CHAINS[name]
    return keras.Sequential([keras.Input(shape), *make()], name=name)


def fill(model: Any, seed: int) -> None:
    """Weights that leave nothing at 0 or 1; variances stay positive."""
    drawn = np.random.default_rng(seed)
    for variable in model.weights:
        value = drawn.normal(0, 0.4, variable.shape).astype(np.float32)
        positive = "variance" in variable.path or "gamma" in variable.path
        variable.assign(np.abs(value) + 0.5 if positive else value)


def example(tensor: Any, drawn: np.random.Generator) -> Any:
    shape = (1, *tensor.shape[1:])
    whole = "int" in tensor.dtype
    return drawn.integers(0, 11, shape).astype(np.int32) if whole else drawn.normal(0, 1, shape).astype(np.float32)


def main(out: Path) -> None:
    models = {name: chain(name) for name in CHAINS} | _functional()
    for seed, (name, model) in enumerate(models.items()):
        fill(model, seed)
        drawn = np.random.default_rng(seed)
        inputs = [example(tensor, drawn) for tensor in model.inputs]
        outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        arrays = {f"x{i}": x for i, x in enumerate(inputs)} | {f"y{i}": np.asarray(y) for i, y in enumerate(outputs)}
        np.savez(out / f"{name}.npz", **arrays)
        model.save(out / f"{name}.keras")
        model.save(out / f"{name}.h5")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
