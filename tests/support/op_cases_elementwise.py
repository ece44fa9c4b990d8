"""Elementwise operators with operands of every type they take, and operators that hold a sub-graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import TensorType
from compiler.ops import arithmetic, bits, cast, comparison, mathematics, quantize
from compiler.ops.activations import Relu, Selu, Shrink
from compiler.ops.base import Op
from compiler.ops.control import If, Repeat
from compiler.ops.dense import MatMul
from compiler.ops.elementwise import Elementwise
from tests.support.op_cases import Case, broadcast_shapes, finite, make_case, shapes
from tests.support.typed_cases import Given, typed_case, values

Draw = Callable[[st.SearchStrategy[Any]], Any]
WHOLE = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
REAL = ("float32", "float64", "float16", "bfloat16")
ALL = (*WHOLE, *REAL, "bool", "int4", "uint4", "int2", "uint2", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
       "float8_e5m2fnuz", "float4_e2m1fn")  # fmt: skip


SAME_WIDTH = (
    ("float32", "int32"), ("int16", "bfloat16"), ("float16", "uint16"), ("uint8", "int8"), ("float64", "int64"),
    ("bool", "uint8"),
)  # fmt: skip


@st.composite
def same_type(draw: Draw, op: Elementwise, dtypes: tuple[str, ...]) -> Case:
    """All operands of one type."""
    dtype = draw(st.sampled_from([d for d in dtypes if d in op.dtypes]))
    operands = draw(broadcast_shapes(draw(shapes()), op.arity))
    return draw(typed_case(op, [Given(draw(values(s, dtype))) for s in operands]))


@st.composite
def shifted(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(WHOLE))
    x, by = draw(broadcast_shapes(draw(shapes()), 2))
    return draw(
        typed_case(bits.BitShift(draw(st.booleans())), [Given(draw(values(x, dtype))), Given(draw(values(by, dtype)))])
    )


@st.composite
def where(draw: Draw) -> Case:
    condition, x, y = draw(broadcast_shapes(draw(shapes()), 3))
    dtype = draw(st.sampled_from(("float32", "int64", "float16", "bool", "uint8")))
    given = [Given(draw(values(condition, "bool"))), *(Given(draw(values(s, dtype))) for s in (x, y))]
    return draw(typed_case(comparison.Where(), given))


@st.composite
def powers(draw: Draw) -> Case:
    base, exponent = draw(broadcast_shapes(draw(shapes()), 2))
    kind = draw(st.sampled_from(("float32", "float64", "int32", "int64")))
    other = draw(st.sampled_from(("float32", "int32", "int64"))) if kind.startswith("int") else kind
    x = np.abs(draw(values(base, kind))) % 9 if kind.startswith("int") else np.abs(draw(values(base, kind)))
    y = np.clip(draw(values(exponent, other)), 0, 5)
    if other == "float32":
        y = np.rint(y).astype(np.float32)
    return draw(typed_case(arithmetic.Pow(), [Given(x.astype(kind)), Given(y.astype(other))]))


@st.composite
def converted(draw: Draw) -> Case:
    start = draw(st.sampled_from(ALL))
    op = cast.Convert(draw(st.sampled_from(ALL)), draw(st.booleans()))
    return draw(typed_case(op, [Given(draw(values(draw(shapes()), start)))]))


@st.composite
def reread(draw: Draw) -> Case:
    start, to = draw(st.sampled_from(SAME_WIDTH))
    return draw(typed_case(cast.BitCast(to), [Given(draw(values(draw(shapes()), start)))]))


SMALL = ("uint8", "int8", "int16", "uint16", "int4", "uint4", "int2", "float8_e4m3fn", "float8_e5m2")


@st.composite
def quantized(draw: Draw) -> Case:
    to = draw(
        st.sampled_from(("uint8", "int8", "int16", "uint16", "int4", "uint4", "int2", "float8_e4m3fn", "float8_e5m2"))
    )
    x, scale, zero = draw(broadcast_shapes(draw(shapes()), 3))
    small = np.zeros(zero) if "float" in to else draw(values(zero, to))
    given = [draw(values(x, "float32")), np.abs(draw(values(scale, "float32"))) + np.float32(0.01), small.astype(to)]
    return draw(typed_case(quantize.Quantize(to), [Given(a) for a in given]))


@st.composite
def dequantized(draw: Draw) -> Case:
    start = draw(st.sampled_from(("uint8", "int8", "int16", "int32", "int4", "uint2", "float8_e4m3fn")))
    x, scale, zero = draw(broadcast_shapes(draw(shapes()), 3))
    given = [draw(values(x, start)), draw(values(scale, "float32")), draw(values(zero, start))]
    return draw(typed_case(quantize.Dequantize("float32"), [Given(a) for a in given]))


@st.composite
def circular(draw: Draw, cls: type[Elementwise]) -> Case:
    """Moderate angles: far from 0 the argument itself is known too badly."""
    return draw(typed_case(cls(), [Given(draw(values(draw(shapes()), draw(st.sampled_from(REAL)))))]))


def body(op: Op, name: str, x: Value, w: Value) -> Graph:
    """(x, w) -> op(x) @ w, with names of its own."""
    a, b = Value(f"{name}:x", x.type), Value(f"{name}:w", w.type)
    between, y = Value(f"{name}:t", x.type), Value(f"{name}:y", x.type)
    nodes = (Node(op, (a,), (between,), name), Node(MatMul(), (between, b), (y,), name))
    return Graph(name, (a, b), (y,), nodes)


@st.composite
def branches(draw: Draw) -> Case:
    shape = (draw(st.integers(1, 3)), n := draw(st.integers(1, 3)))
    x, w = Value("x", TensorType.of("float32", shape)), Value("w", TensorType.of("float32", (n, n)))
    op = If(body(Relu(), "then", x, w), body(mathematics.Neg(), "else", x, w))
    given = [Given(np.asarray(draw(st.booleans())), constant=False)]
    for _ in range(2):
        given += [Given(draw(values(shape, "float32"))), Given(draw(values((n, n), "float32")))]
    return draw(typed_case(op, given, plain=True))


@st.composite
def rounds(draw: Draw) -> Case:
    shape = (draw(st.integers(1, 3)), n := draw(st.integers(1, 3)))
    x, w = Value("x", TensorType.of("float32", shape)), Value("w", TensorType.of("float32", (n, n)))
    one = body(mathematics.Neg(), "round", x, w)
    scans = draw(st.booleans())
    if scans:
        one = Graph(one.name, one.inputs, (*one.outputs, one.nodes[0].output), one.nodes)
    trips = draw(st.integers(0 if not scans else 1, 4))
    given = [
        Given(draw(values(shape, "float32")), constant=False),
        Given(draw(values((n, n), "float32")) * np.float32(0.3)),
    ]
    return draw(typed_case(Repeat(one, trips, 1), given, plain=True))


STRATEGIES: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    **{cls: (lambda cls=cls: same_type(cls(), ("bool", *WHOLE))) for cls in (bits.And, bits.Or, bits.Xor, bits.Not)},
    **{cls: (lambda cls=cls: same_type(cls(), ALL)) for cls in (comparison.Equal, comparison.Less, comparison.Greater)},
    **{cls: (lambda cls=cls: same_type(cls(), (*WHOLE, *REAL))) for cls in (
        arithmetic.Add, arithmetic.Sub, arithmetic.Mul, arithmetic.Div, arithmetic.Min, arithmetic.Max)},
    arithmetic.Mod: lambda: st.booleans().flatmap(lambda f: same_type(arithmetic.Mod(f), WHOLE)),
    arithmetic.Pow: powers,
    bits.BitShift: shifted,
    cast.BitCast: reread,
    cast.Convert: converted,
    comparison.IsInf: lambda: st.tuples(st.booleans(), st.booleans()).flatmap(
        lambda signs: make_case(comparison.IsInf(*signs), [(3, 5)], special=True)),
    comparison.Where: where,
    mathematics.Sin: lambda: circular(mathematics.Sin),
    mathematics.Cos: lambda: circular(mathematics.Cos),
    mathematics.Tan: lambda: circular(mathematics.Tan),
    quantize.Quantize: quantized,
    quantize.Dequantize: dequantized,
    Selu: lambda: shapes().flatmap(lambda s: make_case(Selu(), [s], special=True)),
    Shrink: lambda: st.tuples(finite, finite, shapes()).flatmap(
        lambda drawn: make_case(Shrink(drawn[0], drawn[1]), [drawn[2]], special=True)),
    If: branches,
    Repeat: rounds,
}  # fmt: skip
