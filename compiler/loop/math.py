"""exp, log, tanh, erf and pow as loop code: the same bits on every engine, no libm.

Accuracy is stated per function and tested against numpy in float64.
"""

from __future__ import annotations

from functools import cache
from math import factorial, inf, log, nan, pi, sqrt

import numpy as np

from compiler.loop.builder import Kernel
from compiler.loop.nodes import (
    F32,
    F64,
    I32,
    I64,
    Bitcast,
    Cast,
    Compare,
    Const,
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
from compiler.loop.rounding import floor

_LOG2E = 1.4426950408889634
_LN2 = log(2.0)


def polynomial(x: Expr, coefficients: list[float]) -> Expr:
    """Horner's rule; coefficients from the highest power down."""
    result: Expr = const(coefficients[0], x.type)
    for c in coefficients[1:]:
        result = result * x + c
    return result


def _function(name: str, kind: Type, result: Expr, k: Kernel, args: tuple[Var, ...], *doc: str) -> Function:
    return Function(name, (), args, k.body(), result, doc)


def _round(k: Kernel, x: Expr, integer: Type) -> Expr:
    """Nearest integer, halves away from zero; |x| must be small."""
    half = select(x < 0.0, -0.5, 0.5, like=x.type)
    return Cast(x + half, integer, exact=True)


@cache
def exp_function(kind: Type = F32) -> Function:
    """exp(x) = 2**n * exp(r), n = round(x/ln 2), |r| <= ln(2)/2, by Taylor's series. Below 2 ulp in float32."""
    k = Kernel()
    x = Var("x", kind)
    k.reserve("x")
    single = kind == F32
    top, bottom = (88.8, -104.0) if single else (709.8, -745.2)
    integer, bias, mantissa = (I32, 127, 23) if single else (I64, 1023, 52)
    high = 0.693359375 if single else 0.693147180369123816490
    low = _LN2 - high
    clamped = k.let("c", minimum(maximum(x, const(bottom, kind)), const(top, kind)))
    n = k.let("n", _round(k, clamped * _LOG2E, integer))
    f = Cast(n, kind)
    r = k.let("r", (clamped - f * high) - f * low)
    terms = 7 if single else 13
    p = k.let("p", polynomial(r, [1.0 / factorial(i) for i in range(terms, 0, -1)]) * r + 1.0)
    half = k.let("h", n >> 1)  # in two steps, so that subnormal results come out right
    scale1 = Bitcast((half + bias) << mantissa, kind)
    scale2 = Bitcast((n - half + bias) << mantissa, kind)
    result = select(x > top, inf, select(x < bottom, 0.0, p * scale1 * scale2, like=kind), like=kind)
    result = select(Compare("ne", x, x), x, result, like=kind)
    return _function(f"exp_{kind}", kind, result, k, (x,), "e to the power of x")


@cache
def log_function(kind: Type = F32) -> Function:
    """ln(x) = n ln 2 + ln(m), sqrt(1/2) <= m < sqrt(2), by the series of atanh. Below 2 ulp in float32."""
    k = Kernel()
    x = Var("x", kind)
    k.reserve("x")
    single = kind == F32
    integer, mantissa, tiny = (I32, 23, 1.1754943508222875e-38) if single else (I64, 52, 2.2250738585072014e-308)
    small = Compare("lt", x, const(tiny, kind))
    scaled = k.let("s", select(small, x * float(2**mantissa), x))
    bits = k.let("b", Bitcast(scaled, integer))
    split = int(_bits(sqrt(0.5), single))
    e = k.let("e", (bits - split) >> mantissa)
    m = k.let("m", Bitcast(bits - (e << mantissa), kind))
    n = k.let("n", Cast(e, kind) - select(small, float(mantissa), 0.0, like=kind))
    f = k.let("f", m - 1.0)
    t = k.let("t", f / (f + 2.0))
    z = k.let("z", t * t)
    terms = 5 if single else 11
    r = k.let("r", z * polynomial(z, [2.0 / (2 * i + 3) for i in range(terms - 1, -1, -1)]))
    h = k.let("h", f * f * 0.5)
    high = 0.693359375 if single else 0.693147180369123816490
    low = _LN2 - high
    value = k.let("v", n * high + (f - (h - (t * (h + r) + n * low))))
    result = select(x > 0.0, select(x.eq(inf), x, value), select(x.eq(0.0), -inf, nan, like=kind))
    return _function(f"log_{kind}", kind, result, k, (x,), "natural logarithm")


def _bits(value: float, single: bool) -> int:
    return int(np.float32(value).view(np.int32) if single else np.float64(value).view(np.int64))


@cache
def tanh_function() -> Function:
    """Near 0 Lambert's continued fraction, else 1 - 2/(exp(2|x|) + 1). Below 4 ulp."""
    k = Kernel()
    x = Var("x", F32)
    k.reserve("x")
    a = k.let("a", Unary("abs", x))
    z = k.let("z", x * x)
    near = x * (z * (z + 105.0) + 945.0) / (z * (z * 15.0 + 420.0) + 945.0)
    far = const(1.0, F32) - const(2.0, F32) / (Invoke(exp_function(), (a + a,)) + 1.0)
    far = k.let("f", far)
    result = select(a < 0.625, near, select(x < 0.0, -far, far))
    result = select(Compare("ne", x, x), x, result)
    return _function("tanh_f32", F32, result, k, (x,), "hyperbolic tangent")


@cache
def erf_function() -> Function:
    """|x| < 1: Maclaurin's series; else 1 - exp(-x*x) P(1/(1 + p|x|)), Abramowitz and Stegun 7.1.26.

    Absolute error below 3e-7.
    """
    k = Kernel()
    x = Var("x", F32)
    k.reserve("x")
    a = k.let("a", Unary("abs", x))
    z = k.let("z", x * x)
    series = [(-1.0) ** n * 2.0 / sqrt(pi) / (factorial(n) * (2 * n + 1)) for n in range(10, -1, -1)]
    near = x * polynomial(z, series)
    t = k.let("t", const(1.0, F32) / (a * 0.3275911 + 1.0))
    p = polynomial(t, [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]) * t
    far = k.let("f", const(1.0, F32) - p * Invoke(exp_function(), (-z,)))
    result = select(a < 1.0, near, select(x < 0.0, -far, far))
    result = select(Compare("ne", x, x), x, result)
    return _function("erf_f32", F32, result, k, (x,), "error function")


@cache
def erf64_function() -> Function:
    """|x| < 3: 2/sqrt(pi) exp(-x*x) times a series of positive terms; else 1 - exp(-x*x)/sqrt(pi) times a continued
    fraction (Abramowitz and Stegun 7.1.6 and 7.1.14). Absolute error below 1e-14."""
    k = Kernel()
    x = Var("x", F64)
    k.reserve("x")
    a = k.let("a", minimum(Unary("abs", x), const(7.0, F64)))
    z = k.let("z", a * a)
    terms, product = [1.0], 1.0
    for n in range(1, 60):
        product *= 2.0 / (2 * n + 1)
        terms.append(product)
    gauss = k.let("g", Invoke(exp_function(F64), (-z,)))
    near = k.let("n", a * (2.0 / sqrt(pi)) * gauss * polynomial(z, terms[::-1]))
    fraction: Expr = a
    for n in range(40, 0, -1):
        fraction = k.let("c", a + const(n / 2.0, F64) / fraction)
    far = k.let("f", const(1.0, F64) - gauss * (1.0 / sqrt(pi)) / fraction)
    value = k.let("v", select(a < 3.0, near, far))
    result = select(x < 0.0, -value, value)
    return _function("erf_f64", F64, select(Compare("ne", x, x), x, result), k, (x,), "error function")


@cache
def pow_function(kind: Type = F32) -> Function:
    """x**y through log and exp in float64, so that the result is good to float32; C's rules for signs and zeros."""
    k = Kernel()
    x, y = Var("x", kind), Var("y", kind)
    k.reserve("x", "y")
    a = k.let("a", Unary("abs", x))
    whole = k.let("w", floor(y))
    integral = k.let("integral", whole.eq(y))
    half = y * 0.5
    odd = k.let("odd", integral & floor(half).ne(half))
    product = _wide(y) * Invoke(log_function(F64), (_wide(a),))
    wide = Invoke(exp_function(F64), (product,))
    size = k.let("size", wide if kind == F64 else Cast(wide, F32))
    below = Bitcast(x, I32 if kind == F32 else I64) < 0  # the sign bit: -0.0 to an odd power is a zero or infinity < 0
    signed = select(below & odd, -size, size)
    finite_x = Unary("abs", x) < inf
    invalid = (x < 0.0) & Unary("not", integral) & finite_x
    result = select(y.eq(0.0), 1.0, select(invalid, nan, signed), like=kind)
    result = select(x.eq(1.0), x, result)
    result = select(a.eq(1.0) & Unary("abs", y).eq(inf), 1.0, result, like=kind)
    return _function(f"pow_{kind}", kind, result, k, (x, y), "x to the power of y")


def _wide(x: Expr) -> Expr:
    return x if x.type == F64 else Cast(x, F64)


@cache
def integer_pow_function(kind: Type) -> Function:
    """x**y for whole y >= 0, modulo 2**bits; a negative y gives what is left of 1/x**-y: 1, -1 or 0."""
    k = Kernel()
    x, y = Var("x", kind), Var("y", kind)
    k.reserve("x", "y")
    power: Expr = x
    result: Expr = const(1, kind)
    bits = kind.bits if kind.kind == "u" else kind.bits - 1
    for bit in range(bits):
        result = k.let("r", select(((y >> bit) & 1).ne(0), result * power, result, like=kind))
        if bit < bits - 1:
            power = k.let("p", power * power)
    if kind.kind == "i":
        unit = select(x.eq(-1), select((y & 1).ne(0), -1, 1, like=kind), select(x.eq(1), 1, 0, like=kind))
        result = select(y < 0, unit, result)
    return _function(f"pow_{kind}", kind, result, k, (x, y), "x to the power of y, wrapping")


def exp(x: Expr) -> Expr:
    return Invoke(exp_function(x.type.scalar), (x,))


def log_(x: Expr) -> Expr:
    return Invoke(log_function(x.type.scalar), (x,))


def tanh(x: Expr) -> Expr:
    if x.type.scalar == F64:
        from compiler.loop.trigonometry import function  # which builds on exp

        return function("tanh", x)
    return Invoke(tanh_function(), (x,))


def erf(x: Expr) -> Expr:
    return Invoke(erf64_function() if x.type.scalar == F64 else erf_function(), (x,))


def power(x: Expr, y: Expr) -> Expr:
    """x**y of one type; small constant exponents need no function."""
    if isinstance(y, Const):
        if y.value == 2:
            return x * x
        if y.value == 1:
            return x
    kind = x.type.scalar
    return Invoke(pow_function(kind) if kind.is_float else integer_pow_function(kind), (x, y))


def sigmoid(x: Expr) -> Expr:
    return const(1.0, x.type) / (exp(-x) + 1.0)
