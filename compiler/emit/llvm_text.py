"""How LLVM IR spells types and numbers. Numbers read back as the very same bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler.graph.types import Array
from compiler.loop.nodes import Type, type_of

_WIDTH = 112


def llvm_type(kind: Type) -> str:
    """The type of a value: signedness is the operation's matter, not the type's."""
    scalar = {"f32": "float", "f64": "double"}.get(str(kind.scalar), f"i{kind.bits}")
    return f"<{kind.lanes} x {scalar}>" if kind.lanes > 1 else scalar


def memory_type(kind: Type) -> str:
    """The type of an element in memory: a truth value takes a byte."""
    return llvm_type(Type("u", 8, kind.lanes) if kind.bits == 1 else kind)


def literal(value: float | int, kind: Type) -> str:
    """A constant; in every lane when the type is a vector."""
    one = _float(value, kind) if kind.is_float else _integer(value, kind)
    if kind.lanes == 1:
        return one
    return f"<{', '.join([f'{llvm_type(kind.scalar)} {one}'] * kind.lanes)}>"


def _integer(value: float | int, kind: Type) -> str:
    return str(bool(value)).lower() if kind.bits == 1 else str(int(value))


def _float(value: float | int, kind: Type) -> str:
    """A float is written as the double it equals: LLVM refuses decimals that it would have to round."""
    with np.errstate(over="ignore"):
        return _decimal(float(np.dtype(kind.numpy).type(value)))


def _decimal(exact: float) -> str:
    if np.isnan(exact):
        return "0x7FF8000000000000"
    if np.isinf(exact):
        return "0x7FF0000000000000" if exact > 0 else "0xFFF0000000000000"
    text = repr(exact)
    mantissa, e, exponent = text.partition("e")
    return text if "." in mantissa else f"{mantissa}.0{e}{exponent}"


def element_type(dtype: str) -> str:
    """The type of an array's elements, by numpy's name."""
    return memory_type(type_of(dtype))


def rows(array: Array) -> Iterator[str]:
    """The elements of an array with their types, comma separated, as many on a line as fit."""
    kind = element_type(str(array.dtype))
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        texts = [_decimal(v) for v in flat.astype(np.float64).tolist()]
    else:
        texts = [str(int(v)) for v in flat.tolist()]
    line, last = "  ", len(texts) - 1
    for i, text in enumerate(texts):
        item = f"{kind} {text}" + ("," if i < last else "")
        if len(line) + len(item) + 1 > _WIDTH and line.strip():
            yield line.rstrip()
            line = "  "
        line += item + " "
    yield line.rstrip()
