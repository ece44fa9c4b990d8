"""Keras' LSTM, GRU and SimpleRNN, in one direction or both, as ONNX' layers of the same kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.channels import Value
from compiler.importers.keras_activations import function_name
from compiler.importers.keras_node import Layer, converts

_ONNX = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}
_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (0, 1, 2), "SimpleRNN": (0,)}  # ONNX' order, as places in Keras'
_ACTIVATIONS = {
    "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "softsign": "Softsign", "softplus": "Softplus",
    "hard_sigmoid": "HardSigmoid", "elu": "Elu", "linear": "Affine", "leaky_relu": "LeakyRelu",
}  # fmt: skip


def _gates(kind: str, array: Array) -> Array:
    """The last axis has the gates one after the other; ONNX wants them in its order along the first."""
    parts = np.split(array, len(_GATES[kind]), axis=-1)
    return np.concatenate([parts[i] for i in _GATES[kind]], axis=-1).T


def _arrays(c: Layer, kind: str, units: int, features: int) -> list[Array]:
    """W, R, B of one direction."""
    count = len(_GATES[kind]) * units
    w, r = c.weight(features, count), c.weight(units, count)
    bias = np.zeros((2, count), np.float32)
    if c.flag("use_bias", True):
        if kind == "GRU" and _resets_after(c.config):
            bias = c.weight(2, count)
        else:
            bias[0] = c.weight(count)
    both = np.concatenate([_gates(kind, row) for row in bias])
    return [_gates(kind, w), _gates(kind, r), both]


def _resets_after(config: Mapping[str, Any]) -> bool:
    return bool(config.get("reset_after", True))


def _functions(c: Layer, kind: str, directions: int) -> dict[str, Any]:
    """ONNX' names of the activations, and their parameters where they have some; nothing where they are the usual."""
    main = function_name(c, c.option("activation", "tanh"))
    inner = function_name(c, c.option("recurrent_activation", "sigmoid"))
    chosen = {"LSTM": [inner, main, main], "GRU": [inner, main], "SimpleRNN": [main]}[kind]
    unknown = [name for name in chosen if name not in _ACTIVATIONS]
    if unknown:
        raise c.unsupported(f"{kind} with the activation {unknown[0]!r} is not supported", "use tanh and sigmoid")
    if (main, inner) == ("tanh", "sigmoid"):
        return {}
    chosen *= directions
    slope = 1 / 6 if c.version >= 3 else 0.2
    alpha = {"hard_sigmoid": slope, "elu": 1.0, "linear": 1.0, "leaky_relu": 0.2}
    beta = {"hard_sigmoid": 0.5, "linear": 0.0}
    return {
        "activations": [_ACTIVATIONS[name] for name in chosen],
        "activation_alpha": [alpha[name] for name in chosen if name in alpha] or None,
        "activation_beta": [beta[name] for name in chosen if name in beta] or None,
    }


def _check(c: Layer, kind: str) -> None:
    if c.flag("stateful"):
        raise c.unsupported(f"{kind} with stateful=True keeps its state between calls, which is not supported")
    if c.flag("time_major"):
        raise c.unsupported(f"{kind} with time_major=True is not supported")
    if c.x.rank != 3:
        raise ModelError("E0165", f"{kind} of a tensor with {c.x.rank} dimensions")


def _run(c: Layer, kind: str, directions: list[list[Array]], direction: str, states: list[Value]) -> list[str]:
    """ONNX' results: all steps (time, direction, batch, units), the last one, the last cell."""
    stacked = [np.stack([d[i] for d in directions]) for i in range(3)]
    names = [c.parameter(a, name) for a, name in zip(stacked, ("kernel", "recurrent_kernel", "bias"), strict=True)]
    x = c.add("Transpose", c.x.source, perm=[1, 0, 2])
    units = directions[0][1].shape[1]
    first = []
    if states:
        each = 2 if kind == "LSTM" else 1
        if len(states) != each * len(directions):
            raise ModelError("E0165", f"{kind} '{c.name[:80]}' with {len(states)} first states")
        for part in range(each):
            rows = [c.add("Unsqueeze", states[part + each * d].source, c.ints([0])) for d in range(len(directions))]
            first.append(rows[0] if len(rows) == 1 else c.add("Concat", *rows, axis=0))
    attributes: dict[str, Any] = {"hidden_size": units, "direction": direction, **_functions(c, kind, len(directions))}
    if kind == "GRU":
        attributes["linear_before_reset"] = int(_resets_after(c.config))
    outputs = 3 if kind == "LSTM" else 2
    return c.builder.add_many(_ONNX[kind], [x, *names, *(["", *first] if first else [])], outputs, **attributes)


