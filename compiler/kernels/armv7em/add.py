"""Sums and differences of two tensors of 8-bit integers: two multiplications and one saturating shift per element.

The operator scales each operand, rounds, adds, scales and rounds again. All of it is nearly one expression,
(A * x + B * y + C) >> n, whose factors have 32 bits. There are only 65,536 pairs of operands: whether the expression is
the operator for all of them is simply tried, and nothing is offered where it is not.

A word holds four elements. Shifted by eight bits and masked, two of them are halves that smlawb and smlawt multiply.
CMSIS-NN's elementwise addition takes 81.5 instructions per element.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np

from compiler.graph.graph import Node
from compiler.graph.types import Array
from compiler.kernels.armv7em.instructions import FEATURE, load_word
from compiler.kernels.armv7em.more_instructions import saturated, smlawb, smlawt
from compiler.kernels.base import Overlap, Schedule, Situation, in_place
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import I32, Buffer, Call, Cast, Const, Expr, Function, Type, Var, maximum, minimum
from compiler.loop.storage import compute_type
from compiler.ops.integer_arithmetic import AddInteger, Factor

_BYTES = frozenset({"int8", "uint8"})
_WIDEST = {"int8": (-128, 127), "uint8": (0, 255)}
_ODD = np.uint32(0xFF00FF00).astype(np.int32).item()  # bytes 1 and 3
_NEAR = 64  # units of the sum's last place
# What is tried around the nearest constants: small changes of all three, larger ones of the last, as two roundings
# of the operator move sums by more than one.
_CHANGES = sorted(
    {*product(range(-3, 4), repeat=3), *((0, 0, c) for c in range(1 - _NEAR, _NEAR))},
    key=lambda change: (sum(map(abs, change)), change),
)
_FLIP = np.uint32(0x80808080).astype(np.int32).item()  # unsigned bytes less 128


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    op = node.op
    if FEATURE not in situation.features or not isinstance(op, AddInteger) or len(node.present) != 2:
        return []
    y, operands = node.output.type, [v.type for v in node.present]
    if {t.dtype for t in (y, *operands)} - _BYTES or any(n.name in situation.graph.constants for n in node.present):
        return []
    if any((t.shape, t.strides) != (y.shape, y.strides) for t in operands):
        return []
    found = _expression(op, operands[0].dtype, operands[1].dtype)
    if found is None:
        return []
    kernel = _AddKernel(op, found)
    overlap = in_place(node, Overlap(exact=True, forward=0))
    return [Schedule("words", kernel.lower, overlap=overlap, cost=8.0 * y.elements + 20, family="armv7em")]


@dataclass(frozen=True)
class _Expression:
    """(a * x + b * y + c) >> shift, where products lose 16 bits after x and y were multiplied by 256."""

    a: int
    b: int
    c: int
    shift: int

    def sums(self, x: Array, y: Array) -> Array:
        total: Array = self.c + (self.a * x * 256 >> 16) + (self.b * y * 256 >> 16)
        return total

    def fits(self) -> bool:
        """Does every product, and every sum, stay within 32 bits?"""
        a, b = abs(self.a), abs(self.b)
        return max(a, b) < 1 << 31 and abs(self.c) + (a + b) // 2 + 4 < 1 << 31


@cache
def _expression(op: AddInteger, x: str, y: str) -> _Expression | None:
    """None where none is the operator for all operands. Unsigned ones are taken less 128."""
    moved = [0 if kind == "int8" else 128 for kind in (x, y)]
    left, right = (a.reshape(-1) for a in np.mgrid[-128:128, -128:128])
    want = op.reference((left + moved[0]).astype(x), (right + moved[1]).astype(y)).astype(np.int64)
    whole = _real(op.factor) * 2.0**op.left
    a, b = whole * _real(op.x_factor), whole * _real(op.y_factor) * (-1 if op.subtract else 1)
    rest = op.zero - a * (op.x_zero - moved[0]) - b * (op.y_zero - moved[1]) + 0.5
    about = next((e for n in range(24, 7, -1) if (e := _scaled(a, b, rest, n)).fits()), None)
    if about is None:
        return None

    def differs(e: _Expression, at: Array) -> Array:
        wrong: Array = at[np.clip(e.sums(left[at], right[at]) >> e.shift, op.low, op.high) != want[at]]
        return wrong

    # What is next to a step decides; about the other pairs all expressions like this one agree.
    apart = about.sums(left, right) + _NEAR & (1 << about.shift) - 1
    near = np.flatnonzero(apart < 2 * _NEAR)
    for da, db, dc in _CHANGES:
        one = replace(about, a=about.a + da, b=about.b + db, c=about.c + dc)
        if not differs(one, near).size and one.fits() and not differs(one, np.arange(left.size)).size:
            return one
    return None


def _scaled(a: float, b: float, c: float, shift: int) -> _Expression:
    """With one added to c: two products were cut off, by half a unit each on average."""
    return _Expression(round(a * 2 ** (shift + 8)), round(b * 2 ** (shift + 8)), round(c * 2**shift) + 1, shift)


def _real(factor: Factor) -> float:
    return factor.multiplier * 2.0 ** (factor.shift - 31)


@dataclass(frozen=True)
class _AddKernel:
    op: AddInteger
    by: _Expression

    def lower(self, k: Kernel, x: View, y: View, result: View) -> None:
        assert x.buffer is not None and y.buffer is not None and result.buffer is not None
        numbers = [self.by.a, self.by.b, self.by.c]
        words = result.size // 4
        if words:
            function = _words(self.op, self.by.shift, x.type, y.type)
            buffers = tuple((v.buffer, v.base) for v in (x, y, result) if v.buffer is not None)
            k.emit(Call(function, buffers, tuple(map(Const, (words, *numbers)))))
        with k.loop(result.size, "i", start=words * 4) as i:
            halves = [Cast(v.at(i), I32) - (128 if v.type.kind == "u" else 0) << 8 for v in (x, y)]
            total = smlawb(Const(numbers[1]), halves[1], smlawb(Const(numbers[0]), halves[0], Const(numbers[2])))
            k.store_at(result, i, _clamped(k, self.op, total, self.by.shift))


@cache
def _words(op: AddInteger, shift: int, x: Type, y: Type) -> Function:
    """Four elements at a time."""
    kind = compute_type(op.to)
    buffers = Buffer("x", x), Buffer("y", y), Buffer("sum", kind)
    names = ("words", "a", "b", "c")
    words, a, b, c = scalars = tuple(Var(n, I32) for n in names)
    k = Kernel()
    k.reserve("x", "y", "sum", *names)
    left, right, result = (View(buffer.type, (0,), (1,), buffer) for buffer in buffers)
    with k.loop(words, "i") as i:
        pairs = []
        for view in (left, right):
            word = k.let("word", load_word(view, i * 4))
            if view.type.kind == "u":
                word = k.let("word", word ^ _FLIP)
            pairs.append((k.let("even", (word << 8) & _ODD), k.let("odd", word & _ODD)))
        for lane in range(4):
            multiply = smlawt if lane >= 2 else smlawb
            total = multiply(a, pairs[0][lane % 2], c)
            total = k.let("sum", multiply(b, pairs[1][lane % 2], total))
            k.store_at(result, i * 4 + lane, _clamped(k, op, total, shift))
    whole = (op.low, op.high) == _WIDEST[op.to]
    clamp = "" if whole else f"_{op.low}_{op.high}".replace("-", "m")
    name = f"add_{x}_{y}_to_{kind}_by_{shift}{clamp}"
    return replace(k.function(name, buffers, ("sum = (a * x + b * y + c) >> shift",)), scalars=scalars)


def _clamped(k: Kernel, op: AddInteger, total: Expr, shift: int) -> Expr:
    value = saturated(total, shift, op.to == "int8")
    if (op.low, op.high) != _WIDEST[op.to]:
        value = minimum(maximum(k.let("q", value), op.low), op.high)
    return Cast(value, compute_type(op.to))
