"""Rounding floats to whole numbers, and the remainder of a division: the same bits on every engine, no libm."""

from __future__ import annotations

from functools import cache

from compiler.loop.builder import Kernel
from compiler.loop.nodes import (
    F32,
    F64,
    I32,
    I64,
    Bitcast,
    Cast,
    Compare,
    Expr,
    Function,
    Invoke,
    Type,
    Unary,
    Var,
    select,
)


def _whole(kind: Type) -> float:
    """From here on every number is a whole one."""
    return 2.0**23 if kind == F32 else 2.0**52


def _signed(result: Expr, x: Expr, kind: Type) -> Expr:
    """The sign of x, so that -0.3 becomes -0."""
    integer = I32 if kind == F32 else I64
    top = -(2**31) if kind == F32 else -(2**63)
    return Bitcast(Bitcast(result, integer) | (Bitcast(x, integer) & top), kind)


@cache
def _function(name: str, kind: Type) -> Function:
    k = Kernel()
    x = Var("x", kind)
    k.reserve("x")
    a = k.let("a", Unary("abs", x))
    if name == "rint":
        big = _whole(kind)
        near = k.let("t", (a + big) - big)  # rounds to nearest, ties to even, as every addition does
        result = k.let("r", _signed(near, x, kind))
        doc = "nearest whole number, ties to even"
    else:
        toward = k.let("t", Cast(Cast(x, I32 if kind == F32 else I64), kind))
        if name == "floor":
            toward = k.let("f", select(toward > x, toward - 1.0, toward))
        elif name == "ceil":
            toward = k.let("f", select(toward < x, toward + 1.0, toward))
        result = k.let("r", _signed(toward, x, kind))
        doc = {"floor": "largest whole number not above x", "ceil": "smallest whole number not below x"}.get(
            name, "x without its fraction"
        )
    return Function(f"{name}_{kind}", (), (x,), k.body(), select(a < _whole(kind), result, x), (doc,))


def floor(x: Expr) -> Expr:
    return Invoke(_function("floor", x.type.scalar), (x,))


def ceil(x: Expr) -> Expr:
    return Invoke(_function("ceil", x.type.scalar), (x,))


def trunc(x: Expr) -> Expr:
    return Invoke(_function("trunc", x.type.scalar), (x,))


def rint(x: Expr) -> Expr:
    """Nearest whole number, ties to even."""
    return Invoke(_function("rint", x.type.scalar), (x,))


@cache
def remainder_function(kind: Type) -> Function:
    """x - n*y with the sign of x, n = x/y without its fraction. Exact in float32 while |x/y| < 2**29."""
    k = Kernel()
    x, y = Var("x", kind), Var("y", kind)
    k.reserve("x", "y")
    a = k.let("a", Unary("abs", Cast(x, F64) if kind == F32 else x))
    b = k.let("b", Unary("abs", Cast(y, F64) if kind == F32 else y))
    n = k.let("n", trunc(a / b))
    r = k.let("r", a - n * b)
    r = k.let("s", select(r < 0.0, r + b, r))  # where the quotient was rounded up to a whole number
    r = k.let("t", select(r >= b, r - b, r))
    r = k.let("u", select(b > _limit(kind), a, r))  # an infinite divisor leaves x
    result = k.let("v", Cast(r, kind) if kind == F32 else r)
    result = select(Compare("lt", x, x * 0.0), -result, result)
    return Function(f"fmod_{kind}", (), (x, y), k.body(), result, ("remainder with the sign of x",))


def _limit(kind: Type) -> float:
    return 3.4028234663852886e38 if kind == F32 else 1.7976931348623157e308


def fmod(x: Expr, y: Expr) -> Expr:
    return Invoke(remainder_function(x.type.scalar), (x, y))