@converts("LSTM", "GRU", "SimpleRNN")
def recurrent(c: Layer) -> list[Value]:
    """One direction. Backwards, the steps come out in the order in which they were made."""
    _check(c, c.kind)
    units, (batch, steps, features) = c.integer("units"), c.x.shape
    back = c.flag("go_backwards")
    arrays = _arrays(c, c.kind, units, features)
    made = _run(c, c.kind, [arrays], "reverse" if back else "forward", c.inputs[1:])
    if c.flag("return_sequences"):
        y = c.add("Transpose", c.add("Squeeze", made[0], c.ints([1])), perm=[1, 0, 2])
        if back:
            most = np.iinfo(np.int64).min + 1
            y = c.add("Slice", y, c.ints([-1]), c.ints([most]), c.ints([1]), c.ints([-1]))
        result = [c.made(y, (batch, steps, units))]
    else:
        result = [c.made(c.add("Squeeze", made[1], c.ints([0])), (batch, units))]
    if c.flag("return_state"):
        result += [c.made(c.add("Squeeze", name, c.ints([0])), (batch, units)) for name in made[1:]]
    return result


@converts("Bidirectional")
def bidirectional(c: Layer) -> Value:
    """Both directions in one ONNX layer; what each finds is put side by side, added, multiplied or averaged."""
    inner = c.option("layer")
    kind = inner.get("class_name") if isinstance(inner, dict) else None
    config = inner.get("config") if isinstance(inner, dict) else None
    if kind not in _ONNX or not isinstance(config, dict):
        raise c.unsupported(f"Bidirectional of {str(kind)[:40]!r} is not supported", "use LSTM, GRU or SimpleRNN")
    other = c.option("backward_layer")
    if isinstance(other, dict):
        differs = _same_but_for_names(config) != _same_but_for_names(other.get("config", {}))
        if other.get("class_name") != kind or differs:
            raise c.unsupported("Bidirectional of two different layers is not supported")
    mode = c.config.get("merge_mode", "concat")
    merge = {"concat": "", "sum": "Add", "mul": "Mul", "ave": "Mean"}
    if mode not in merge or config.get("return_state"):
        raise c.unsupported(f"Bidirectional with merge_mode {mode!r} or return_state is not supported")
    c.config = {**config, "name": c.name}
    _check(c, kind)
    units, (batch, steps, features) = c.integer("units"), c.x.shape
    arrays = [_arrays(c, kind, units, features) for _ in range(2)]
    made = _run(c, kind, arrays, "bidirectional", c.inputs[1:])
    if c.flag("return_sequences"):
        turned, shape = c.add("Transpose", made[0], perm=[2, 0, 1, 3]), [batch, steps]  # batch, time, direction, units
    else:
        turned, shape = c.add("Transpose", made[1], perm=[1, 0, 2]), [batch]
    if mode == "concat":
        return c.made(c.add("Reshape", turned, c.ints([*shape, 2 * units])), (*shape, 2 * units))
    parts = c.builder.add_many("Split", (turned, c.ints([1, 1])), 2, axis=len(shape))
    ways = [c.add("Squeeze", part, c.ints([len(shape)])) for part in parts]
    return c.made(c.add(merge[mode], *ways), (*shape, units))


def _same_but_for_names(config: Any) -> dict[str, Any]:
    """What decides how a layer computes."""
    deciding = (
        "units",
        "activation",
        "recurrent_activation",
        "use_bias",
        "reset_after",
        "return_sequences",
        "stateful",
    )
    return {key: config.get(key) for key in deciding} if isinstance(config, dict) else {}
