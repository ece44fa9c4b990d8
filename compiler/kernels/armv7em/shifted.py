"""More instructions of the DSP extension: saturation after a shift, and products of a word and a half.

A shift that is part of an instruction is an immediate, so there is one instruction for each number of bits.
"""

from __future__ import annotations

from functools import cache

from compiler.kernels.armv7em.instructions import FEATURE
from compiler.loop.nodes import I16, I32, I64, Apply, Cast, Expr, Function, Instruction, Var, maximum, minimum

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
