"""LSTM and plain recurrent layers of TensorFlow Lite as ONNX' LSTM and RNN, or as a Scan where those cannot say it."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.channels import Value
from compiler.importers.tflite_node import Call, converts
from compiler.importers.tflite_schema import ACTIVATIONS

_GATES = ("input", "output", "forget", "cell")  # ONNX' order
# Places of the operands: input weights, recurrent weights, peepholes, biases, by gate.
_W = {"input": 1, "forget": 2, "cell": 3, "output": 4}
_R = {"input": 5, "forget": 6, "cell": 7, "output": 8}
_P = {"input": 9, "forget": 10, "output": 11}
_B = {"input": 12, "forget": 13, "cell": 14, "output": 15}
_PROJECTION, _STATE, _CELL, _NORM = 16, 18, 19, 20


@converts("UNIDIRECTIONAL_SEQUENCE_LSTM")
def lstm(c: Call) -> Value:
    """The states start at zero: what an interpreter keeps from one inference to the next is not kept."""
    if any(c.has(i) for i in (_PROJECTION, *range(_NORM, _NORM + 4))):
        raise c.unsupported("an LSTM with a projection or layer normalisation is not supported")
    if ACTIVATIONS[c.option("activation")] != "TANH":
        raise c.unsupported("an LSTM with another activation than tanh is not supported")
    x, units = c.value(), c.shape(_R["forget"])[-1]
    if x.rank != 3:
        raise ModelError("E0160", "an LSTM of a tensor that is no sequence")
    batch_axis, steps = (1, x.shape[0]) if c.option("time_major") else (0, x.shape[1])
    _note_states(c, (_STATE, _CELL))
    weights = [_stacked(c, table) for table in (_W, _R)]
    bias, peepholes = _stacked(c, _B), None
    if c.has(_P["forget"]):
        coupled = not c.has(_P["input"])
        gates = {g: c.numbers(_P[g]) for g in ("output", "forget")}
        gates["input"] = -gates["forget"] if coupled else c.numbers(_P["input"])
        peepholes = np.concatenate([gates[g] for g in ("input", "output", "forget")])
    times = x.source if batch_axis == 1 else c.add("Transpose", x.source, perm=[1, 0, 2])
    clip = c.number("cell_clip")
    if 0 < clip < steps:  # a cell grows by less than one a step, so that a shorter sequence never meets the bound
        if peepholes is not None:
            raise c.unsupported("an LSTM with peepholes and a bounded cell is not supported")
        y = _clipped(c, times, weights, bias, units, x.shape[batch_axis], clip)
    else:
        names = [c.const(a[np.newaxis], np.float32) for a in weights]
        both = c.const(np.concatenate([bias, np.zeros_like(bias)])[np.newaxis], np.float32)
        last = ["", "", "", c.const(peepholes[np.newaxis], np.float32)] if peepholes is not None else []
        y = c.builder.add_many("LSTM", [times, *names, both, *last], 1, hidden_size=units)[0]
        y = c.add("Squeeze", y, c.const([1]))
    return c.made(y if batch_axis == 1 else c.add("Transpose", y, perm=[1, 0, 2]))


def _stacked(c: Call, table: dict[str, int]) -> Array:
    """The gates' weights one above the other. Without an input gate of its own it is what the forget gate leaves:
    sigmoid(-z) = 1 - sigmoid(z)."""
    found = {gate: c.numbers(place) for gate, place in table.items() if c.has(place)}
    if "input" not in found and "forget" in found:
        found["input"] = -found["forget"]
    if set(found) != set(_GATES):
        raise ModelError("E0160", "an LSTM without weights for all its gates")
    return np.concatenate([np.asarray(found[g], np.float32) for g in _GATES])


def _note_states(c: Call, places: tuple[int, ...]) -> None:
    for place in places:
        if not c.has(place):
            continue
        first = c.tensor(place).data
        if np.any(first) if first is not None else not c.tensor(place).variable:
            raise c.unsupported("a recurrent layer whose first state is not zero is not supported")
    c.scope.notes.append(f"{c.op.kind} starts from zero states at every inference.")


def _clipped(c: Call, times: str, weights: list[Array], bias: Array, units: int, batch: int, clip: float) -> str:
    """An LSTM whose cell is kept within +-clip, step by step: (time, batch, features) -> (time, batch, units)."""
    w, r = (c.const(a.T.copy(), np.float32) for a in weights)
    all_at_once = c.add("Add", c.add("MatMul", times, w), c.const(bias, np.float32))
    nodes: list[Any] = []
    prefix = c.builder.fresh("step")

    def step(op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"{prefix}/{len(nodes)}.{i}" for i in range(outputs)]
        nodes.append(helper.make_node(op, list(inputs), names, name=names[0], **attributes))
        return names

    h, cell, z = f"{prefix}/h", f"{prefix}/c", f"{prefix}/z"
    (total,) = step("Add", z, step("MatMul", h, r)[0])
    i, o, f, g = step("Split", total, outputs=4, axis=-1, num_outputs=4)
    kept = step("Mul", step("Sigmoid", f)[0], cell)[0]
    fresh = step("Mul", step("Sigmoid", i)[0], step("Tanh", g)[0])[0]
    bounds = c.const(-clip, np.float32), c.const(clip, np.float32)
    (new_cell,) = step("Clip", step("Add", kept, fresh)[0], *bounds)
    (new_h,) = step("Mul", step("Sigmoid", o)[0], step("Tanh", new_cell)[0])
    (seen,) = step("Identity", new_h)

    def info(name: str, width: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, width])

    body = helper.make_graph(
        nodes, prefix, [info(h, units), info(cell, units), info(z, 4 * units)],
        [info(new_h, units), info(new_cell, units), info(seen, units)],
    )  # fmt: skip
    zero = c.const(np.zeros((batch, units)), np.float32)
    return c.builder.add_many("Scan", [zero, zero, all_at_once], 3, body=body, num_scan_inputs=1)[2]


@converts("UNIDIRECTIONAL_SEQUENCE_RNN", "RNN")
def rnn(c: Call) -> Value:
    """h = activation(x w^T + h r^T + b)"""
    activation = {"TANH": "Tanh", "RELU": "Relu"}.get(ACTIVATIONS[c.option("activation")])
    if activation is None:
        raise c.unsupported("a recurrent layer with another activation than tanh or relu is not supported")
    w, r, b = (np.asarray(c.numbers(i), np.float32) for i in (1, 2, 3))
    _note_states(c, (4,))
    both = np.concatenate([b, np.zeros_like(b)])
    weights = [c.const(a[np.newaxis], np.float32) for a in (w, r, both)]
    x, one = c.x(), c.op.kind == "RNN"
    if one:
        x = c.add("Unsqueeze", x, c.const([0]))
    elif not c.option("time_major"):
        x = c.add("Transpose", x, perm=[1, 0, 2])
    y = c.builder.add_many("RNN", [x, *weights], 1, hidden_size=w.shape[0], activations=[activation])[0]
    if one:
        return c.made(c.add("Squeeze", y, c.const([0, 1])))
    y = c.add("Squeeze", y, c.const([1]))
    return c.made(y if c.option("time_major") else c.add("Transpose", y, perm=[1, 0, 2]))
