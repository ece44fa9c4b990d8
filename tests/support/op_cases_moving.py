"""Cases of the operators that move elements by indices, choose among them, or add them up as they go."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compiler.ops.base import Op
from compiler.ops.gather import Gather, GatherElements, GatherND
from compiler.ops.one_hot import OneHot
from compiler.ops.rearrange import ReverseSequence, Trilu
from compiler.ops.running import Running
from compiler.ops.scatter import ScatterElements, ScatterND, TensorScatter
from compiler.ops.select import ArgBest, TopK
from compiler.ops.tile import Tile
from tests.support.op_cases import Case, Draw, Shape, shapes
from tests.support.typed_cases import COMPUTED, MOVED, Given, typed_case, values, whole

moved, computed = st.sampled_from(MOVED), st.sampled_from(COMPUTED)
REDUCTIONS = st.sampled_from(["none", "add", "mul", "min", "max"])


def axis_of(x: Shape) -> st.SearchStrategy[int]:
    return st.integers(0, len(x) - 1)


@st.composite
def gather(draw: Draw) -> Case:
    x = draw(shapes(1, 3, zero=False))
    axis = draw(axis_of(x))
    indices = draw(whole(draw(shapes(0, 2, most=12)), -x[axis] - 1, x[axis]))
    return draw(typed_case(Gather(axis), [Given(draw(values(x, draw(moved)))), Given(indices)]))


@st.composite
def gather_elements(draw: Draw) -> Case:
    x = draw(shapes(1, 3, zero=False))
    axis = draw(axis_of(x))
    shape = tuple(draw(st.integers(0 if a == axis else 1, 4 if a == axis else n)) for a, n in enumerate(x))
    indices = draw(whole(shape, -x[axis], x[axis]))
    return draw(typed_case(GatherElements(axis), [Given(draw(values(x, draw(moved)))), Given(indices)]))


@st.composite
def gather_nd(draw: Draw) -> Case:
    x = draw(shapes(1, 4, zero=False))
    batch = draw(st.integers(0, len(x) - 1))
    depth = draw(st.integers(0, len(x) - batch))
    lead = (*x[:batch], *draw(shapes(0, 1, most=4)))
    indices = draw(whole((*lead, depth), -1, max(x)))
    return draw(typed_case(GatherND(batch), [Given(draw(values(x, draw(moved)))), Given(indices)]))


@st.composite
def scatter_elements(draw: Draw) -> Case:
    x = draw(shapes(1, 3, zero=False))
    axis, how = draw(axis_of(x)), draw(REDUCTIONS)
    shape = tuple(draw(st.integers(0 if a == axis else 1, n)) for a, n in enumerate(x))
    dtype = draw(moved if how == "none" else computed)
    operands = [draw(values(x, dtype)), draw(whole(shape, -x[axis], x[axis])), draw(values(shape, dtype))]
    return draw(typed_case(ScatterElements(axis, how), [Given(a) for a in operands]))


@st.composite
def scatter_nd(draw: Draw) -> Case:
    x = draw(shapes(1, 3, zero=False))
    how, depth = draw(REDUCTIONS), draw(st.integers(1, len(x)))
    lead = draw(shapes(0, 2, most=6))
    dtype = draw(moved if how == "none" else computed)
    operands = [draw(values(x, dtype)), draw(whole((*lead, depth), -1, max(x)))]
    operands.append(draw(values((*lead, *x[depth:]), dtype)))
    return draw(typed_case(ScatterND(how), [Given(a) for a in operands]))


@st.composite
def tensor_scatter(draw: Draw) -> Case:
    x = draw(shapes(2, 4, zero=False))
    axis, dtype = draw(st.integers(1, len(x) - 1)), draw(moved)
    updates = tuple(draw(st.integers(0, n)) if a == axis else n for a, n in enumerate(x))
    operands = [draw(values(x, dtype)), draw(values(updates, dtype)), draw(whole(x[:1], -2, 9))]
    return draw(typed_case(TensorScatter(axis, draw(st.booleans())), [Given(a) for a in operands]))


@st.composite
def tile(draw: Draw) -> Case:
    x = draw(shapes(0, 3, most=30))
    return draw(typed_case(Tile(tuple(draw(st.integers(0, 3)) for _ in x)), [Given(draw(values(x, draw(moved))))]))


@st.composite
def one_hot(draw: Draw) -> Case:
    shape, depth = draw(shapes(0, 2)), draw(st.integers(0, 5))
    indices = draw(whole(shape, -depth - 2, depth + 1))
    pair = draw(values((2,), draw(moved)))
    return draw(typed_case(OneHot(draw(st.integers(0, len(shape))), depth), [Given(indices), Given(pair)]))


@st.composite
def reverse_sequence(draw: Draw) -> Case:
    x = draw(shapes(2, 4, zero=False))
    batch, time = draw(st.permutations(range(len(x))))[:2]
    lengths = draw(whole((x[batch],), -1, x[time] + 1))
    return draw(typed_case(ReverseSequence(batch, time), [Given(draw(values(x, draw(moved)))), Given(lengths)]))


@st.composite
def trilu(draw: Draw) -> Case:
    x = draw(shapes(2, 4))
    diagonal = draw(whole((), -9, 9, "int64"))
    return draw(typed_case(Trilu(draw(st.booleans())), [Given(draw(values(x, draw(moved)))), Given(diagonal)]))


@st.composite
def running(draw: Draw) -> Case:
    x = draw(shapes(1, 3))
    axis = draw(whole(draw(st.sampled_from([(), (1,)])), -len(x), len(x) - 1))
    op = Running(draw(st.booleans()), draw(st.booleans()), draw(st.booleans()))
    return draw(typed_case(op, [Given(draw(values(x, draw(computed))), constant=False), Given(axis)]))


@st.composite
def few_values(draw: Draw, shape: Shape) -> Any:
    """Numbers of which many are equal, and NaN where there is one."""
    dtype = draw(computed)
    array = draw(whole(shape, 0, 3, "int64")).astype(dtype)
    if "float" in dtype and draw(st.booleans()):
        array = np.where(array == 1, np.asarray(np.nan, dtype), array)
    return array


@st.composite
def arg_best(draw: Draw) -> Case:
    x = draw(shapes(1, 4, zero=False))
    op = ArgBest(draw(axis_of(x)), draw(st.booleans()), draw(st.booleans()))
    return draw(typed_case(op, [Given(draw(few_values(x)))]))


@st.composite
def top_k(draw: Draw) -> Case:
    x = draw(shapes(1, 3, zero=False))
    axis = draw(axis_of(x))
    op = TopK(axis, draw(st.integers(0 if prod(x) > 1 else 1, x[axis])), draw(st.booleans()))
    return draw(typed_case(op, [Given(draw(few_values(x)))]))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    Gather: gather,
    GatherElements: gather_elements,
    GatherND: gather_nd,
    ScatterElements: scatter_elements,
    ScatterND: scatter_nd,
    TensorScatter: tensor_scatter,
    Tile: tile,
    OneHot: one_hot,
    ReverseSequence: reverse_sequence,
    Trilu: trilu,
    Running: running,
    ArgBest: arg_best,
    TopK: top_k,
}
