"""Instructions of the DSP extension (Armv7E-M, and Armv8-M with DSP), as functions of expressions.

All are of 32-bit words. A word is also a pair of 16-bit numbers, the first one in its lower half, or four bytes, the
first one lowest. What each does is its meaning below; names and behaviour are those of Arm's architecture manual.
"""

from __future__ import annotations

from collections.abc import Callable

from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import (
    I8,
    I16,
    I32,
    I64,
    U32,
    Apply,
    Bitcast,
    Cast,
    Expr,
    Function,
    Instruction,
    Load,
    Operand,
    Store,
    Var,
    maximum,
    minimum,
)

FEATURE = "dsp"
_DEFINED = "defined(__ARM_FEATURE_DSP)"
_SCALARS = tuple(Var(n, I32) for n in "abc")


def load_word(x: View, offset: Operand) -> Expr:
    """Four neighbouring bytes, `offset` elements after the view's base; any address will do."""
    assert x.buffer is not None
    return Bitcast(Load(x.buffer, x.base + offset, x.buffer.type.of_lanes(4 // x.buffer.type.bytes)), I32)


def store_word(k: Kernel, y: View, offset: Operand, word: Expr) -> None:
    assert y.buffer is not None
    k.emit(Store(y.buffer, y.base + offset, Bitcast(word, y.buffer.type.of_lanes(4 // y.buffer.type.bytes))))


def _instruction(assembly: str, operands: int, meaning: Callable[..., Expr], name: str = "") -> Instruction:
    """`assembly` as gcc writes it: %0 is the result. It is an intrinsic of LLVM unless it has a `name` of its own."""
    mnemonic, scalars = assembly.split()[0], _SCALARS[:operands]
    function = Function(name or mnemonic, (), scalars, (), meaning(*scalars))
    return Instruction(function.name, function, FEATURE, "" if name else f"llvm.arm.{mnemonic}", assembly, _DEFINED)


def _low(word: Expr) -> Expr:
    return Cast(Cast(word, I16), I32)


def _high(word: Expr) -> Expr:
    return word >> 16


def _pair(low: Expr, high: Expr) -> Expr:
    """Of the lower halves of two words."""
    return (low & 0xFFFF) | (high << 16)


def _signed(word: Expr, place: int) -> Expr:
    return Cast(Cast(word >> (8 * place), I8), I32)


def _unsigned(word: Expr, place: int) -> Expr:
    return (word >> (8 * place)) & 0xFF


def _rotated(a: Expr) -> Expr:
    """By eight bits to the right."""
    return Cast(Cast(a, U32) >> 8, I32) | (a << 24)


def _upper(a: Expr, b: Expr) -> Expr:
    return Cast(Cast(a, I64) * Cast(b, I64) >> 32, I32)


# products of halves, added

_SMLAD = _instruction("smlad %0, %1, %2, %3", 3, lambda a, b, c: c + _low(a) * _low(b) + _high(a) * _high(b))
_SMUAD = _instruction("smuad %0, %1, %2", 2, lambda a, b: _low(a) * _low(b) + _high(a) * _high(b))
_SMLABB = _instruction("smlabb %0, %1, %2, %3", 3, lambda a, b, c: c + _low(a) * _low(b))
_SMLABT = _instruction("smlabt %0, %1, %2, %3", 3, lambda a, b, c: c + _low(a) * _high(b))
_SMLATB = _instruction("smlatb %0, %1, %2, %3", 3, lambda a, b, c: c + _high(a) * _low(b))
_SMLATT = _instruction("smlatt %0, %1, %2, %3", 3, lambda a, b, c: c + _high(a) * _high(b))

# two of the four bytes as halves: the even ones, or the odd ones

_SXTB16 = _instruction("sxtb16 %0, %1", 1, lambda a: _pair(_signed(a, 0), _signed(a, 2)))
_SXTB16_ODD = _instruction("sxtb16 %0, %1, ror #8", 1, lambda a: Apply(_SXTB16, (_rotated(a),)), "sxtb16_odd")
_UXTB16 = _instruction("uxtb16 %0, %1", 1, lambda a: _pair(_unsigned(a, 0), _unsigned(a, 2)))
_UXTB16_ODD = _instruction("uxtb16 %0, %1, ror #8", 1, lambda a: Apply(_UXTB16, (_rotated(a),)), "uxtb16_odd")

# halves put together

_PKHBT = _instruction("pkhbt %0, %1, %2, lsl #16", 2, _pair, "pkhbt")
_PKHTB = _instruction("pkhtb %0, %2, %1, asr #16", 2, lambda a, b: _pair(_high(a), _high(b)), "pkhtb")

# the upper word of a product; with a sum, c starts in the upper word

_SMMUL = _instruction("smmul %0, %1, %2", 2, _upper, "smmul")
_SMMLA = _instruction("smmla %0, %1, %2, %3", 3, lambda a, b, c: c + _upper(a, b), "smmla")

_SMMULR = _instruction(
    "smmulr %0, %1, %2", 2, lambda a, b: Cast((Cast(a, I64) * Cast(b, I64) + (1 << 31)) >> 32, I32), "smmulr"
)

# saturation, and a shift by a variable number of bits

_SSAT8 = _instruction("ssat %0, #8, %1", 1, lambda a: maximum(minimum(a, 127), -128), "ssat8")
_USAT8 = _instruction("usat %0, #8, %1", 1, lambda a: maximum(minimum(a, 255), 0), "usat8")
_SSAT16 = _instruction("ssat %0, #16, %1", 1, lambda a: maximum(minimum(a, 32767), -32768), "ssat_16")
_ASR = _instruction("asr %0, %1, %2", 2, lambda a, b: a >> minimum(b & 0xFF, 31), "asr")


def smlad(a: Expr, b: Expr, acc: Expr) -> Expr:
    """acc + both products of the halves."""
    return Apply(_SMLAD, (a, b, acc))


def smuad(a: Expr, b: Expr) -> Expr:
    return Apply(_SMUAD, (a, b))


def smlabb(a: Expr, b: Expr, acc: Expr) -> Expr:
    """acc + bottom half * bottom half; t stands for top."""
    return Apply(_SMLABB, (a, b, acc))


def smlabt(a: Expr, b: Expr, acc: Expr) -> Expr:
    return Apply(_SMLABT, (a, b, acc))


def smlatb(a: Expr, b: Expr, acc: Expr) -> Expr:
    return Apply(_SMLATB, (a, b, acc))


def smlatt(a: Expr, b: Expr, acc: Expr) -> Expr:
    return Apply(_SMLATT, (a, b, acc))


def sxtb16(a: Expr) -> Expr:
    """Bytes 0 and 2 as signed halves."""
    return Apply(_SXTB16, (a,))


def sxtb16_odd(a: Expr) -> Expr:
    """Bytes 1 and 3 as signed halves."""
    return Apply(_SXTB16_ODD, (a,))


def uxtb16(a: Expr) -> Expr:
    return Apply(_UXTB16, (a,))


def uxtb16_odd(a: Expr) -> Expr:
    return Apply(_UXTB16_ODD, (a,))


def pkhbt(a: Expr, b: Expr) -> Expr:
    """The bottom halves of a and b, a's first."""
    return Apply(_PKHBT, (a, b))


def pkhtb(a: Expr, b: Expr) -> Expr:
    """The top halves of a and b, a's first."""
    return Apply(_PKHTB, (a, b))


def smmul(a: Expr, b: Expr) -> Expr:
    """The upper 32 bits of a * b."""
    return Apply(_SMMUL, (a, b))


def smmla(a: Expr, b: Expr, acc: Expr) -> Expr:
    """acc + the upper 32 bits of a * b."""
    return Apply(_SMMLA, (a, b, acc))


def smmulr(a: Expr, b: Expr) -> Expr:
    """The upper 32 bits of a * b, rounded half up."""
    return Apply(_SMMULR, (a, b))


def ssat8(a: Expr) -> Expr:
    """Clamped to -128 ... 127."""
    return Apply(_SSAT8, (a,))


def usat8(a: Expr) -> Expr:
    return Apply(_USAT8, (a,))


def ssat16(a: Expr) -> Expr:
    return Apply(_SSAT16, (a,))


def asr(a: Expr, count: Expr) -> Expr:
    """a >> count for a variable count: its lowest byte, and all bits leave from 32 on."""
    return Apply(_ASR, (a, count))
