"""Cases of the operators that quantised models are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compiler.ops.activations import Clip
from compiler.ops.base import Op
from compiler.ops.elementwise import Map, Step
from compiler.ops.integer_arithmetic import AddInteger, Factor, IntegerArithmetic, MulInteger
from compiler.ops.interpolate import Interpolate
from compiler.ops.lookup import ENTRIES, Lookup
from compiler.ops.pool import AveragePool
from compiler.ops.product_integer import ProductInteger
from compiler.ops.recurrent_integer import RecurrentInteger
from compiler.ops.requantize import Requantize
from compiler.ops.resample_integer import ResampleInteger
from compiler.ops.softmax_integer import SoftmaxInteger, difference_scale
from compiler.ops.softmax_sixteen import SoftmaxSixteen, exponentials, reciprocals
from compiler.ops.standardize_integer import StandardizeInteger
from compiler.ops.sum_integer import SumInteger, SumPool
from tests.support.op_cases import Case, Draw, broadcast_shapes, shapes, windows
from tests.support.typed_cases import Given, typed_case, values, whole

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


def requantize(draw: Draw, count: int) -> tuple[Map, list[Given]]:
    """A tail that makes 8 or 16 bits of sums, and its operands."""
    to = draw(st.sampled_from(["int8", "uint8", "int16"]))
    op = Requantize(to, any_zero(draw, to), *bounds(draw, to), draw(st.sampled_from(["single", "double"])))
    factor = Factor.of(scale(draw, 0.01, 10.0) / max(1, count))
    given = [Given(np.asarray(n, np.int32), constant=True) for n in (factor.multiplier, factor.shift)]
    return Map(3, (Step(op, (0, 1, 2)),)), given


@st.composite
def integer_pool(draw: Draw, cls: type[AveragePool] | type[SumPool]) -> Case:
    g = draw(windows(draw(st.sampled_from([1, 2, 2, 3]))))
    x = (draw(st.sampled_from([1, 2])), draw(st.integers(1, 3)), *g["sizes"])
    kind = draw(st.sampled_from(["int8", "uint8", "int16"]))
    given = Given(draw(every_byte(x, kind)), constant=False)
    plain = (g["kernel"], g["strides"], g["pads"], g["dilations"], draw(st.booleans()))
    if cls is AveragePool:
        tail = Map(1, (Step(Clip(3.0, 50.0), (0,)),)) if draw(st.booleans()) else None
        return draw(typed_case(AveragePool(*plain, tail, draw(st.booleans())), [given]))
    op = SumPool(*plain, zero=any_zero(draw, kind))
    if draw(st.booleans()):
        return draw(typed_case(op, [given]))
    tail, more = requantize(draw, int(np.prod(g["kernel"])))
    return draw(typed_case(replace(op, tail=tail), [given, *more]))


@st.composite
def sum_integer(draw: Draw) -> Case:
    kind, x = draw(st.sampled_from(["int8", "uint8", "int16"])), draw(shapes(0, 4))
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(x) - 1))))) if x else ()
    given = Given(draw(every_byte(x, kind)), constant=False)
    op = SumInteger(axes, any_zero(draw, kind))
    if draw(st.booleans()):
        return draw(typed_case(op, [given]))
    tail, more = requantize(draw, int(np.prod([x[a] for a in axes])))
    return draw(typed_case(replace(op, tail=tail), [given, *more]))


@st.composite
def softmax_integer(draw: Draw) -> Case:
    kind, x = draw(eight_bits), draw(shapes(1, 4, most=30))
    factor, reach = difference_scale(scale(draw, 1e-4, 2.0))
    axis = draw(st.integers(0, len(x) - 1))
    op = SoftmaxInteger(axis, factor, reach, *draw(st.sampled_from([(8,), (8, None, "uint8", 0, 0, 255)])))
    if draw(st.booleans()):
        to = draw(st.sampled_from(["int8", "uint8", "int16"]))
        out, low_high = Factor.of(scale(draw, 1e-3, 1.0) / 256), bounds(draw, to)
        mode = draw(st.sampled_from(["single", "double"]))
        op = SoftmaxInteger(axis, factor, reach, 16, out, to, any_zero(draw, to), *low_high, mode)
    return draw(typed_case(op, [Given(draw(every_byte(x, kind)), constant=False)]))


@st.composite
def product_integer(draw: Draw) -> Case:
    left, right = draw(broadcast_shapes(draw(shapes(0, 2, most=12)), 2))
    m, n, inner = (draw(st.integers(1, 4)) for _ in range(3))
    kinds = [draw(st.sampled_from(["int8", "uint8", "int16"])) for _ in range(2)]
    operands = [
        Given(draw(every_byte(s, d))) for s, d in zip([(*left, m, inner), (*right, inner, n)], kinds, strict=True)
    ]
    op = ProductInteger(*(any_zero(draw, d) for d in kinds))
    if draw(st.booleans()):
        return draw(typed_case(op, operands))
    tail, more = requantize(draw, 1000)
    return draw(typed_case(replace(op, tail=tail), [*operands, *more]))


@st.composite
def resample_integer(draw: Draw) -> Case:
    kind, x = draw(eight_bits), draw(shapes(1, 4, zero=False, most=40))
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(x) - 1), max_size=2))))
    given = [Given(draw(every_byte(x, kind)), constant=False)]
    for a in axes:
        results, taps = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 5]))
        given.append(Given(draw(whole((results, taps), 0, x[a] - 1, "int32"))))
        given.append(Given(draw(whole((results, taps), -500 // taps, 1000 // taps, "int32"))))
    to = draw(eight_bits)
    op = ResampleInteger(axes, to=to, low=int(np.iinfo(to).min), high=int(np.iinfo(to).max))
    if draw(st.booleans()):
        factor, mode = (
            Factor.of(scale(draw, 0.1, 10.0) / 1024 ** len(axes)),
            draw(st.sampled_from(["single", "double"])),
        )
        op = ResampleInteger(axes, any_zero(draw, kind), factor, to, any_zero(draw, to), *bounds(draw, to), mode)
    return draw(typed_case(op, given))


@st.composite
def recurrent_integer(draw: Draw) -> Case:
    kind = draw(st.sampled_from(["lstm", "gru"]))
    steps, batch, inputs, hidden = (draw(st.integers(1, n)) for n in (3, 2, 3, 3))
    reverse = draw(st.sampled_from([(False,), (False,), (True,), (False, True)]))
    rows = (4 if kind == "lstm" else 3) * hidden
    each = (len(reverse), rows)
    wanted = draw(st.sampled_from([(True, True, True), (True, False, False), (False, True, True)]))
    op = RecurrentInteger(
        kind, hidden, reverse, draw(st.booleans()), Factor.of(2.0 ** (-23 if kind == "lstm" else -8)),
        draw(st.integers(-20, 20)), wanted if kind == "lstm" else wanted[:2],
        draw(st.sampled_from(["single", "double"])),
    )  # fmt: skip
    factors = [Factor.of(scale(draw, 0.01, 3.0)) for _ in range(2)]
    given = [Given(draw(every_byte(s, "int8")), constant=i > 0) for i, s in enumerate(
        [(steps, batch, inputs), (*each, inputs), (*each, hidden)])]  # fmt: skip
    given += [Given(draw(whole(each, -3000, 3000, "int32"))) for _ in range(2)]
    given += [Given(np.full(each, n, np.int32), constant=True) for f in factors for n in (f.multiplier, f.shift)]
    return draw(typed_case(op, given))


@st.composite
def standardize_integer(draw: Draw) -> Case:
    kind, x = draw(eight_bits), draw(shapes(1, 4, zero=False, most=60))
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(x) - 1), min_size=1))))
    to = draw(eight_bits)
    op = StandardizeInteger(
        axes, draw(st.booleans()), any_zero(draw, kind), draw(st.sampled_from([1, 5, 10**6])), 40,
        to, any_zero(draw, to), *bounds(draw, to),
    )  # fmt: skip
    params = [x, draw(st.sampled_from([(), x[-1:], x])), draw(st.sampled_from([(), x[-1:], x]))]
    gain, offset = draw(whole(params[1], -(2**24), 2**24, "int32")), draw(whole(params[2], -(2**44), 2**44, "int64"))
    return draw(typed_case(op, [Given(draw(every_byte(x, kind)), constant=False), Given(gain), Given(offset)]))


@st.composite
def interpolate(draw: Draw) -> Case:
    x, table = draw(every_byte(draw(shapes()), "int16")), draw(every_byte((513,), "int16"))
    return draw(typed_case(Interpolate(), [Given(x, constant=False), Given(table)]))


@st.composite
def softmax_sixteen(draw: Draw) -> Case:
    x = draw(shapes(1, 4, most=30))
    factor, mode = Factor.of(scale(draw, 1e-3, 10.0)), draw(st.sampled_from(["single", "double"]))
    op = SoftmaxSixteen(draw(st.integers(0, len(x) - 1)), factor, mode)
    tables = [Given(exponentials(), constant=True), Given(reciprocals(), constant=True)]
    return draw(typed_case(op, [Given(draw(every_byte(x, "int16")), constant=False), *tables]))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    Interpolate: interpolate,
    Lookup: lookup,
    ProductInteger: product_integer,
    RecurrentInteger: recurrent_integer,
    ResampleInteger: resample_integer,
    SoftmaxInteger: softmax_integer,
    SoftmaxSixteen: softmax_sixteen,
    StandardizeInteger: standardize_integer,
    SumPool: lambda: integer_pool(SumPool),
    SumInteger: sum_integer,
    AddInteger: lambda: integer_arithmetic(AddInteger),
    MulInteger: lambda: integer_arithmetic(MulInteger),
}
