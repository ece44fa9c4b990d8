"""Shape arithmetic of TensorFlow Lite files, done while they are read: known integers give known integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from compiler.graph.types import Array
from compiler.importers.channels import Value
from compiler.importers.tflite_model import Subgraph
from compiler.importers.tflite_node import ABSENT, Call, Scope
from compiler.importers.tflite_shaping import index_expression

MOST = 4_096  # elements; more is data, not a shape

_REDUCERS: Mapping[str, Callable[..., Array]] = {
    "SUM": np.sum, "REDUCE_PROD": np.prod, "REDUCE_MAX": np.max, "REDUCE_MIN": np.min,
    "REDUCE_ANY": np.any, "REDUCE_ALL": np.all,
}  # fmt: skip
_BINARY: Mapping[str, Callable[..., Array]] = {
    "ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "MAXIMUM": np.maximum, "MINIMUM": np.minimum,
    "FLOOR_DIV": np.floor_divide, "FLOOR_MOD": np.mod, "EQUAL": np.equal, "NOT_EQUAL": np.not_equal,
    "LESS": np.less, "LESS_EQUAL": np.less_equal, "GREATER": np.greater, "GREATER_EQUAL": np.greater_equal,
    "LOGICAL_AND": np.logical_and, "LOGICAL_OR": np.logical_or,
}  # fmt: skip


def folded(c: Call) -> Array | None:
    """The result, when all operands are known and few; None when the operator must be converted."""
    if c.op.kind not in _FOLD:
        return None
    given = [c.known(i) for i in range(len(c.op.inputs)) if c.has(i)]
    known = [a for a in given if a is not None]
    if not known or len(known) < len(given):
        return None
    if any(a.size > MOST or a.dtype.kind not in "iub" for a in known):
        return None
    if len(c.op.outputs) != 1 or np.prod(c.out_shape, dtype=object) > MOST:
        return None
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(_FOLD[c.op.kind](c, known))
    except (ValueError, IndexError, TypeError, ZeroDivisionError):
        return None  # the converter says what is wrong
    return result if result.size <= MOST else None


def known_results(scope: Scope, graph: Subgraph, operands: list[Array | None]) -> list[Array | None]:
    """The results of a graph that follow from the operands that are known."""
    inner = Scope(scope.model, graph, scope.builder)
    for index, tensor in enumerate(graph.tensors):
        array = tensor.data
        if array is not None and array.dtype.kind in "iub" and array.shape == tensor.shape and array.size <= MOST:
            inner.values[index] = Value.constant(scope.builder, array)
    for index, operand in zip(graph.inputs, operands, strict=True):
        if operand is not None:
            inner.values[index] = Value.constant(scope.builder, operand)
    for op in graph.operators:
        scope.builder.tick()
        if op.custom or op.kind not in _FOLD or not all(i in inner.values for i in op.inputs if i != ABSENT):
            continue
        array = folded(Call(inner, op))
        if array is not None:
            inner.values[op.outputs[0]] = Value.constant(scope.builder, array)
    found = [inner.values.get(i) for i in graph.outputs]
    return [None if value is None else value.array for value in found]


def _strided(c: Call, given: list[Array]) -> Array:
    begin, ends, steps, dropped, new = index_expression(c)
    result = given[0][tuple(slice(b, e if e >= 0 else None, s) for b, e, s in zip(begin, ends, steps, strict=True))]
    return np.expand_dims(np.squeeze(result, tuple(dropped)), tuple(new))


def _slice(c: Call, given: list[Array]) -> Array:
    x, begin, size = given
    return x[tuple(slice(b, None if n < 0 else b + n) for b, n in zip(begin.tolist(), size.tolist(), strict=True))]


def _squeeze(c: Call, given: list[Array]) -> Array:
    axes = c.op.options["squeeze_dims"]
    return np.squeeze(given[0], axes if isinstance(axes, tuple) and axes else None)


def _reduce(c: Call, given: list[Array]) -> Array:
    axes = tuple(int(a) for a in given[1].reshape(-1))
    return np.asarray(_REDUCERS[c.op.kind](given[0], axis=axes, keepdims=bool(c.option("keep_dims"))))


_FOLD: Mapping[str, Callable[[Call, list[Array]], Array]] = {
    **{kind: (lambda c, given: _BINARY[c.op.kind](*given)) for kind in _BINARY},
    **dict.fromkeys(_REDUCERS, _reduce),
    "STRIDED_SLICE": _strided,
    "SLICE": _slice,
    "SQUEEZE": _squeeze,
    "PACK": lambda c, given: np.stack(given, axis=c.option("axis")),
    "CONCATENATION": lambda c, given: np.concatenate(given, axis=c.option("axis")),
    "GATHER": lambda c, given: np.take(given[0], given[1], axis=c.option("axis")),
    "RESHAPE": lambda c, given: given[0].reshape(given[1]),
    "EXPAND_DIMS": lambda c, given: np.expand_dims(given[0], int(given[1].reshape(()))),
    "CAST": lambda c, given: given[0].astype(np.dtype(c.out_tensor().dtype)),
    "NEG": lambda c, given: np.negative(given[0]),
    "LOGICAL_NOT": lambda c, given: np.logical_not(given[0]),
    "TRANSPOSE": lambda c, given: np.transpose(given[0], given[1]),
    "SELECT": lambda c, given: np.where(given[0], given[1], given[2]),
    "SELECT_V2": lambda c, given: np.where(given[0], given[1], given[2]),
    "BROADCAST_ARGS": lambda c, given: np.asarray(
        np.broadcast_shapes(*(tuple(a.tolist()) for a in given)), given[0].dtype
    ),
}
