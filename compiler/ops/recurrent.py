"""What RNN, GRU and LSTM share: directions, sequences of unequal length, states, and the loop over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from compiler.graph.types import FLOATS, Array, TensorType
from compiler.loop.nodes import I32, Const, Expr, Type, const, maximum, minimum
from compiler.loop.storage import compute_type
from compiler.ops.base import Op, Reader, expect
from compiler.ops.cells import Activation, read_activations
from compiler.ops.numbers import converted, require, rounded
from compiler.ops.transpose import Transpose

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


@dataclass(frozen=True)
class Recurrent(Op):
    """A cell that is applied to one step of a sequence after another, with a state of `hidden` numbers.

    Operands (T steps, N sequences, D directions, G gates, H hidden): x (T, N, inputs), w (D, G*H, inputs),
    r (D, G*H, H), bias (D, 2*G*H), lengths (N), then for each state its start (D, N, H), then what the cell adds; all
    but the first three may be None. Results as far as `wanted`: the state after every step (T, D, N, H), and each state
    after the last one (D, N, H). After a sequence's end the former is 0. A length outside 0 to T counts as the nearest.
    """

    hidden: int = 1
    reverse: tuple[bool, ...] = (False,)  # one for each direction
    activations: tuple[Activation, ...] = ()  # of the first direction, then of the second
    clip: float = 0.0  # bounds what goes into activations; 0 does not
    wanted: tuple[bool, ...] = (True, True)
    dtypes = FLOATS

    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)
    extra: ClassVar[int] = 0  # operands after the states
    default: ClassVar[tuple[str, ...]] = ()  # activations of one direction

    @abstractmethod
    def work(self) -> tuple[str, ...]:
        """Names of the vectors of H numbers that the loops need beside the states."""

    @abstractmethod
    def step(self, cell: Cell, t: Expr) -> None:
        """Loops that replace the states by those after step t."""

    @abstractmethod
    def step_reference(
        self, x: Array, states: list[Array], weights: Weights, functions: Sequence[Activation]
    ) -> list[Array]:
        """The states (N, H) after a step whose inputs are x (N, inputs); all float64."""

    @property
    def operands(self) -> int:
        return 5 + len(self.states) + self.extra

    def functions(self, direction: int) -> tuple[Activation, ...]:
        return self.activations[direction * len(self.default) :][: len(self.default)]

    def infer(self, x: TensorType, w: TensorType, r: TensorType, *more: TensorType | None) -> tuple[TensorType, ...]:
        directions, rows = len(self.reverse), self.gates * self.hidden
        fits = x.rank == 3 and w.shape == (directions, rows, x.shape[2]) and r.shape == (directions, rows, self.hidden)
        name = type(self).__name__
        expect(fits, "E0301", f"{name} with {self.hidden} hidden numbers of {x} with weights {w} and {r}")
        steps, batch = x.shape[:2]
        state = (directions, batch, self.hidden)
        wanted = ((directions, 2 * rows), (batch,), *(state for _ in self.states))
        for given, shape in zip(more, wanted, strict=False):
            expect(given is None or given.shape == shape, "E0301", f"{name} takes {shape} where {given} is given")
        shapes = ((steps, directions, batch, self.hidden), *(state for _ in self.states))
        return tuple(x.with_shape(s) for s, w in zip(shapes, self.wanted, strict=True) if w)

    def scratch(self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]) -> tuple[Type, int]:
        x = inputs[0]
        assert x is not None
        return compute_type(x.dtype), self.hidden * (len(self.states) + len(self.work()))

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        x, w, r = inputs[:3]
        assert x is not None
        assert w is not None
        assert r is not None
        return prod(x.shape[:2]) * (w.type.elements + r.type.elements)

    def reference(self, *arrays: Array | None) -> tuple[Array, ...]:
        x, w, r, b, lengths, *rest = arrays
        assert x is not None
        assert w is not None
        assert r is not None
        steps, batch, directions = x.shape[0], x.shape[1], len(self.reverse)
        counts = np.full(batch, steps) if lengths is None else np.clip(lengths.astype(np.int64), 0, steps)
        y = np.zeros((steps, directions, batch, self.hidden))
        last = [np.zeros((directions, batch, self.hidden)) for _ in self.states]
        starts, more = rest[: len(self.states)], rest[len(self.states) :]
        for d, n in np.ndindex(directions, batch):
            weights = Weights.of(w[d], r[d], None if b is None else b[d], [None if a is None else a[d] for a in more])
            states = [np.zeros((1, self.hidden)) if s is None else s[d, n : n + 1].astype(np.float64) for s in starts]
            count = int(counts[n])
            for t in reversed(range(count)) if self.reverse[d] else range(count):
                one = x[t, n : n + 1].astype(np.float64)
                states = self.step_reference(one, states, weights, self.functions(d))
                y[t, d, n] = states[0]
            for kept, state in zip(last, states, strict=True):
                kept[d, n] = state
        return tuple(rounded(a, str(x.dtype)) for a, w in zip((y, *last), self.wanted, strict=True) if w)

    def lower(self, k: Kernel, *views: View) -> None:
        x, w, r, b, lengths, *rest = views[: self.operands]
        starts, more = rest[: len(self.states)], rest[len(self.states) :]
        given, scratch = iter(views[self.operands : -1]), views[-1]
        y, *last = (next(given) if wanted else None for wanted in self.wanted)
        names = (*self.states, *self.work())
        vectors = {
            name: replace(scratch, shape=(self.hidden,), strides=(1,), base=Const(place * self.hidden))
            for place, name in enumerate(names)
        }
        steps, batch = x.shape[:2]
        for d, backwards in enumerate(self.reverse):
            with k.loop(batch, "n") as n:
                cell = Cell(k, self, x, w, r, b, tuple(more), d, n, vectors)
                for name, start in zip(self.states, starts, strict=True):
                    with k.loop(self.hidden, "j") as j:
                        k.store(vectors[name], (j,), cell.zero if start is None else start[d, n, j])
                count: Expr = Const(steps)
                if lengths is not None:
                    count = k.let("count", minimum(maximum(converted(lengths[n], I32), 0), steps))
                with k.loop(count, "s") as s:
                    t = k.let("t", (count - 1) - s) if backwards else s
                    self.step(cell, t)
                    if y is not None:
                        with k.loop(self.hidden, "j") as j:
                            k.store(y, (t, d, n, j), vectors["h"][j])
                if y is not None and lengths is not None:
                    with k.loop(steps, "t", start=count) as t, k.loop(self.hidden, "j") as j:
                        k.store(y, (t, d, n, j), cell.zero)
                for name, view in zip(self.states, last, strict=True):
                    if view is not None:
                        with k.loop(self.hidden, "j") as j:
                            k.store(view, (d, n, j), vectors[name][j])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, cls.dtypes)
        direction = str(r.attr("direction", "forward"))
        expect(direction in _DIRECTIONS, "E0311", f"{r.op_type} in direction {direction[:20]!r}")
        reverse = _DIRECTIONS[direction]
        expect(r.type(2).rank == 3, "E0301", f"{r.op_type} with recurrent weights {r.type(2)}")
        names = r.attr("activations") or [*cls.default] * len(reverse)
        names = [n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names]
        alphas, betas = r.attr("activation_alpha") or [], r.attr("activation_beta") or []
        results = 1 + len(cls.states)
        wanted = (*r.wanted[:results], *(False,) * (results - len(r.wanted)))
        op = cls(
            hidden=int(r.attr("hidden_size", r.type(2).shape[2])),
            reverse=reverse,
            activations=read_activations(names, alphas, betas, len(cls.default) * len(reverse)),
            clip=float(r.attr("clip", 0.0)),
            wanted=wanted,
            **cls.own_fields(r),
        )
        operands = [r.inputs[i] if r.has(i) else None for i in range(op.operands)]
        batch_first = bool(r.attr("layout", 0))
        if batch_first:
            for i in (0, *range(5, 5 + len(cls.states))):
                operands[i] = None if (v := operands[i]) is None else r.add(Transpose((1, 0, 2)), v)
        made = list(r.add_many(op, *operands))
        if batch_first:
            made = [r.add(Transpose((2, 0, 1, 3) if v.type.rank == 4 else (1, 0, 2)), v) for v in made]
        found = iter(made)
        return tuple(next(found) if w else r.value(0) for w in wanted)  # nobody asks for those without a name

    @classmethod
    def own_fields(cls, r: Reader) -> dict[str, Any]:
        """Attributes that only this cell has."""
        return {}


@dataclass(frozen=True)
class Weights:
    """One direction's weights in float64; `bias` holds the input's and the state's, apart."""

    w: Array
    r: Array
    bias: Array
    more: tuple[Array | None, ...]

    @staticmethod
    def of(w: Array, r: Array, b: Array | None, more: Sequence[Array | None]) -> Weights:
        bias = np.zeros((2, len(w))) if b is None else b.astype(np.float64).reshape(2, -1)
        wide = tuple(None if a is None else a.astype(np.float64) for a in more)
        return Weights(w.astype(np.float64), r.astype(np.float64), bias, wide)

    def gates(self, x: Array, h: Array) -> list[Array]:
        """What goes into the activation of each gate, (N, H)."""
        total = x @ self.w.T + h @ self.r.T + self.bias.sum(axis=0)
        return np.split(total, total.shape[1] // h.shape[1], axis=1)


@dataclass(frozen=True)
class Cell:
    """One direction of one sequence, while its loops are written."""

    k: Kernel
    op: Recurrent
    x: View
    w: View
    r: View
    b: View | None
    more: tuple[View | None, ...]
    direction: int
    sequence: Expr
    vectors: dict[str, View]

    @property
    def zero(self) -> Expr:
        return const(0.0, self.x.type)

    def activate(self, which: int, value: Expr) -> Expr:
        """The cell's activation of a value, which is clipped first."""
        if self.op.clip:
            value = minimum(maximum(value, -self.op.clip), self.op.clip)
        return self.k.let("f", self.op.functions(self.direction)[which].scalar(self.k, value))

    def each(self, name: str, value: Callable[[Expr], Expr]) -> None:
        """`vector[j] = value(j)` for all j."""
        with self.k.loop(self.op.hidden, "j") as j:
            self.k.store(self.vectors[name], (j,), value(j))

    def bias(self, gate: int, j: Expr, of_state: bool) -> Expr:
        if self.b is None:
            return self.zero
        return self.b[self.direction, j + (gate + of_state * self.op.gates) * self.op.hidden]

    def sums(self, t: Expr, j: Expr, gates: Sequence[int], state: str = "h") -> list[Expr]:
        """Element j of several gates: inputs and state times weights, plus both biases."""
        totals = [self.k.sum(self.bias(g, j, False) + self.bias(g, j, True)) for g in gates]
        self.add_inputs(t, j, gates, totals)
        self.add_state(j, gates, totals, state)
        return [total.value for total in totals]

    def add_inputs(self, t: Expr, j: Expr, gates: Sequence[int], totals: Sequence[Any]) -> None:
        with self.k.loop(self.x.shape[2], "i") as i:
            value = self.k.let("v", self.x[t, self.sequence, i])
            for g, total in zip(gates, totals, strict=True):
                total += value * self.w[self.direction, j + g * self.op.hidden, i]

    def add_state(self, j: Expr, gates: Sequence[int], totals: Sequence[Any], state: str) -> None:
        with self.k.loop(self.op.hidden, "i") as i:
            value = self.k.let("v", self.vectors[state][i])
            for g, total in zip(gates, totals, strict=True):
                total += value * self.r[self.direction, j + g * self.op.hidden, i]
