"""Cases of the operators that quantised models are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from compiler.ops.base import Op
from compiler.ops.lookup import ENTRIES, Lookup
from tests.support.op_cases import Case, Draw, shapes
from tests.support.typed_cases import Given, typed_case, values

eight_bits = st.sampled_from(["int8", "uint8"])


@st.composite
def every_byte(draw: Draw, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers of the whole range of an 8-bit type."""
    info = np.iinfo(dtype)
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return chance.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


@st.composite
def lookup(draw: Draw) -> Case:
    x = draw(every_byte(draw(shapes()), draw(eight_bits)))
    table = draw(values((ENTRIES,), draw(st.sampled_from(["int8", "uint8", "int16", "float16", "float32"]))))
    return draw(typed_case(Lookup(), [Given(x, constant=False), Given(table)]))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    Lookup: lookup,
}
