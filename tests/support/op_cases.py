"""Strategies that draw an operator with operands: attributes, shapes, layouts, values, what is constant.

`case(cls)` finds the strategy of an operator class; elementwise operators without attributes need none of their own.
A concrete operator without a strategy is an error, so that a new file cannot go untested.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, Layout, TensorType, fill
from compiler.ops import activations, arithmetic, mathematics
from compiler.ops.base import Op, Spelling, registry
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense, MatMul
from compiler.ops.elementwise import Elementwise, Map, Step
from compiler.ops.index_map import Concat, Pad, Slice
from compiler.ops.normalize import BatchNorm
from compiler.ops.pool import AveragePool, MaxPool
from compiler.ops.reduce import Reduce
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.softmax import Softmax
from compiler.ops.transpose import Copy, Transpose

Shape = tuple[int, ...]
Draw = Callable[[st.SearchStrategy[Any]], Any]

SPECIALS = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38, 88.7, -103.9, 2.0, 3.0],
    np.float32,
)


def examples(count: int) -> settings:
    """`count` examples, fewer in the quick profile."""
    return settings(max_examples=min(count, settings().max_examples))


@dataclass(frozen=True)
class Case:
    """A graph of one node, and values for its inputs."""

    graph: Graph
    inputs: dict[str, Array]

    @property
    def node(self) -> Node:
        return self.graph.nodes[0]

    def __repr__(self) -> str:
        from compiler.graph.text import text

        return text(self.graph)


def concrete(cls: type[Op]) -> bool:
    """An operator that others derive from is a base class, without a meaning of its own."""
    return not any(issubclass(other, cls) and other is not cls for other in registry())


def concrete_ops() -> list[type[Op]]:
    return [cls for cls in registry() if concrete(cls) and not issubclass(cls, Spelling)]


@st.composite
def shapes(draw: Draw, low: int = 0, high: int = 4, zero: bool = True, most: int = 120) -> Shape:
    """Small shapes, with axes of length one and, now and then, an empty tensor."""
    rank = draw(st.integers(low, high))
    dims = [1, 2, 3, 5, 7] + ([0] if zero and draw(st.integers(0, 7)) == 7 else [])
    shape = [draw(st.sampled_from(dims)) for _ in range(rank)]
    while prod(shape) > most:
        shape[shape.index(max(shape))] = 1
    return tuple(shape)


@st.composite
def layouts(draw: Draw, rank: int, plain: bool = False) -> Layout:
    """Row-major, channels-last, or any order."""
    if plain or rank < 2 or draw(st.booleans()):
        return Layout.row_major(rank)
    if rank >= 3 and draw(st.booleans()):
        return Layout.channels_last(rank)
    return Layout(tuple(draw(st.permutations(range(rank)))))


@st.composite
def arrays(draw: Draw, shape: Shape, special: bool = False) -> Array:
    """Values around zero; with `special`, many that floating point treats specially."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = chance.normal(0, draw(st.sampled_from([0.3, 1.0, 4.0])), shape).astype(np.float32)
    if special and draw(st.booleans()):
        mask = chance.random(shape) < 0.5
        values = np.where(mask, chance.choice(SPECIALS, shape), values).astype(np.float32)
    return values


@st.composite
def make_case(
    draw: Draw,
    op: Op,
    operands: list[Shape | None],
    *,
    special: bool = False,
    plain: bool = False,
    constants: bool = True,
    same: bool = False,
    positive: tuple[int, ...] = (),
    fixed: tuple[int, ...] = (),
) -> Case:
    """Wrap an operator into a graph. `plain`: all row-major; `same`: the result lies as the first operand does;
    `fixed`: operands that are always constants."""
    values: list[Value | None] = []
    inputs: dict[str, Array] = {}
    known: dict[str, Array] = {}
    runtime = draw(st.integers(0, len(operands) - 1)) if not fixed else 0
    for i, shape in enumerate(operands):
        if shape is None:
            values.append(None)
            continue
        array = draw(arrays(shape, special))
        if i in positive:
            array = np.abs(array) + np.float32(0.1)
        name = f"v{i}"
        kind = "input"
        if i in fixed:
            kind = "constant"
        elif constants and i != runtime:
            kind = draw(st.sampled_from(["input", "input", "constant", "fill"]))
        if kind == "fill":
            array = fill(array.reshape(-1)[0] if array.size else np.float32(0), "float32", shape)
        layout = draw(layouts(len(shape), plain or kind != "input"))
        values.append(Value(name, TensorType.of("float32", shape, layout)))
        (inputs if kind == "input" else known)[name] = array
    inferred = op.infer(*(None if v is None else v.type for v in values))
    assert isinstance(inferred, TensorType)
    first = next(v for v in values if v is not None)
    order = first.type.layout if same else draw(layouts(inferred.rank, plain))
    y = Value("y", inferred.with_layout(order))
    node = Node(op, tuple(values), (y,), "node", ("node",), ("",))
    given = tuple(v for v in values if v is not None and v.name in inputs)
    return Case(Graph("case", given, (y,), (node,), known), inputs)


