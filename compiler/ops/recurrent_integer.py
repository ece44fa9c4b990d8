"""LSTM and GRU of 8-bit numbers with 8-bit weights: every step in integers.

The arithmetic follows TensorFlow Lite's integer LSTM (`kernels/lstm_eval.cc`, 8x8 to 16 bits): what goes into a gate is
a 16-bit number with 12 bits of fraction, what comes out of one has 15, the cell's state has 11. Sigmoid and tanh are
gemmlowp's in 32 bits, rounded to 16. The state of a GRU is kept in 16 bits with 15 of fraction: it moves by less than
a step of 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import I8, I16, I32, Cast, Const, Expr, Type, maximum, minimum
from compiler.ops.base import Op, expect
from compiler.ops.integer_arithmetic import UNIT, Factor
from compiler.quant.fixed_functions import logistic, logistic_code
from compiler.quant.fixed_point import Rounding, divide_by_power, divided_by_power, requantize, requantized

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

GATE_BITS, STATE_BITS, CELL_BITS = 12, 15, 11  # of the fractions
_ARGUMENT = 26  # bits of the fraction that gemmlowp's functions take
_GATES = {"lstm": 4, "gru": 3}


@dataclass(frozen=True)
class RecurrentInteger(Op):
    """The cells of Lstm and Gru with their usual activations, from states of 0.

    Operands (T steps, N sequences, D directions, G gates, H hidden): x (T, N, inputs), w (D, G*H, inputs) and
    r (D, G*H, H), all int8; the biases of inputs and of the state (D, G*H) as int32, which hold the zero points, too;
    and for both products multiplier and shift that give a gate's argument. Results as far as `wanted`: the state after
    every step (T, D, N, H) and after the last (D, N, H) as int8 with `zero`, and the last cell state as int16. `factor`
    makes int8 of the state, whose fraction has 30 bits in an LSTM and 15 in a GRU.
    """

    cell: Literal["lstm", "gru"] = "lstm"
    hidden: int = 1
    reverse: tuple[bool, ...] = (False,)
    reset_after: bool = False
    factor: Factor = UNIT
    zero: int = 0
    wanted: tuple[bool, ...] = (True, True, True)
    rounding: Rounding = "single"
    dtypes = frozenset({"int8"})

    def infer(self, x: TensorType, w: TensorType, r: TensorType, *more: TensorType) -> tuple[TensorType, ...]:
        directions, rows = len(self.reverse), _GATES[self.cell] * self.hidden
        fits = x.rank == 3 and w.shape == (directions, rows, x.shape[2]) and r.shape == (directions, rows, self.hidden)
        expect(
            fits and {x.dtype, w.dtype, r.dtype} == {"int8"}, "E0301", f"an integer {self.cell} of {x} with {w}, {r}"
        )
        fits = len(more) == 6 and all(t.shape == (directions, rows) and t.dtype == "int32" for t in more)
        expect(fits, "E0301", f"an integer {self.cell} with biases and factors {', '.join(map(str, more))}")
        steps, batch = x.shape[:2]
        last = (directions, batch, self.hidden)
        made = (("int8", (steps, directions, batch, self.hidden)), ("int8", last), ("int16", last))
        return tuple(TensorType.of(d, s) for (d, s), w in zip(made, self.wanted, strict=False) if w)

    def scratches(
        self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]
    ) -> tuple[tuple[Type, int], ...]:
        return ((I8, 2 * self.hidden), (I16, 2 * self.hidden))

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        x, w, r = inputs[:3]
        assert x is not None
        assert w is not None
        assert r is not None
        return prod(x.shape[:2]) * (w.type.elements + r.type.elements)

    def reference(self, x: Array, w: Array, r: Array, *more: Array) -> tuple[Array, ...]:
        steps, batch = x.shape[:2]
        y = np.zeros((steps, len(self.reverse), batch, self.hidden), np.int8)
        last = np.zeros(y.shape[1:], np.int8)
        state = np.zeros(y.shape[1:], np.int16)
        for d, backwards in enumerate(self.reverse):
            p = _Products(w[d], r[d], *(m[d] for m in more), self.rounding)  # type: ignore[call-arg]
            small = np.full((batch, self.hidden), self.zero, np.int8)
            wide = np.zeros((batch, self.hidden), np.int64)
            for t in reversed(range(steps)) if backwards else range(steps):
                small, wide = self._step(p, x[t], small, wide)
                y[t, d] = small
            last[d], state[d] = small, wide
        return tuple(a for a, wanted in zip((y, last, state), self.wanted, strict=False) if wanted)

    def _step(self, p: _Products, x: Array, h: Array, wide: Array) -> tuple[Array, Array]:
        """8-bit state and 16-bit state after a step."""
        inputs = np.split(p.inputs(x), _GATES[self.cell], axis=1)
        if self.cell == "lstm":
            i, o, f, c = (_clip16(a + b) for a, b in zip(inputs, np.split(p.state(h), 4, axis=1), strict=True))
            kept, new = _over(_sigmoid(f) * wide, 15), _over(_sigmoid(i) * _tanh(c, GATE_BITS), 30 - CELL_BITS)
            wide = _clip16(kept + new)
            return self._small(_sigmoid(o) * _tanh(wide, CELL_BITS)), wide
        zs, rs, last = np.split(p.state(h), 3, axis=1)
        z, reset = _sigmoid(_clip16(inputs[0] + zs)), _sigmoid(_clip16(inputs[1] + rs))
        if self.reset_after:
            new = _tanh(_clip16(inputs[2] + _over(reset * last, 15)), GATE_BITS)
        else:
            kept = self._small(_over(reset * wide, 15))
            new = _tanh(_clip16(inputs[2] + np.split(p.state(kept), 3, axis=1)[2]), GATE_BITS)
        wide = _clip16(new + _over(z * (wide - new), 15))
        return self._small(wide), wide

    def _small(self, x: Array) -> Array:
        whole = self.factor.times(x.astype(np.int32), self.rounding).astype(np.int64) + self.zero
        return np.asarray(np.clip(whole, -128, 127), np.int8)

    def lower(self, k: Kernel, x: View, w: View, r: View, *rest: View) -> None:
        more, given = rest[:6], iter(rest[6:-2])
        outputs = [next(given) if wanted else None for wanted in self.wanted]
        y, last, cell = (*outputs, None, None)[:3]

        def half(v: View, second: int) -> View:
            return replace(v, shape=(self.hidden,), strides=(1,), base=Const(second * self.hidden))

        small, wide = rest[-2:]
        v = {"h": half(small, 0), "next": half(small, 1), "wide": half(wide, 0), "update": half(wide, 1)}
        steps, batch = x.shape[:2]
        for d, backwards in enumerate(self.reverse):
            with k.loop(batch, "n") as n:
                one = _Direction(k, self, x, w, r, more, d, n, v)
                with k.loop(self.hidden, "j") as j:
                    k.store(v["h"], (j,), Const(self.zero, I8))
                    k.store(v["wide"], (j,), Const(0, I16))
                with k.loop(steps, "s") as s:
                    t = k.let("t", (steps - 1) - s) if backwards else s
                    one.lstm(t) if self.cell == "lstm" else one.gru(t)
                    if y is not None:
                        with k.loop(self.hidden, "j") as j:
                            k.store(y, (t, d, n, j), v["h"][j])
                for view, name in ((last, "h"), (cell, "wide")):
                    if view is not None:
                        with k.loop(self.hidden, "j") as j:
                            k.store(view, (d, n, j), v[name][j])


@dataclass(frozen=True)
class _Products:
    """One direction's weights."""

    w: Array
    r: Array
    w_bias: Array
    r_bias: Array
    w_multiplier: Array
    w_shift: Array
    r_multiplier: Array
    r_shift: Array
    rounding: Rounding

    def inputs(self, x: Array) -> Array:
        """What inputs (N, I) give to the gates' arguments (N, G*H)."""
        total = x.astype(np.int32) @ self.w.astype(np.int32).T + self.w_bias
        return _clip16(requantize(total, self.w_multiplier, self.w_shift, self.rounding))

    def state(self, h: Array) -> Array:
        total = h.astype(np.int32) @ self.r.astype(np.int32).T + self.r_bias
        return _clip16(requantize(total, self.r_multiplier, self.r_shift, self.rounding))


