"""More instructions of the DSP extension: saturation after a shift, products of a word and a half, sums of bytes.

A shift that is part of an instruction is an immediate, so there is one instruction for each number of bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from compiler.kernels.armv7em.instructions import FEATURE
from compiler.loop.nodes import (
    I8,
    I16,
    I32,
    I64,
    U8,
    Apply,
    Cast,
    Const,
    Expr,
    Function,
    Instruction,
    Var,
    maximum,
    minimum,
)

_DEFINED = "defined(__ARM_FEATURE_DSP)"
_A, _B, _C = (Var(n, I32) for n in "abc")


@cache
def _saturating(signed: bool, shift: int) -> Instruction:
    low, high = (-128, 127) if signed else (0, 255)
    mnemonic = "ssat" if signed else "usat"
    name = f"{mnemonic}8_asr_{shift}"
    meaning = Function(name, (), (_A,), (), maximum(minimum(_A >> shift, high), low))
    return Instruction(name, meaning, FEATURE, "", f"{mnemonic} %0, #8, %1, asr #{shift}", _DEFINED)


def saturated(a: Expr, shift: int, signed: bool = True) -> Expr:
    """a >> shift as a number of eight bits, clamped to -128 ... 127 or 0 ... 255; 1 <= shift <= 31."""
    assert 1 <= shift <= 31, f"no saturation after a shift by {shift}"
    return Apply(_saturating(signed, shift), (a,))


def _word_by_half(top: bool) -> Instruction:
    half = _B >> 16 if top else Cast(Cast(_B, I16), I32)
    name = "smlawt" if top else "smlawb"
    sum_ = _C + Cast(Cast(_A, I64) * Cast(half, I64) >> 16, I32)
    meaning = Function(name, (), (_A, _B, _C), (), sum_)
    return Instruction(name, meaning, FEATURE, f"llvm.arm.{name}", f"{name} %0, %1, %2, %3", _DEFINED)


_SMLAWB, _SMLAWT = _word_by_half(False), _word_by_half(True)


def smlawb(a: Expr, b: Expr, acc: Expr) -> Expr:
    """acc + (a * the bottom half of b >> 16)."""
    return Apply(_SMLAWB, (a, b, acc))


def smlawt(a: Expr, b: Expr, acc: Expr) -> Expr:
    """acc + (a * the top half of b >> 16)."""
    return Apply(_SMLAWT, (a, b, acc))


def _bytes(one: Callable[[Expr, Expr], Expr]) -> Expr:
    """Of two words, byte by byte; unsigned ones."""
    word: Expr = Const(0)
    for place in range(4):
        left, right = ((w >> (8 * place)) & 0xFF for w in (_A, _B))
        word = word | (one(left, right) & 0xFF) << (8 * place)
    return word


def _of_bytes(name: str, one: Callable[[Expr, Expr], Expr]) -> Instruction:
    meaning = Function(name, (), (_A, _B), (), _bytes(one))
    return Instruction(name, meaning, FEATURE, f"llvm.arm.{name}", f"{name} %0, %1, %2", _DEFINED)


_UQSUB8 = _of_bytes("uqsub8", lambda a, b: maximum(a - b, 0))
_UADD8 = _of_bytes("uadd8", lambda a, b: a + b)


def larger_bytes(a: Expr, b: Expr) -> Expr:
    """The larger of each pair of unsigned bytes: a + (b - a, or 0 where that is negative)."""
    return Apply(_UADD8, (a, Apply(_UQSUB8, (b, a))))


def _halves_and_bytes(signed: bool, odd: bool) -> Instruction:
    mnemonic = "sxtab16" if signed else "uxtab16"
    name, first = (f"{mnemonic}_odd", 8) if odd else (mnemonic, 0)
    kind = I8 if signed else U8
    low, high = ((_A >> half) + Cast(Cast(_B >> (half + first), kind), I32) for half in (0, 16))
    meaning = Function(name, (), (_A, _B), (), (low & 0xFFFF) | (high << 16))
    spelled = f"{mnemonic} %0, %1, %2" + (", ror #8" if odd else "")
    return Instruction(name, meaning, FEATURE, "" if odd else f"llvm.arm.{mnemonic}", spelled, _DEFINED)


_ADDED = {(s, o): _halves_and_bytes(s, o) for s in (True, False) for o in (True, False)}


def halves_plus_bytes(halves: Expr, word: Expr, *, signed: bool, odd: bool) -> Expr:
    """Bytes 0 and 2 of the word (1 and 3) added to the two halves."""
    return Apply(_ADDED[signed, odd], (halves, word))