@st.composite
def broadcast_shapes(draw: Draw, result: Shape, count: int) -> list[Shape]:
    """Operand shapes that broadcast to `result`; one of them is the result's own."""
    found = []
    full = draw(st.integers(0, count - 1))
    for i in range(count):
        if i == full or draw(st.booleans()):
            found.append(result)
            continue
        kept = draw(st.integers(0, len(result)))
        found.append(tuple(n if draw(st.booleans()) else 1 for n in result[len(result) - kept :]))
    return found


finite = st.sampled_from([-3.0, -1.0, -0.1, 0.0, 0.01, 0.2, 1.0, 1.5, 6.0]).map(lambda v: float(np.float32(v)))

ATTRIBUTES: dict[type[Elementwise], dict[str, st.SearchStrategy[Any]]] = {
    activations.LeakyRelu: {"alpha": finite},
    activations.Clip: {
        "low": st.one_of(finite, st.just(-np.inf)),
        "high": st.one_of(finite, st.just(np.inf)),
    },
    activations.HardSigmoid: {"alpha": finite, "beta": finite},
    activations.Elu: {"alpha": finite},
    activations.Gelu: {"tanh": st.booleans()},
}


@st.composite
def elementwise_ops(draw: Draw, cls: type[Elementwise]) -> Elementwise:
    names = {f.name for f in dataclasses.fields(cls)}
    strategies = ATTRIBUTES.get(cls, {})
    assert set(strategies) == names, f"ATTRIBUTES says nothing of {cls.__name__}({', '.join(names)})"
    return cls(**{name: draw(s) for name, s in strategies.items()})


@st.composite
def elementwise(draw: Draw, cls: type[Elementwise]) -> Case:
    op = draw(elementwise_ops(cls))
    operands = draw(broadcast_shapes(draw(shapes()), cls.arity))
    return draw(make_case(op, operands, special=True))


BENIGN: tuple[type[Elementwise], ...] = (
    activations.Relu, activations.LeakyRelu, activations.Clip, activations.HardSwish, mathematics.Neg, mathematics.Abs,
    activations.PRelu, arithmetic.Add, arithmetic.Sub, arithmetic.Mul, arithmetic.Max, arithmetic.Min,
)  # fmt: skip
"""Operators whose chains do not amplify rounding."""


@st.composite
def maps(draw: Draw, operands: int, longest: int = 5) -> Map:
    """A chain that starts with operand 0 and uses every operand and every step, as fused chains do."""
    steps: list[Step] = []
    unused = list(range(1, operands))
    length = draw(st.integers(max(1, operands - 1), longest))
    while len(steps) < length:
        binary = bool(unused) and (length - len(steps) <= len(unused) or draw(st.booleans()))
        kinds = [c for c in BENIGN if c.arity == 2] if binary else list(BENIGN)
        op = draw(elementwise_ops(draw(st.sampled_from(kinds))))
        args = [operands + len(steps) - 1 if steps else 0]
        if op.arity == 2:
            args.append(unused.pop() if unused else draw(st.integers(0, operands + len(steps) - 1)))
        steps.append(Step(op, tuple(draw(st.permutations(args)))))
    return Map(operands, tuple(steps))


@st.composite
def map_case(draw: Draw) -> Case:
    count = draw(st.integers(1, 3))
    result = draw(shapes())
    operands = draw(broadcast_shapes(result, count))
    operands[0] = result
    return draw(make_case(draw(maps(count)), operands, special=True))


