"""Circular and hyperbolic functions and their inverses as loop code, in float32 and float64.

Relative error below 1e-6 (float32) and 1e-13 (float64) where the result is not close to a zero other than at the
argument 0; sin, cos and tan reduce their argument with three constants and lose digits beyond |x| = 1e4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import factorial, inf, log, pi

from compiler.loop.builder import Kernel
from compiler.loop.math import exp_function, log_function, polynomial
from compiler.loop.nodes import (
    F32,
    I32,
    Cast,
    Compare,
    Expr,
    Function,
    Invoke,
    Type,
    Unary,
    Var,
    const,
    maximum,
    minimum,
    select,
)
from compiler.loop.rounding import rint

# pi/2 in three parts; the products with quotients of up to 13 (float32) or 20 bits (float64) are exact.
_HALF_PI = {
    32: (1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8),
    64: (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21),
}


def _terms(kind: Type, single: int, double: int) -> range:
    """Indices of a series' terms, the highest first."""
    return range((single if kind == F32 else double) - 1, -1, -1)


Body = Callable[[Kernel, Expr, Type], Expr]


@cache
def _named(name: str, kind: Type) -> Function:
    k = Kernel()
    x = Var("x", kind)
    k.reserve("x")
    result = _BODIES[name](k, x, kind)
    return Function(f"{name}_{kind}", (), (x,), k.body(), result, (_DOCS[name],))


def _reduced(k: Kernel, x: Expr, kind: Type) -> tuple[Expr, Expr, Expr]:
    """sin(r), cos(r) and the quadrant, for x = r + quadrant * pi/2, |r| <= pi/4."""
    limit = 1e8 if kind == F32 else 1e15
    bounded = k.let("c", minimum(maximum(x, const(-limit, kind)), const(limit, kind)))
    n = k.let("n", rint(bounded * (2.0 / pi)))
    a, b, c = _HALF_PI[kind.bits]
    r = k.let("r", ((bounded - n * a) - n * b) - n * c)
    z = k.let("z", r * r)
    sine = [(-1.0) ** i / factorial(2 * i + 1) for i in _terms(kind, 6, 11)]
    cosine = [(-1.0) ** i / factorial(2 * i) for i in _terms(kind, 7, 12)]
    s = k.let("s", r * polynomial(z, sine))
    c_ = k.let("d", polynomial(z, cosine))
    quadrant = n - 4.0 * rint(n * 0.25)  # -2 to 2
    return s, c_, k.let("q", Cast(quadrant, I32, exact=True) & 3)


def _sin(k: Kernel, x: Expr, kind: Type) -> Expr:
    s, c, q = _reduced(k, x, kind)
    value = k.let("v", select((q & 1).ne(0), c, s))
    value = select((q & 2).ne(0), -value, value)
    return select(_finite(x), value, x - x)


def _cos(k: Kernel, x: Expr, kind: Type) -> Expr:
    s, c, q = _reduced(k, x, kind)
    value = k.let("v", select((q & 1).ne(0), s, c))
    value = select(((q + 1) & 2).ne(0), -value, value)
    return select(_finite(x), value, x - x)


def _tan(k: Kernel, x: Expr, kind: Type) -> Expr:
    s, c, q = _reduced(k, x, kind)
    odd = k.let("o", (q & 1).ne(0))
    return select(_finite(x), select(odd, -c, s) / select(odd, s, c), x - x)


def _finite(x: Expr) -> Expr:
    return Unary("abs", x) < inf


def _atan(k: Kernel, x: Expr, kind: Type) -> Expr:
    """Above 1 by pi/2 - atan(1/x), above tan(pi/8) by pi/4 + atan((x-1)/(x+1)), then the Maclaurin series."""
    a = k.let("a", Unary("abs", x))
    inverse = k.let("i", a > 1.0)
    b = k.let("b", select(inverse, const(1.0, kind) / a, a))
    shifted = k.let("h", b > 0.4142135623730951)
    t = k.let("t", select(shifted, (b - 1.0) / (b + 1.0), b))
    z = k.let("z", t * t)
    p = k.let("p", t * polynomial(z, [(-1.0) ** i / (2 * i + 1) for i in _terms(kind, 10, 21)]))
    angle = k.let("g", select(shifted, p + pi / 4, p))
    angle = k.let("f", select(inverse, const(pi / 2, kind) - angle, angle))
    return select(x < 0.0, -angle, select(x.eq(0.0), x, angle))


def _asin(k: Kernel, x: Expr, kind: Type) -> Expr:
    return atan(k.let("q", x / Unary("sqrt", (1.0 - x) * (x + 1.0))))


def _acos(k: Kernel, x: Expr, kind: Type) -> Expr:
    return atan(k.let("q", Unary("sqrt", (1.0 - x) / (x + 1.0)))) * 2.0


