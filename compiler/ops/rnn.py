"""The simple recurrent cell, and the gated recurrent unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.graph.types import Array
from compiler.loop.nodes import Expr, const
from compiler.ops.base import Reader
from compiler.ops.recurrent import Cell, Recurrent, Weights

if TYPE_CHECKING:
    from compiler.ops.cells import Activation


def clipped(x: Array, clip: float) -> Array:
    return np.clip(x, -clip, clip) if clip else x


@dataclass(frozen=True)
class Rnn(Recurrent):
    """h' = f(x w + h r + bias)"""

    onnx = ("RNN",)
    default = ("Tanh",)

    def work(self) -> tuple[str, ...]:
        return ("next",)

    def step(self, cell: Cell, t: Expr) -> None:
        cell.each("next", lambda j: cell.activate(0, cell.sums(t, j, [0])[0]))
        cell.each("h", lambda j: cell.vectors["next"][j])

    def step_reference(
        self, x: Array, states: list[Array], weights: Weights, functions: Sequence[Activation]
    ) -> list[Array]:
        return [functions[0].reference(clipped(weights.gates(x, states[0])[0], self.clip))]


@dataclass(frozen=True)
class Gru(Recurrent):
    """z, r = f(...); c = g(x wc + (r h) rc + bias); h' = (1 - z) c + z h. The gates lie in the order z, r, c.

    `reset_after`: the reset gate multiplies h rc + its bias instead of h.
    """

    reset_after: bool = False
    onnx = ("GRU",)
    gates = 3
    default = ("Sigmoid", "Tanh")

    def work(self) -> tuple[str, ...]:
        return ("next",) if self.reset_after else ("update", "kept")

    def step(self, cell: Cell, t: Expr) -> None:
        if self.reset_after:
            cell.each("next", lambda j: self._after(cell, t, j))
            cell.each("h", lambda j: cell.vectors["next"][j])
            return
        k, v = cell.k, cell.vectors
        with k.loop(self.hidden, "j") as j:
            update, reset = cell.sums(t, j, [0, 1])
            k.store(v["update"], (j,), cell.activate(0, update))
            k.store(v["kept"], (j,), cell.activate(0, reset) * v["h"][j])
        cell.each("h", lambda j: _mixed(cell, j, v["update"][j], cell.sums(t, j, [2], "kept")[0]))

    def _after(self, cell: Cell, t: Expr, j: Expr) -> Expr:
        update, reset = cell.sums(t, j, [0, 1])
        update, reset = cell.activate(0, update), cell.activate(0, reset)
        new, old = (cell.k.sum(cell.bias(2, j, of_state)) for of_state in (False, True))
        cell.add_inputs(t, j, [2], [new])
        cell.add_state(j, [2], [old], "h")
        return _mixed(cell, j, update, new.value + reset * old.value)

    def step_reference(
        self, x: Array, states: list[Array], weights: Weights, functions: Sequence[Activation]
    ) -> list[Array]:
        (h,) = states
        update, reset, _ = (functions[0].reference(clipped(g, self.clip)) for g in weights.gates(x, h))
        rows = slice(2 * self.hidden, None)
        new, old = weights.bias[0, rows] + x @ weights.w[rows].T, weights.bias[1, rows]
        if self.reset_after:
            total = new + reset * (h @ weights.r[rows].T + old)
        else:
            total = new + (reset * h) @ weights.r[rows].T + old
        candidate = functions[1].reference(clipped(total, self.clip))
        return [(1 - update) * candidate + update * h]

    @classmethod
    def own_fields(cls, r: Reader) -> dict[str, Any]:
        return {"reset_after": bool(r.attr("linear_before_reset", 0))}


def _mixed(cell: Cell, j: Expr, update: Expr, candidate: Expr) -> Expr:
    """(1 - update) g(candidate) + update h"""
    new = cell.activate(1, candidate)
    z = cell.k.let("z", update)
    return (const(1.0, z.type) - z) * new + z * cell.vectors["h"][j]
