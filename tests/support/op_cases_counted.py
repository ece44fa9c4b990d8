"""Cases of operators whose results are as large as the data makes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from compiler.ops.base import Op
from compiler.ops.counted import Compress, NonMaxSuppression, NonZero, Unique
from tests.support.op_cases import Case, Draw, shapes
from tests.support.typed_cases import MOVED, Given, typed_case, values, whole

moved = st.sampled_from(MOVED)


@st.composite
def non_zero(draw: Draw) -> Case:
    x = draw(shapes(0, 3, most=30))
    array = draw(values(x, draw(moved))) * draw(whole(x, 0, 1, "int64")).astype(np.int8)
    dtype = draw(st.sampled_from(["float32", "int64", "uint8", "bool"]))
    return draw(typed_case(NonZero(), [Given(np.abs(array.astype(np.float64)).astype(dtype))]))


@st.composite
def compress(draw: Draw) -> Case:
    x = draw(shapes(1, 3, zero=False))
    axis = draw(st.integers(0, len(x) - 1))
    condition = draw(values((draw(st.integers(0, x[axis])),), "bool"))
    return draw(typed_case(Compress(axis), [Given(draw(values(x, draw(moved)))), Given(condition)]))


@st.composite
def unique(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["float32", "int64", "uint8"]))
    x = draw(whole(draw(shapes(0, 2, most=20)), 0, 5, "int64")).astype(dtype)
    return draw(typed_case(Unique(draw(st.booleans())), [Given(x)], plain=True))


@st.composite
def suppression(draw: Draw) -> Case:
    """Boxes on a grid of quarters: overlaps are exact, and a threshold of 0.3 is none of them."""
    images, kinds, n = draw(st.integers(1, 2)), draw(st.integers(0, 2)), draw(st.integers(0, 6))
    corners = draw(whole((images, n, 4), 0, 8, "int64")) / 4
    boxes = corners.astype(np.float32)
    scores = (draw(whole((images, kinds, n), 0, 4, "int64")) / 4).astype(np.float32)
    numbers = [
        np.asarray(draw(st.integers(-1, 7)), np.int64),
        np.asarray(draw(st.sampled_from([0.0, 0.3, 0.95])), np.float32),
        np.asarray(draw(st.sampled_from([-np.inf, 0.25])), np.float32),
    ]
    op = NonMaxSuppression(draw(st.integers(0, n)), draw(st.booleans()))
    return draw(typed_case(op, [Given(boxes), Given(scores), *map(Given, numbers)]))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    NonZero: non_zero,
    Compress: compress,
    Unique: unique,
    NonMaxSuppression: suppression,
}
