"""Cases of operators with operands of any type, and with several results; `op_cases.py` has those of float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType, fill
from compiler.ops.base import Op
from tests.support.op_cases import Case, Shape, layouts

Draw = Callable[[st.SearchStrategy[Any]], Any]
MOVED = ("float32", "int64", "bool", "float16", "uint8", "int4", "bfloat16", "float64")
COMPUTED = ("float32", "float32", "float64", "float16", "int32", "int64", "uint8")


@dataclass(frozen=True)
class Given:
    """An operand. `constant`: known when the model is compiled, or not; None lets the case choose."""

    array: Array
    constant: bool | None = None


@st.composite
def values(draw: Draw, shape: Shape, dtype: str) -> Array:
    """Small numbers; integers of both signs where the type has them, now and then the whole range of the type."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = np.dtype(dtype)
    if dtype == "bool":
        return chance.random(shape) < 0.5
    if dtype.startswith(("int", "uint")):
        signed = dtype.startswith("int")
        bits = int(dtype.removeprefix("u").removeprefix("int"))
        reach = min(bits - signed, draw(st.sampled_from([3, 3, bits - signed])))
        low, high = (-(2**reach) if signed else 0), 2**reach - 1
        return chance.integers(low, high, shape, np.int64 if signed else np.uint64, endpoint=True).astype(kind)
    return np.asarray(chance.normal(0, draw(st.sampled_from([0.3, 1.0, 4.0])), shape)).astype(kind)


@st.composite
def whole(draw: Draw, shape: Shape, low: int, high: int, dtype: str = "") -> Array:
    """Integers from `low` to `high`, both included."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return chance.integers(low, high, shape, endpoint=True).astype(dtype or draw(st.sampled_from(["int32", "int64"])))


@st.composite
def typed_case(draw: Draw, op: Op, operands: Sequence[Given | None], plain: bool = False) -> Case:
    """A graph of one node. `plain`: everything lies row-major."""
    found: list[Value | None] = []
    inputs: dict[str, Array] = {}
    known: dict[str, Array] = {}
    open_ones = [i for i, g in enumerate(operands) if g is not None and not g.constant]
    runtime = draw(st.sampled_from(open_ones))
    for i, g in enumerate(operands):
        if g is None:
            found.append(None)
            continue
        kind, array = "constant" if g.constant else "input", g.array
        if g.constant is None and i != runtime:
            kind = draw(st.sampled_from(["input", "input", "constant", "fill"]))
        if kind == "fill" and array.size:
            array = fill(array.reshape(-1)[0], str(array.dtype), array.shape)
        layout = draw(layouts(array.ndim, plain or kind != "input"))
        found.append(Value(f"v{i}", TensorType.of(str(array.dtype), array.shape, layout)))
        (inputs if kind == "input" else known)[f"v{i}"] = array
    inferred = op.infer(*(None if v is None else v.type for v in found))
    types = (inferred,) if isinstance(inferred, TensorType) else inferred
    results = tuple(
        Value("y" if len(types) == 1 else f"y{i}", t.with_layout(draw(layouts(t.rank, plain))))
        for i, t in enumerate(types)
    )
    node = Node(op, tuple(found), results, "node", ("node",), ("",) * len(results))
    given = tuple(v for v in found if v is not None and v.name in inputs)
    return Case(Graph("case", given, results, (node,), known), inputs)
