"""Simplified integer expressions mean what the plain ones mean; bad kernels are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import CompilerBug
from compiler.loop import interp
from compiler.loop.builder import Kernel
from compiler.loop.nodes import F32, I32, Assign, Binary, Buffer, Const, Expr, For, Function, Let, Store, Var
from compiler.loop.simplify import binary, wrap
from compiler.loop.verify import verify

OPS = ("add", "sub", "mul", "div", "rem", "min", "max", "and", "or", "xor", "shl", "shr")
constants = st.sampled_from([0, 1, -1, 2, 3, 7, 64, -5, 2**31 - 1, -(2**31)]) | st.integers(-(2**31), 2**31 - 1)
leaves = st.builds(Var, st.sampled_from("ijk")) | st.builds(Const, constants)


@st.composite
def trees(draw: st.DrawFn, depth: int = 4) -> tuple[Expr, Expr]:
    """The same expression twice: built plainly, and through the simplifying constructor."""
    if depth == 0 or draw(st.booleans()):
        leaf = draw(leaves)
        return leaf, leaf
    op = draw(st.sampled_from(OPS))
    (a, simple_a), (b, simple_b) = draw(trees(depth - 1)), draw(trees(depth - 1))
    return Binary(op, a, b), binary(op, simple_a, simple_b)


@given(trees(), st.tuples(constants, constants, constants))
def test_simplifying_keeps_the_meaning(pair: tuple[Expr, Expr], values: tuple[int, int, int]) -> None:
    machine = interp.Machine()
    machine.vars = {n: np.int32(v) for n, v in zip("ijk", values, strict=True)}
    plain, simple = pair
    assert machine.eval(plain) == machine.eval(simple)


@given(st.integers(-(2**40), 2**40))
def test_wrap_is_what_int32_does(value: int) -> None:
    assert wrap(value, I32) == np.array([value], np.int64).astype(np.int32)[0]


def test_index_expressions_stay_sums_of_multiples() -> None:
    i, j = Var("i"), Var("j")
    assert ((i + 2) * 25 + j) * 4 + 1 == i * 100 + j * 4 + 201


X, Y = Buffer("x", F32, 4, const=True), Buffer("y", F32, 4)
I = Var("i")  # noqa: E741 - the index


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ((Store(X, Const(0), Const(1.0, F32)),), "constant x is written"),
        ((Store(Y, Const(0), Const(1, I32)),), "holds f32"),
        ((Store(Y, I, Const(1.0, F32)),), "not in scope"),
        ((Store(Buffer("z", F32), Const(0), Const(1.0, F32)),), "unknown"),
        ((Let(I, Const(1)), Let(I, Const(2))), "declared twice"),
        ((Assign(I, Const(1)),), "before its declaration"),
        ((For(I, Const(0), Const(4), (), step=0),), "does not advance"),
        ((Let(I, Binary("add", Const(1), Const(1.0, F32))),), "two types"),
    ],
)
def test_bad_kernels_are_refused(body: tuple[object, ...], what: str) -> None:
    with pytest.raises(CompilerBug, match=what):
        verify(Function("bad", (X, Y), (), body))  # type: ignore[arg-type]


@pytest.mark.parametrize("down", [False, True])
def test_a_loop_takes_the_same_values_in_both_directions(down: bool) -> None:
    k = Kernel()
    seen = []
    with k.loop(11, "i", start=2, step=3, down=down) as i:
        k.emit(Store(Buffer("y", I32), i, i))
    out = np.full(12, -1, np.int32)
    interp.run(k.function("f", [Buffer("y", I32)]), {"y": out}, watch=lambda kind, _, at: seen.append(at))
    assert seen == ([8, 5, 2] if down else [2, 5, 8])


def test_an_access_outside_its_buffer_is_an_error() -> None:
    k = Kernel()
    k.emit(Store(Buffer("y", F32), Const(4), Const(1.0, F32)))
    with pytest.raises(IndexError, match="outside"):
        interp.run(k.function("f", [Y]), {"y": np.zeros(4, np.float32)})
