"""Cases of the operators that quantised models are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compiler.ops.base import Op
from compiler.ops.integer_arithmetic import AddInteger, Factor, IntegerArithmetic, MulInteger
from compiler.ops.lookup import ENTRIES, Lookup
from tests.support.op_cases import Case, Draw, broadcast_shapes, shapes
from tests.support.typed_cases import Given, typed_case, values

eight_bits = st.sampled_from(["int8", "uint8"])


@st.composite
def every_byte(draw: Draw, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers of the whole range of a type."""
    info = np.iinfo(dtype)
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return chance.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


@st.composite
def lookup(draw: Draw) -> Case:
    x = draw(every_byte(draw(shapes()), draw(eight_bits)))
    table = draw(values((ENTRIES,), draw(st.sampled_from(["int8", "uint8", "int16", "float16", "float32"]))))
    return draw(typed_case(Lookup(), [Given(x, constant=False), Given(table)]))


def scale(draw: Draw, low: float = 1e-4, high: float = 10.0) -> float:
    """Log-uniform."""
    return float(np.float32(np.exp(draw(st.floats(np.log(low), np.log(high))))))


def bounds(draw: Draw, dtype: str) -> tuple[int, int]:
    """The whole range of a type, or a part of it."""
    info = np.iinfo(dtype)
    if draw(st.booleans()):
        return int(info.min), int(info.max)
    low = draw(st.integers(int(info.min), int(info.max)))
    return low, draw(st.integers(low, int(info.max)))


def any_zero(draw: Draw, dtype: str) -> int:
    return draw(st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))) if dtype != "int16" else 0


@st.composite
def integer_arithmetic(draw: Draw, cls: type[IntegerArithmetic]) -> Case:
    kinds = [draw(st.sampled_from(["int8", "int8", "uint8", "int16"])) for _ in range(3)]
    x, y, to = kinds
    low, high = bounds(draw, to)
    more: dict[str, Any] = {"rounding": draw(st.sampled_from(["single", "double"]))}
    sx, sy, out = (scale(draw) for _ in range(3))
    if cls is AddInteger:
        left, twice = 15 if "int16" in (x, y) else 20, 2 * max(sx, sy)
        more |= {"left": left, "x_factor": Factor.of(sx / twice), "y_factor": Factor.of(sy / twice)}
        more |= {"subtract": draw(st.booleans())}
        factor = Factor.of(twice / (2**left * out))
    else:
        factor = Factor.of(min(sx * sy / out, 2.0**12))
    op = cls(any_zero(draw, x), any_zero(draw, y), factor, to, any_zero(draw, to), low, high, **more)
    operands = draw(broadcast_shapes(draw(shapes()), 2))
    given = [Given(draw(every_byte(s, kind))) for s, kind in zip(operands, kinds, strict=False)]
    return draw(typed_case(op, given))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    Lookup: lookup,
    AddInteger: lambda: integer_arithmetic(AddInteger),
    MulInteger: lambda: integer_arithmetic(MulInteger),
}