def _halves(k: Kernel, x: Expr, kind: Type) -> tuple[Expr, Expr]:
    """exp(|x|)/2 and exp(-|x|)/2; the first through the root, so that it does not overflow too early."""
    root = k.let("h", Invoke(exp_function(kind), (Unary("abs", x) * 0.5,)))
    return k.let("b", root * 0.5 * root), k.let("l", (const(0.5, kind) / root) / root)


def _sinh(k: Kernel, x: Expr, kind: Type) -> Expr:
    large, small = _halves(k, x, kind)
    near = x * polynomial(k.let("z", x * x), [1.0 / factorial(2 * i + 1) for i in _terms(kind, 5, 9)])
    far = k.let("f", large - small)
    result = select(Unary("abs", x) < 0.5, near, select(x < 0.0, -far, far))
    return select(Compare("ne", x, x), x, result)


def _cosh(k: Kernel, x: Expr, kind: Type) -> Expr:
    large, small = _halves(k, x, kind)
    return select(Compare("ne", x, x), x, large + small)


def _tanh64(k: Kernel, x: Expr, kind: Type) -> Expr:
    z = k.let("z", x * x)
    s = x * polynomial(z, [1.0 / factorial(2 * i + 1) for i in _terms(kind, 5, 9)])
    c = polynomial(z, [1.0 / factorial(2 * i) for i in _terms(kind, 5, 9)])
    a = k.let("a", Unary("abs", x))
    far = k.let("f", const(1.0, kind) - const(2.0, kind) / (Invoke(exp_function(kind), (a + a,)) + 1.0))
    result = select(a < 0.5, s / c, select(x < 0.0, -far, far))
    return select(Compare("ne", x, x), x, result)


def _log1p(k: Kernel, x: Expr, kind: Type) -> Expr:
    """For x >= 0: below 0.7 by the series of atanh(x / (2 + x)), above by the logarithm of 1 + x."""
    t = k.let("t", x / (x + 2.0))
    near = t * 2.0 * polynomial(k.let("z", t * t), [1.0 / (2 * i + 1) for i in _terms(kind, 8, 15)])
    return select(x < 0.7, near, Invoke(log_function(kind), (x + 1.0,)))


def _asinh(k: Kernel, x: Expr, kind: Type) -> Expr:
    a = k.let("a", Unary("abs", x))
    z = k.let("y", a * a)
    near = Invoke(_named("log1p", kind), (a + z / (Unary("sqrt", z + 1.0) + 1.0),))
    large = 1e9 if kind == F32 else 1e150
    far = Invoke(log_function(kind), (a,)) + log(2.0)
    value = k.let("v", select(a > large, far, near))
    result = select(x < 0.0, -value, value)
    return select(x.eq(0.0), x, result)


def _acosh(k: Kernel, x: Expr, kind: Type) -> Expr:
    y = k.let("y", x - 1.0)
    near = Invoke(_named("log1p", kind), (y + Unary("sqrt", y * (y + 2.0)),))
    large = 1e9 if kind == F32 else 1e150
    far = Invoke(log_function(kind), (x,)) + log(2.0)
    return select(x < 1.0, (x - x) / (x - x), select(x > large, far, near))


def _atanh(k: Kernel, x: Expr, kind: Type) -> Expr:
    a = k.let("a", Unary("abs", x))
    value = k.let("v", Invoke(_named("log1p", kind), (a * 2.0 / (1.0 - a),)) * 0.5)
    result = select(x < 0.0, -value, value)
    result = select(a > 1.0, (x - x) / (x - x), result)
    return select(x.eq(0.0), x, result)


_BODIES: dict[str, Body] = {
    "sin": _sin, "cos": _cos, "tan": _tan, "atan": _atan, "asin": _asin, "acos": _acos, "sinh": _sinh, "cosh": _cosh,
    "tanh": _tanh64, "log1p": _log1p, "asinh": _asinh, "acosh": _acosh, "atanh": _atanh,
}  # fmt: skip
_DOCS = {
    "sin": "sine", "cos": "cosine", "tan": "tangent", "atan": "inverse tangent", "asin": "inverse sine",
    "acos": "inverse cosine", "sinh": "hyperbolic sine", "cosh": "hyperbolic cosine", "tanh": "hyperbolic tangent",
    "log1p": "logarithm of 1 + x, for x >= 0", "asinh": "inverse hyperbolic sine",
    "acosh": "inverse hyperbolic cosine", "atanh": "inverse hyperbolic tangent",
}  # fmt: skip


def function(name: str, x: Expr) -> Expr:
    """`sin`, `cos`, ... of a float32 or float64."""
    return Invoke(_named(name, x.type.scalar), (x,))


def atan(x: Expr) -> Expr:
    return function("atan", x)