def _clip16(x: Array) -> Array:
    return np.clip(x.astype(np.int64), -32768, 32767)


def _over(x: Array, exponent: int) -> Array:
    """x / 2**exponent, halves away from zero."""
    return divide_by_power(x, exponent).astype(np.int64)


def _sigmoid(x: Array) -> Array:
    return np.minimum(_over(logistic(x << (_ARGUMENT - GATE_BITS)), 16), 32767)


def _tanh(x: Array, bits: int) -> Array:
    """2 sigmoid(2x) - 1"""
    twice = logistic(np.maximum(x, -32767) << (_ARGUMENT - bits + 1))
    return np.minimum(_over((twice - (1 << 30)) << 1, 16), 32767)


@dataclass(frozen=True)
class _Direction:
    """One direction of one sequence, while its loops are written."""

    k: Kernel
    op: RecurrentInteger
    x: View
    w: View
    r: View
    more: tuple[View, ...]
    d: int
    n: Expr
    v: dict[str, View]

    def lstm(self, t: Expr) -> None:
        k, v, op = self.k, self.v, self.op
        with k.loop(op.hidden, "j") as j:
            i, o, f, c = (self._argument(t, j, gate) for gate in range(4))
            old = k.let("old", Cast(v["wide"][j], I32))
            kept = self._over(self._sigmoid(f) * old, 15)
            new = self._over(self._sigmoid(i) * self._tanh(c, GATE_BITS), 30 - CELL_BITS)
            state = k.let("state", _clip16_code(kept + new))
            k.store(v["wide"], (j,), Cast(state, I16))
            self._store(v["next"], j, self._sigmoid(o) * self._tanh(state, CELL_BITS))
        self._advance()

    def gru(self, t: Expr) -> None:
        k, v, op = self.k, self.v, self.op
        if op.reset_after:
            with k.loop(op.hidden, "j") as j:
                z, reset = (self._sigmoid(self._argument(t, j, gate)) for gate in range(2))
                inside = self._over(reset * self._state(j, 2, "h"), 15)
                self._mix(j, z, k.let("a", _clip16_code(self._inputs(t, j, 2) + inside)))
                self._store(v["next"], j, Cast(v["wide"][j], I32))
            self._advance()
            return
        with k.loop(op.hidden, "j") as j:
            z, reset = (self._sigmoid(self._argument(t, j, gate)) for gate in range(2))
            k.store(v["update"], (j,), Cast(z, I16))
            self._store(v["next"], j, self._over(reset * Cast(v["wide"][j], I32), 15))
        with k.loop(op.hidden, "j") as j:
            total = k.let("a", _clip16_code(self._inputs(t, j, 2) + self._state(j, 2, "next")))
            self._mix(j, k.let("z", Cast(v["update"][j], I32)), total)
            self._store(v["h"], j, Cast(v["wide"][j], I32))

    def _mix(self, j: Expr, z: Expr, argument: Expr) -> None:
        new = self._tanh(argument, GATE_BITS)
        old = self.k.let("old", Cast(self.v["wide"][j], I32))
        mixed = self.k.let("mixed", _clip16_code(new + self._over(z * (old - new), 15)))
        self.k.store(self.v["wide"], (j,), Cast(mixed, I16))

    def _advance(self) -> None:
        with self.k.loop(self.op.hidden, "j") as j:
            self.k.store(self.v["h"], (j,), self.v["next"][j])

    def _argument(self, t: Expr, j: Expr, gate: int) -> Expr:
        total = self._inputs(t, j, gate) + self._state(j, gate, "h")
        return self.k.let("a", _clip16_code(total))

    def _inputs(self, t: Expr, j: Expr, gate: int) -> Expr:
        return self._sum(j, gate, self.w, self.x.shape[2], lambda i: self.x[t, self.n, i], 0)

    def _state(self, j: Expr, gate: int, name: str) -> Expr:
        return self._sum(j, gate, self.r, self.op.hidden, lambda i: self.v[name][i], 1)

    def _sum(self, j: Expr, gate: int, weights: View, count: int, number: Any, which: int) -> Expr:
        """A product's part of a gate's argument; `which`: 0 inputs, 1 state."""
        k, row = self.k, j + gate * self.op.hidden
        acc = k.sum(self.more[which][self.d, row])
        with k.loop(count, "i") as i:
            acc += Cast(number(i), I32) * Cast(weights[self.d, row, i], I32)
        multiplier, shift = (k.let("f", self.more[2 + 2 * which + m][self.d, row]) for m in (0, 1))
        return k.let("part", _clip16_code(requantized(k, acc.value, multiplier, shift, self.op.rounding)))

    def _over(self, x: Expr, exponent: int) -> Expr:
        return self.k.let("q", divided_by_power(self.k, self.k.let("p", x), Const(exponent)))

    def _sigmoid(self, x: Expr) -> Expr:
        share = self.k.let("s", logistic_code(x << (_ARGUMENT - GATE_BITS)))
        return self.k.let("g", minimum(self._over(share, 16), 32767))

    def _tanh(self, x: Expr, bits: int) -> Expr:
        share = self.k.let("s", logistic_code(maximum(x, -32767) << (_ARGUMENT - bits + 1)))
        return self.k.let("g", minimum(self._over((share - (1 << 30)) << 1, 16), 32767))

    def _store(self, view: View, j: Expr, state: Expr) -> None:
        """The state in 8 bits."""
        value = self.k.let("y", self.op.factor.code(self.k, self.k.let("h", state), self.op.rounding) + self.op.zero)
        self.k.store(view, (j,), Cast(minimum(maximum(value, -128), 127), I8))


def _clip16_code(x: Expr) -> Expr:
    return minimum(maximum(x, -32768), 32767)
