"""How the types of tensors lie in memory, and how kernels read and write them.

Kernels compute with the types of `nodes.py`. float16, bfloat16, the float8 types and float4 are storage types: an
element is converted exactly to float32 as it is loaded, and rounded once (to nearest, ties to even) as it is stored.
bool is a byte, 0 or 1. Integers of 2 and 4 bits take a byte each, of which the low bits count; constants of them may be
packed (`packed`).

Formats: IEEE 754-2019 (float16), "FP8 Formats for Deep Learning" (Micikevicius et al., 2022; E4M3FN, E5M2), ONNX's
float8 document (the FNUZ variants), OCP Microscaling Formats 1.0 (E8M0, E2M1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.loop.builder import Kernel, Storage
from compiler.loop.nodes import (
    F32,
    F64,
    I8,
    I32,
    U8,
    U16,
    U32,
    Bitcast,
    Cast,
    Compare,
    Expr,
    Function,
    Invoke,
    Type,
    Unary,
    Var,
    const,
    select,
    type_of,
)  # fmt: skip

Array = NDArray[Any]


@dataclass(frozen=True)
class Small:
    """A float format below 32 bits: sign, exponent and mantissa bits, the exponent's bias, and what the top codes mean.

    `infinities`: the largest exponent holds infinities and NaNs, as in IEEE 754. `negative_zero_is_nan`: the FNUZ
    formats, whose only NaN is the code of -0. `nan_is_all_ones`: the FN format, without infinities.
    """

    bits: int
    mantissa: int
    bias: int
    infinities: bool = False
    negative_zero_is_nan: bool = False
    nan_is_all_ones: bool = False


SMALL: Mapping[str, Small] = {
    "float16": Small(16, 10, 15, infinities=True),
    "bfloat16": Small(16, 7, 127, infinities=True),
    "float8_e5m2": Small(8, 2, 15, infinities=True),
    "float8_e4m3fn": Small(8, 3, 7, nan_is_all_ones=True),
    "float8_e5m2fnuz": Small(8, 2, 16, negative_zero_is_nan=True),
    "float8_e4m3fnuz": Small(8, 3, 8, negative_zero_is_nan=True),
    "float4_e2m1fn": Small(4, 1, 1),
}
POWER = "float8_e8m0fnu"  # 2 to the power of (code - 127); 255 is NaN
NARROW: Mapping[str, tuple[Type, int]] = {"int4": (I8, 4), "uint4": (U8, 4), "int2": (I8, 2), "uint2": (U8, 2)}


def memory_type(dtype: str) -> Type:
    """What an element is in memory."""
    if dtype in SMALL:
        return U16 if SMALL[dtype].bits == 16 else U8
    if dtype in NARROW or dtype in ("bool", POWER):
        return U8
    return type_of(dtype)


def compute_type(dtype: str) -> Type:
    """What kernels see of it."""
    if dtype in SMALL or dtype == POWER:
        return F32
    return NARROW[dtype][0] if dtype in NARROW else type_of(dtype)


def is_plain(dtype: str) -> bool:
    """Is the value in memory the value that kernels compute with, or convertible without loss both ways (bool)?"""
    return dtype not in SMALL and dtype not in NARROW and dtype != POWER


def storage_of(dtype: str) -> Storage | None:
    """How elements are converted; None where memory holds what kernels compute with."""
    memory, compute = memory_type(dtype), compute_type(dtype)
    if memory == compute:
        return None
    return Storage(memory, compute, partial(decode, dtype), partial(encode, dtype))


def packed(dtype: str, array: Array) -> tuple[Storage, Array] | None:
    """A constant of 2- or 4-bit integers with several to a byte, the first in the low bits; None for other types."""
    if dtype not in NARROW:
        return None
    bits = NARROW[dtype][1]
    per_byte = 8 // bits
    codes = np.ascontiguousarray(array).reshape(-1).view(np.uint8) & np.uint8((1 << bits) - 1)
    padded = np.concatenate([codes, np.zeros(-codes.size % per_byte, np.uint8)]).reshape(-1, per_byte)
    shifts = np.arange(per_byte, dtype=np.uint8) * np.uint8(bits)
    together = np.bitwise_or.reduce(padded << shifts, axis=1).astype(np.uint8)
    return Storage(U8, NARROW[dtype][0], partial(decode, dtype), partial(encode, dtype), per_byte), together


def decode(dtype: str, stored: Expr) -> Expr:
    """The value of a stored element."""
    if dtype == "bool":
        return stored.ne(0)
    if dtype in NARROW:
        kind, bits = NARROW[dtype]
        return (Bitcast(stored, kind) << (8 - bits)) >> (8 - bits)
    if dtype in SMALL or dtype == POWER:
        return Invoke(_decoder(dtype), (stored,))
    return stored


def encode(dtype: str, value: Expr) -> Expr:
    """The stored form of a value; narrow integers keep their low bits."""
    if dtype == "bool":
        return Cast(value, U8)
    if dtype in NARROW:
        return Bitcast(value, U8) & ((1 << NARROW[dtype][1]) - 1)
    if dtype in SMALL or dtype == POWER:
        return Invoke(_encoder(dtype), (value,))
    return value


def rounded(dtype: str, value: Expr) -> Expr:
    """The value as it would be read back after being stored."""
    return value if is_plain(dtype) else decode(dtype, encode(dtype, value))


@cache
def _decoder(dtype: str) -> Function:
    if dtype == POWER:
        return _power_decoder()
    f, memory = SMALL[dtype], memory_type(dtype)
    k = Kernel()
    k.reserve("x")
    x = Var("x", memory)
    code = k.let("c", Cast(x, U32))
    sign = k.let("s", (code >> (f.bits - 1)) << 31)
    body = k.let("m", code & ((1 << (f.bits - 1)) - 1))
    exponent = k.let("e", body >> f.mantissa)
    # 2**(1-bias) times the mantissa as a fraction, for codes below the smallest normal number
    subnormal = k.let("d", Cast(Cast(body, I32, exact=True), F32) * 2.0 ** (1 - f.bias - f.mantissa))
    normal = Bitcast((body << (23 - f.mantissa)) + ((127 - f.bias) << 23), F32)
    value = k.let("v", select(exponent.eq(0), subnormal, normal))
    top = (1 << (f.bits - 1 - f.mantissa)) - 1
    if f.infinities:
        special = select((body & ((1 << f.mantissa) - 1)).eq(0), inf, nan, like=F32)
        value = k.let("w", select(exponent.eq(top), special, value))
    if f.nan_is_all_ones:
        value = k.let("w", select(body.eq((1 << (f.bits - 1)) - 1), nan, value, like=F32))
    result: Expr = Bitcast(Bitcast(value, U32) | sign, F32)
    if f.negative_zero_is_nan:
        result = select(code.eq(1 << (f.bits - 1)), nan, result, like=F32)
    return Function(f"from_{dtype}", (), (x,), k.body(), result, (f"the value of a {dtype}, exactly",))


@cache
def _encoder(dtype: str, saturate: bool = False) -> Function:
    """Round to nearest, ties to even. What is too large becomes infinity, or NaN where there is none; with `saturate`
    the largest number. float4 has neither infinity nor NaN: it always saturates, and NaN becomes -0.
    """
    if dtype == POWER:
        return _power_encoder()
    f, memory = SMALL[dtype], memory_type(dtype)
    has_nan = f.infinities or f.nan_is_all_ones or f.negative_zero_is_nan
    k = Kernel()
    k.reserve("x")
    x = Var("x", F32)
    bits = k.let("b", Bitcast(x, U32))
    sign = k.let("s", (bits >> 31) << (f.bits - 1))
    drop = 23 - f.mantissa
    body = k.let("m", bits & 0x7FFFFFFF)
    even = k.let("o", (body >> drop) & 1)
    # the mantissa rounded at its last place; a carry runs into the exponent, as it should
    rebiased = body + ((1 << (drop - 1)) - 1) + even if drop else body
    normal = k.let("n", (rebiased >> drop) - ((127 - f.bias) << f.mantissa))
    code: Expr = normal
    if f.bias < 127:
        # below the smallest normal number: adding a power of two makes float32 round at the right place
        a = k.let("a", Bitcast(bits & 0x7FFFFFFF, F32))
        lift = 2.0 ** (1 - f.bias - f.mantissa + 23)
        low = k.let("l", Bitcast(a + lift, U32) - Bitcast(const(lift, F32), U32))
        code = k.let("k", select(a < 2.0 ** (1 - f.bias), low, normal))
    codes = (1 << (f.bits - 1)) - 1  # the largest code without its sign
    nans = (1 << f.mantissa) if f.infinities else (1 if f.nan_is_all_ones else 0)
    largest = codes - nans  # of a finite number
    too_large = k.let("t", code > largest)
    if f.infinities and not saturate:
        beyond: Expr = const(codes - (1 << f.mantissa) + 1, U32)
    elif saturate or not has_nan:
        beyond = const(largest, U32)
    else:
        beyond = const(codes if f.nan_is_all_ones else 1 << (f.bits - 1), U32)
    code = k.let("r", select(too_large, beyond, code))
    if f.negative_zero_is_nan:
        # zero has no sign, and the code of -0 is NaN
        with_sign = k.let("z", select(code.eq(0), 0, code | sign, like=U32))
        missing: Expr = const(1 << (f.bits - 1), U32)
    else:
        with_sign = k.let("z", code | sign)
        quiet = (codes - (1 << f.mantissa) + 1) | (1 << (f.mantissa - 1)) if f.infinities else codes
        missing = sign | quiet if has_nan else const(1 << (f.bits - 1), U32)
    result = select(Compare("ne", x, x), missing, with_sign)
    name = f"to_{dtype}" + ("_saturated" if saturate else "")
    return Function(name, (), (x,), k.body(), Cast(result, memory), (f"the nearest {dtype}, ties to even",))


def saturated(dtype: str, value: Expr) -> Expr:
    """As `rounded`, but what is too large (infinities too) becomes the largest finite number."""
    return decode(dtype, Invoke(_encoder(dtype, saturate=True), (value,)))


def narrowed(k: Kernel, x: Expr) -> Expr:
    """float64 to float32 rounded to odd: rounding that once more to a smaller type gives what one step would have.

    Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008.
    """
    near = k.let("f", Cast(x, F32))
    back = k.let("b", Cast(near, F64))
    bits = Bitcast(near, U32)
    toward_zero = bits - Cast(Unary("abs", back) > Unary("abs", x), U32)
    odd = Bitcast(toward_zero | 1, F32)
    return select(back.eq(x) | Compare("ne", x, x), near, odd)


@cache
def _power_decoder() -> Function:
    k = Kernel()
    k.reserve("x")
    x = Var("x", U8)
    code = k.let("c", Cast(x, U32))
    value = select(code.eq(0), 2.0**-127, Bitcast(code << 23, F32), like=F32)
    return Function(f"from_{POWER}", (), (x,), k.body(), select(code.eq(255), nan, value, like=F32), ("2**(x - 127)",))


@cache
def _power_encoder(mode: str = "nearest", saturate: bool = True) -> Function:
    """The power of two above, below or nearest to x (ties go up). Negative numbers and NaN have none but NaN's code;
    what is too small or too large saturates, or becomes NaN."""
    k = Kernel()
    k.reserve("x")
    x = Var("x", F32)
    tiny = k.let("s", x < 2.0**-126)  # subnormal in float32
    bits = k.let("b", Bitcast(select(tiny, x * 4.0, x), U32))
    part = k.let("p", bits & 0x7FFFFF)
    exponent = Cast(bits >> 23, I32, exact=True) - select(tiny, 2, 0, like=I32)
    carry = {"up": part > 0, "nearest": part >= 0x400000, "down": part > 0x7FFFFF}[mode]
    code = k.let("k", exponent + Cast(carry, I32))
    least, most = (0, 254) if saturate else (255, 255)
    code = k.let("r", select(x < 2.0**-127, least, select(code > 254, most, code, like=I32), like=I32))
    result = select(x >= 0.0, code, 255, like=I32)
    return Function(f"to_{POWER}_{mode}{'_saturated' if saturate else ''}", (), (x,), k.body(), Cast(result, U8), ())


def power_of_two(value: Expr, mode: str, saturate: bool) -> Expr:
    """The float8_e8m0fnu that a rounding mode of ONNX's Cast chooses."""
    return decode(POWER, Invoke(_power_encoder(mode, saturate), (value,)))