@st.composite
def windows(draw: Draw, n: int) -> dict[str, Shape]:
    """Geometry over n axes: an input that the window fits into."""
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(n))
    strides = tuple(draw(st.integers(1, 3)) for _ in range(n))
    dilations = tuple(draw(st.sampled_from([1, 1, 2])) for _ in range(n))
    begins = tuple(draw(st.integers(0, k - 1)) for k in kernel)
    ends = tuple(draw(st.integers(0, k - 1)) for k in kernel)
    sizes = []
    for k, d, b, e in zip(kernel, dilations, begins, ends, strict=True):
        least = max(1, (k - 1) * d + 1 - b - e)
        sizes.append(least + draw(st.integers(0, 4 if n < 3 else 1)))
    return {
        "kernel": kernel,
        "strides": strides,
        "dilations": dilations,
        "pads": (*begins, *ends),
        "sizes": tuple(sizes),
    }


@st.composite
def tails(draw: Draw, result: Shape) -> tuple[Map | None, list[Shape]]:
    """No tail, or one with operands of the result's shape or broadcast."""
    if draw(st.booleans()):
        return None, []
    more = draw(st.integers(0, 2))
    operands: list[Shape] = []
    for _ in range(more):
        kind = draw(st.sampled_from(["whole", "one", "channel"]))
        channel = (result[1], *[1] * (len(result) - 2)) if len(result) > 1 else result
        operands.append({"whole": result, "one": (1,) * len(result), "channel": channel}[kind])
    return draw(maps(1 + more, 3)), operands


@st.composite
def conv(draw: Draw) -> Case:
    n = draw(st.sampled_from([1, 2, 2, 3]))
    geometry = draw(windows(n))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 3))
    x = (draw(st.sampled_from([1, 1, 2, 0] if n < 3 else [1])), channels, *geometry["sizes"])
    w = (outputs, channels // groups, *geometry["kernel"])
    b = (outputs,) if draw(st.booleans()) else None
    op = Conv(geometry["strides"], geometry["pads"], geometry["dilations"], groups)
    y = op.infer(*(None if s is None else TensorType.of("float32", s) for s in (x, w, b)))
    tail, more = draw(tails(y.shape))
    return draw(make_case(dataclasses.replace(op, tail=tail), [x, w, b, *more]))


@st.composite
def dense(draw: Draw) -> Case:
    lead = draw(shapes(0, 3))
    inputs, outputs = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    b = (outputs,) if draw(st.booleans()) else None
    tail, more = draw(tails((*lead, outputs)))
    more = [s if s in ((*lead, outputs), (1,) * (len(lead) + 1)) else (outputs,) for s in more]
    return draw(make_case(Dense(tail), [(*lead, inputs), (outputs, inputs), b, *more]))


@st.composite
def matmul(draw: Draw) -> Case:
    lead = draw(shapes(0, 2, most=12))
    left, right = draw(broadcast_shapes(lead, 2))
    m, k, n = (draw(st.integers(0 if draw(st.integers(0, 9)) == 9 else 1, 4)) for _ in range(3))
    return draw(make_case(MatMul(), [(*left, m, k), (*right, k, n)]))


@st.composite
def batch_norm(draw: Draw) -> Case:
    x = draw(shapes(1, 4))
    channels = (x[1] if len(x) > 1 else 1,)
    eps = draw(st.sampled_from([1e-5, 1e-3, 0.1]))
    return draw(make_case(BatchNorm(eps), [x, channels, channels, channels, channels], positive=(4,)))


@st.composite
def pool(draw: Draw, cls: type[MaxPool] | type[AveragePool]) -> Case:
    n = draw(st.sampled_from([1, 2, 2, 3]))
    g = draw(windows(n))
    x = (draw(st.sampled_from([1, 2])), draw(st.integers(1, 3)), *g["sizes"])
    extra: dict[str, Any] = {"ceil": draw(st.booleans())}
    if cls is AveragePool:
        extra["include_pad"] = draw(st.booleans())
    op = cls(kernel=g["kernel"], strides=g["strides"], pads=g["pads"], dilations=g["dilations"], **extra)
    y = op.infer(TensorType.of("float32", x))
    tail, more = draw(tails(y.shape))
    return draw(make_case(dataclasses.replace(op, tail=tail), [x, *more]))


@st.composite
def reduce(draw: Draw) -> Case:
    kind = draw(st.sampled_from(["mean", "sum", "max", "min"]))
    x = draw(shapes(0, 4))
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(x) - 1))))) if x else ()
    return draw(make_case(Reduce(kind, axes), [x]))


