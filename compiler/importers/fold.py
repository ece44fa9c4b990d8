"""Shape arithmetic that exporters leave in ONNX graphs, computed at import where every operand is known.

These operators have no kernel (yet); each function gives the result for numpy operands. Operators that have a class
in `compiler.ops` fold through their own `reference` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import onnx
from onnx import numpy_helper

from compiler.graph.types import Array, fill
from compiler.ops.base import Reader, normal_axis

LIMIT = 2**26  # elements a folded constant may have, unless it is a symbolic fill


def _cast(r: Reader, x: Array) -> Array:
    kind = int(r.attr("to"))
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
    if kind in _EXOTIC:
        raise r.unsupported(f"Cast to {onnx.TensorProto.DataType.Name(kind)}", "keep constants in a plain type")
    with np.errstate(all="ignore"):
        return x.astype(dtype)


_EXOTIC = {
    onnx.TensorProto.DataType.Value(n)
    for n in list(onnx.TensorProto.DataType.keys())
    if n.startswith(("BFLOAT", "FLOAT8", "FLOAT4", "INT4", "UINT4", "INT2", "UINT2", "STRING", "COMPLEX", "UNDEFINED"))
}


def _constant_of_shape(r: Reader, shape: Array) -> Array:
    value = r.attr("value")
    array = numpy_helper.to_array(value) if value is not None else np.zeros(1, np.float32)
    return fill(array.reshape(-1)[0], str(array.dtype), tuple(int(n) for n in shape.reshape(-1)))


def _gather(r: Reader, x: Array, indices: Array) -> Array:
    return np.take(x, indices.astype(np.int64), axis=normal_axis(int(r.attr("axis", 0)), x.ndim))


def _range(r: Reader, start: Array, stop: Array, step: Array) -> Array:
    count = max(0, int(np.ceil((stop.item() - start.item()) / step.item()))) if step.item() else 0
    if count > LIMIT:
        raise r.unsupported(f"Range gives {count} elements", "")
    return np.arange(start.item(), stop.item(), step.item(), dtype=start.dtype)


def _expand(r: Reader, x: Array, shape: Array) -> Array:
    wanted = np.broadcast_shapes(x.shape, tuple(int(n) for n in shape.reshape(-1)))
    if prod(wanted) > LIMIT and x.size > 1:
        raise r.unsupported(f"Expand gives {prod(wanted)} elements", "")
    return np.broadcast_to(x, wanted)


def _where(r: Reader, condition: Array, x: Array, y: Array) -> Array:
    return np.where(condition, x, y)


def _tile(r: Reader, x: Array, repeats: Array) -> Array:
    if x.size * prod(int(n) for n in repeats.reshape(-1)) > LIMIT:
        raise r.unsupported("Tile gives too many elements", "")
    return np.tile(x, repeats.reshape(-1).astype(np.int64))


FOLD: dict[str, Callable[..., Array]] = {
    "Cast": _cast,
    "ConstantOfShape": _constant_of_shape,
    "Gather": _gather,
    "Range": _range,
    "Expand": _expand,
    "Tile": _tile,
    "Equal": lambda r, x, y: np.equal(x, y),
    "Greater": lambda r, x, y: np.greater(x, y),
    "Less": lambda r, x, y: np.less(x, y),
    "Not": lambda r, x: np.logical_not(x),
    "And": lambda r, x, y: np.logical_and(x, y),
    "Or": lambda r, x, y: np.logical_or(x, y),
    "Where": _where,
    "Floor": lambda r, x: np.floor(x),
    "Ceil": lambda r, x: np.ceil(x),
    "Add": lambda r, x, y: x + y,
    "Sub": lambda r, x, y: x - y,
    "Mul": lambda r, x, y: x * y,
    "Div": lambda r, x, y: _div(x, y),
    "Neg": lambda r, x: -x,
    "Abs": lambda r, x: np.abs(x),
    "Min": lambda r, *x: _many(np.minimum, x),
    "Max": lambda r, *x: _many(np.maximum, x),
    "Mod": lambda r, x, y: np.fmod(x, y) if r.attr("fmod", 0) else np.mod(x, y),
    "ReduceProd": lambda r, x, *axes: np.prod(x, axis=None if not axes else tuple(axes[0].tolist()), keepdims=bool(
        r.attr("keepdims", 1)), dtype=x.dtype),
}  # fmt: skip


def _many(f: Callable[[Array, Array], Array], arrays: tuple[Array, ...]) -> Array:
    result = arrays[0]
    for x in arrays[1:]:
        result = f(result, x)
    return result


def _div(x: Array, y: Array) -> Array:
    """Integers truncate towards zero; a zero divisor gives 0."""
    with np.errstate(all="ignore"):
        if np.issubdtype(x.dtype, np.floating):
            return x / y
        safe = np.where(y == 0, 1, y)
        quotient = np.abs(x) // np.abs(safe) * (np.sign(x) * np.sign(safe))
        return np.where(y == 0, 0, quotient).astype(x.dtype)
