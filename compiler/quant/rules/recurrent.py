"""LSTM and GRU with quantised inputs and weights become integer cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array
from compiler.ops.base import Op
from compiler.ops.integer_arithmetic import Factor
from compiler.ops.lstm import Lstm
from compiler.ops.quantize import Quantize
from compiler.ops.recurrent import Recurrent
from compiler.ops.recurrent_integer import CELL_BITS, GATE_BITS, STATE_BITS, RecurrentInteger
from compiler.ops.rnn import Gru
from compiler.passes.rule import Rule, Skip, Swap, rule
from compiler.quant.fixed_point import quantize_multipliers
from compiler.quant.real import Grid, constant, dequantized, grid, real
from compiler.quant.rules.pattern import fits, stored

_STATE = Grid("int8", 2.0**-7, 0)  # where nothing says how fine the state is: it lies between -1 and 1


@rule(Lstm, Gru, effect="computed with integers")
def integer_recurrent(g: Graph, node: Node) -> Swap | Skip:
    """Lstm(Dequantize(x), Dequantize(w), Dequantize(r), bias)  becomes  Dequantize(RecurrentInteger(x, w, r, ...))."""
    op, x = node.op, stored(g, node.inputs[0], RecurrentInteger.dtypes)
    assert isinstance(op, (Lstm, Gru))
    if x is None:
        return Skip("the sequence has no 8-bit numbers with one scale")
    if (reason := _unusual(g, node, op)) is not None:
        return Skip(reason)
    w, r = _weights(g, node.inputs[1]), _weights(g, node.inputs[2])
    bias = _bias(g, node.inputs[3], w[0].shape[:2]) if w else None
    if w is None or r is None or bias is None:
        return Skip("the weights are no constants of 8 bits without zero points, or the bias is none")
    state = _state(g, node, op)
    name = node.output.name
    constants: dict[str, Array] = {}
    operands = [x.value]

    def add(hint: str, array: Array) -> None:
        value, more = constant(f"{name}:{hint}", array)
        operands.append(value)
        constants.update(more)

    parts = ((w, x.scale, x.zero, bias[0]), (r, state.scale, state.zero, bias[1]))
    add("w", w[0])
    add("r", r[0])
    for (weights, scales), scale, zero, each in parts:
        steps = np.rint(each / (scale * scales)) - zero * weights.astype(np.int64).sum(axis=2)
        largest = np.abs(steps) + 2.0**15 * weights.shape[2]
        if not (largest < 2.0**31).all() or not fits(float((scale * scales * largest).max()), 2.0**GATE_BITS):
            return Skip("a bias does not fit into 32 bits")
        add(f"bias{len(operands)}", steps.astype(np.int32))
    for (_, scales), scale, _, _ in parts:
        for array in quantize_multipliers(scale * scales * 2.0**GATE_BITS):
            add(f"factor{len(operands)}", array)
    lstm = isinstance(op, Lstm)
    kind: Literal["lstm", "gru"] = "lstm" if lstm else "gru"
    made = RecurrentInteger(
        kind, op.hidden, op.reverse, getattr(op, "reset_after", False),
        Factor.of(2.0 ** -(2 * STATE_BITS if lstm else STATE_BITS) / state.scale), state.zero, op.wanted,
    )  # fmt: skip
    types = made.infer(*(v.type for v in operands))
    results = tuple(Value(f"{y.name}:stored", t) for y, t in zip(node.outputs, types, strict=True))
    nodes = [replace(node, op=made, inputs=tuple(operands), outputs=results, equals=("",) * len(results))]
    for i, (y, result) in enumerate(zip(node.outputs, results, strict=True)):
        cell = result.type.dtype == "int16"
        scale, zero = (2.0**-CELL_BITS, 0) if cell else (state.scale, state.zero)
        equal = node.equals[i] if node.equals else ""
        behind, more = dequantized(result, np.asarray(scale), np.asarray(zero), y, node.sources, equal)
        nodes.append(behind)
        constants |= more
    return Swap(nodes=tuple(nodes), constants=constants)


def _unusual(g: Graph, node: Node, op: Recurrent) -> str | None:
    """Why the integer cell cannot take the node's place."""
    named = [f.name for f in op.activations]
    usual = [*op.default] * len(op.reverse)
    if op.clip or named != usual or getattr(op, "coupled", False):
        return f"activations {', '.join(named)}, or clipped or coupled gates"
    if node.inputs[4] is not None:
        return "sequences of unequal length"
    for v in node.inputs[5:]:
        known = g.constant(v)
        if v is not None and (known is None or known.any()):
            return "a start other than 0, or peepholes"
    return None


def _weights(g: Graph, value: Value | None) -> tuple[Array, Array] | None:
    """Whole weights (D, G*H, n), and their scales (D, G*H)."""
    found = real(g, value)
    whole = None if found is None else g.constant(found.stored)
    if found is None or whole is None or whole.dtype != np.int8 or found.zero.any() or not (found.scale > 0).all():
        return None
    shape = found.scale.shape
    if found.scale.size > 1 and (len(shape) != 3 or shape[2] != 1):
        return None
    return whole, np.broadcast_to(found.scale.reshape(shape[:2] if len(shape) == 3 else (1, 1)), whole.shape[:2])


def _bias(g: Graph, value: Value | None, rows: tuple[int, ...]) -> tuple[Array, Array] | None:
    """Of the inputs and of the state, (D, G*H) each."""
    if value is None:
        return np.zeros(rows), np.zeros(rows)
    known = g.constant(value)
    if known is None and (found := real(g, value)) is not None and (whole := g.constant(found.stored)) is not None:
        known = (whole.astype(np.int64) - found.zero) * found.scale
    if known is None:
        return None
    first, second = np.split(known.astype(np.float64), 2, axis=1)
    return first, second


def _state(g: Graph, node: Node, op: Op) -> Grid:
    """Where the model itself rounds the state to 8 bits."""
    assert isinstance(op, Recurrent)
    for y in node.outputs[: sum(op.wanted[:2])]:
        for reader in g.readers(y):
            if isinstance(reader.op, Quantize) and (found := grid(g, reader)) is not None and found.to == "int8":
                return found
    return _STATE


BEFORE_FUSION: tuple[Rule, ...] = (integer_recurrent,)
