"""Cases of Requantize: sums of every size, factors from nothing to many, per channel or not, both roundings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from compiler.ops.base import Op
from compiler.ops.requantize import Requantize
from compiler.quant.fixed_point import quantize_multipliers
from tests.support.op_cases import Case, Draw, shapes
from tests.support.typed_cases import Given, typed_case


@st.composite
def requantize(draw: Draw) -> Case:
    shape = draw(shapes(1, 3))
    kind = draw(st.sampled_from(["int32", "int32", "int64"]))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bits = draw(st.sampled_from([8, 20, 31] if kind == "int32" else [20, 38]))
    sums = chance.integers(-(2**bits), 2**bits - 1, shape, endpoint=True).astype(kind)
    sums[chance.random(shape) < 0.2] = draw(st.sampled_from([0, 1, -1, 2 ** (bits - 1), -(2**bits)]))
    small = draw(st.integers(-33, 8 if kind == "int32" else 0))
    real = np.exp2(chance.uniform(small, small + 3, shape[-1:] if draw(st.booleans()) else ()))
    if draw(st.booleans()):
        real = np.exp2(np.floor(np.log2(real)))  # ties happen with powers of two
    multiplier, shift = quantize_multipliers(real)
    to = draw(st.sampled_from(["int8", "uint8", "int16"]))
    info = np.iinfo(to)
    zero = draw(st.integers(int(info.min), int(info.max)))
    low = draw(st.sampled_from([int(info.min), max(int(info.min), min(zero, int(info.max)))]))
    op = Requantize(to, zero, low, int(info.max), draw(st.sampled_from(["single", "double"])))
    return draw(typed_case(op, [Given(sums, constant=False), Given(multiplier), Given(shift)]))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {Requantize: requantize}