@st.composite
def softmax(draw: Draw) -> Case:
    x = draw(shapes(1, 4))
    return draw(make_case(Softmax(draw(st.integers(0, len(x) - 1)), draw(st.booleans())), [x]))


@st.composite
def concat(draw: Draw) -> Case:
    x = draw(shapes(1, 4))
    axis = draw(st.integers(0, len(x) - 1))
    widths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    return draw(make_case(Concat(axis), [(*x[:axis], n, *x[axis + 1 :]) for n in widths]))


@st.composite
def slice_case(draw: Draw) -> Case:
    x = draw(shapes(0, 4))
    starts, steps, sizes = [], [], []
    for n in x:
        step = draw(st.sampled_from([1, 1, 2, -1, -2, 3]))
        if n == 0:
            start, size = 0, 0
        else:
            start = draw(st.integers(0, n - 1))
            room = (n - 1 - start) // step if step > 0 else start // -step
            size = draw(st.integers(0, room + 1))
        starts.append(start)
        steps.append(step)
        sizes.append(size)
    return draw(make_case(Slice(tuple(starts), tuple(steps), tuple(sizes)), [x]))


@st.composite
def pad(draw: Draw) -> Case:
    mode = draw(st.sampled_from(["constant", "reflect", "edge", "wrap"]))
    x = draw(shapes(0, 4, zero=mode == "constant", most=40))
    pads = []
    for n in (*x, *x):
        most = max(n - 1, 0) if mode == "reflect" else n if mode == "wrap" else 2
        least = 0 if mode in ("reflect", "wrap") else -(n // 2)
        pads.append(draw(st.integers(least, min(most, 3))))
    return draw(make_case(Pad(tuple(pads), mode, draw(finite)), [x]))


@st.composite
def reshape(draw: Draw) -> Case:
    x = draw(shapes(0, 4))
    count = prod(x)
    choices = [(count,), (1, count), x[::-1], (*x, 1), (1, *x)]
    choices += [(n, count // n) for n in (2, 3) if count and count % n == 0]
    return draw(make_case(Reshape(draw(st.sampled_from(choices))), [x], plain=True))


@st.composite
def transpose(draw: Draw) -> Case:
    x = draw(shapes(0, 4))
    return draw(make_case(Transpose(tuple(draw(st.permutations(range(len(x)))))), [x]))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    Map: map_case,
    Conv: conv,
    Dense: dense,
    MatMul: matmul,
    BatchNorm: batch_norm,
    MaxPool: lambda: pool(MaxPool),
    AveragePool: lambda: pool(AveragePool),
    Reduce: reduce,
    Softmax: softmax,
    Concat: concat,
    Slice: slice_case,
    Pad: pad,
    Reshape: reshape,
    Transpose: transpose,
    Identity: lambda: shapes().flatmap(lambda s: make_case(Identity(), [s], same=True)),
    Copy: lambda: shapes().flatmap(lambda s: make_case(Copy(), [s])),
}


def more_strategies() -> dict[type[Op], Callable[[], st.SearchStrategy[Case]]]:
    """Those of the files that build on this one; what they have goes before what is here."""
    from tests.support import (
        op_cases_counted,
        op_cases_elementwise,
        op_cases_integer,
        op_cases_moving,
        op_cases_requantize,
        op_cases_sampling,
        op_cases_windows,
    )

    files = (
        op_cases_counted,
        op_cases_elementwise,
        op_cases_integer,
        op_cases_moving,
        op_cases_requantize,
        op_cases_sampling,
        op_cases_windows,
    )
    return {cls: made for file in files for cls, made in file.STRATEGIES.items()}


def case(cls: type[Op]) -> st.SearchStrategy[Case]:
    """The strategy of an operator class."""
    found = {**STRATEGIES, **more_strategies()}.get(cls)
    if found is not None:
        return found()
    if issubclass(cls, Elementwise):
        return elementwise(cls)
    raise LookupError(f"no strategy for {cls.__name__}: add one to tests/support/op_cases.py")
