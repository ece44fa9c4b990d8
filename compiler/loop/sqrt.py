"""The square root of processors without an instruction for it: digit by digit, correctly rounded."""

from __future__ import annotations

from functools import cache

from compiler.loop.builder import Kernel
from compiler.loop.nodes import F32, I32, U32, Bitcast, Cast, Compare, Function, Var, const, select

_DIGITS = 25  # one bit more than the result has, for rounding


@cache
def sqrt_function() -> Function:
    """`Unary("sqrt", x)` of a float32 without the operator itself."""
    k = Kernel()
    x = Var("x", F32)
    k.reserve("x")
    # Subnormal numbers are scaled to normal ones by an even power of two.
    small = k.let("small", x < 2.0**-126)
    scaled = k.let("scaled", select(small, x * 2.0**24, x, like=F32))
    bits = k.let("bits", Bitcast(scaled, U32))
    exponent = k.let("exponent", Cast(bits >> 23, I32) - 127)
    mantissa = k.let("mantissa", (bits & 0x7FFFFF) | 0x800000)
    odd = k.let("odd", Cast(exponent & 1, U32))
    rest = k.cell("rest", (mantissa << odd) << 1)
    root, twice = k.cell("root", const(0, U32)), k.cell("twice", const(0, U32))
    with k.loop(_DIGITS, "digit") as digit:
        bit = k.let("bit", const(1 << (_DIGITS - 1), U32) >> Cast(digit, U32))
        trial = k.let("trial", twice.value + bit)
        with k.when(trial <= rest.value):
            twice.set(trial + bit)
            rest.set(rest.value - trial)
            root.set(root.value + bit)
        rest.set(rest.value << 1)
    rounded = k.let("rounded", root.value + select(rest.value.ne(0), root.value & 1, const(0, U32), like=U32))
    # Halved exponents: an arithmetic shift rounds down, as it must.
    power = k.let("power", Cast(exponent >> 1, U32) << 23)
    result = k.let("result", Bitcast((rounded >> 1) + 0x3F000000 + power, F32))
    result = k.let("unscaled", select(small, result * 2.0**-12, result, like=F32))
    special = k.let("special", Bitcast(x, U32) << 1)  # the sign is gone: zeros, infinity, NaN
    negative = Bitcast(const(0x7FC00000, U32), F32)
    result = select(x < 0.0, negative, result, like=F32)
    result = select(special.eq(0), x, result, like=F32)
    result = select(x.eq(float("inf")), x, result, like=F32)
    result = select(Compare("ne", x, x), x, result, like=F32)
    return Function("sqrt_f32", (), (x,), k.body(), result, ("correctly rounded square root",))
