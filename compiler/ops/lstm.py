"""The long short-term memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from compiler.graph.types import Array
from compiler.loop.nodes import Expr, const
from compiler.ops.base import Reader
from compiler.ops.recurrent import Cell, Recurrent, Weights
from compiler.ops.rnn import clipped

if TYPE_CHECKING:
    from compiler.ops.cells import Activation

_I, _O, _F, _C = range(4)  # the order in which gates lie


@dataclass(frozen=True)
class Lstm(Recurrent):
    """i, f = s(...); c' = f c + i g(...); o = s(...); h' = o t(c'), with the activations s, g, t.

    The last operand (or None) are peepholes (D, 3*H): weights with which c goes into i and f, and c' into o, in the
    order i, o, f. `coupled`: f is 1 - i.
    """

    wanted: tuple[bool, ...] = (True, True, True)
    coupled: bool = False
    onnx = ("LSTM",)
    gates = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    extra = 1
    default = ("Sigmoid", "Tanh", "Tanh")

    def work(self) -> tuple[str, ...]:
        return ("next",)

    def step(self, cell: Cell, t: Expr) -> None:
        k, v = cell.k, cell.vectors
        used = [_I, _O, _C] if self.coupled else [_I, _O, _F, _C]
        with k.loop(self.hidden, "j") as j:
            totals = dict(zip(used, cell.sums(t, j, used), strict=True))
            old = k.let("c", v["c"][j])
            enter = cell.activate(0, self._peeped(cell, _I, j, totals[_I], old))
            forget = const(1.0, old.type) - enter
            if not self.coupled:
                forget = cell.activate(0, self._peeped(cell, _F, j, totals[_F], old))
            new = k.let("c", forget * old + enter * cell.activate(1, totals[_C]))
            leave = cell.activate(0, self._peeped(cell, _O, j, totals[_O], new))
            k.store(v["c"], (j,), new)
            k.store(v["next"], (j,), leave * cell.op.functions(cell.direction)[2].scalar(k, new))
        cell.each("h", lambda j: v["next"][j])

    def _peeped(self, cell: Cell, gate: int, j: Expr, total: Expr, state: Expr) -> Expr:
        """The gate's sum with what its peephole lets in."""
        (weights,) = cell.more
        return total if weights is None else total + weights[cell.direction, j + gate * self.hidden] * state

    def step_reference(
        self, x: Array, states: list[Array], weights: Weights, functions: Sequence[Activation]
    ) -> list[Array]:
        h, c = states
        gates = weights.gates(x, h)
        peepholes = weights.more[0]
        peep = [np.zeros(self.hidden)] * 3 if peepholes is None else np.split(peepholes, 3)
        s, g, out = functions
        enter = s.reference(clipped(gates[_I] + peep[_I] * c, self.clip))
        forget = 1 - enter if self.coupled else s.reference(clipped(gates[_F] + peep[_F] * c, self.clip))
        new = forget * c + enter * g.reference(clipped(gates[_C], self.clip))
        leave = s.reference(clipped(gates[_O] + peep[_O] * new, self.clip))
        return [leave * out.reference(new), new]

    @classmethod
    def own_fields(cls, r: Reader) -> dict[str, Any]:
        return {"coupled": bool(r.attr("input_forget", 0))}
