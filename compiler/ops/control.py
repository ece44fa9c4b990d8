"""Control flow with static shapes: If, Loop and Scan.

A condition that is known is decided when the model is read. Otherwise the bodies become loops and branches inside one
kernel (`bodies.py`). A loop whose body needs the round's number as a constant is written out, up to `UNROLLED` rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from compiler.errors import ModelError
from compiler.graph.graph import Graph, Value
from compiler.graph.types import Array, TensorType
from compiler.loop.builder import View
from compiler.loop.nodes import I1, I32, I64, Cast, Expr, Unary, minimum
from compiler.ops.base import Op, Reader, Spelling, expect, normal_axis
from compiler.ops.bodies import Scratch, call, closed, copied, lower_body, places
from compiler.ops.index_map import Concat, Slice
from compiler.ops.shaping import Identity, Reshape
from compiler.ops.transpose import Copy, Transpose

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel

UNROLLED = 256
NOTHING = Graph("nothing", (), (), ())


@dataclass(frozen=True)
class If(Op):
    """The outputs of one of two bodies. Operands: the condition, what the first body reads, what the second reads."""

    then: Graph = field(default=NOTHING)
    otherwise: Graph = field(default=NOTHING)
    onnx = ("If",)

    def infer(self, condition: TensorType, *read: TensorType) -> tuple[TensorType, ...]:
        expect(condition.elements == 1, "E0301", f"the condition of If is {condition}")
        a, b = ([(v.type.dtype, v.shape) for v in body.outputs] for body in (self.then, self.otherwise))
        expect(a == b, "E0301", f"the branches of If give {a} and {b}")
        return tuple(TensorType.of(*one) for one in a)

    def reference(self, condition: Array, *read: Array) -> tuple[Array, ...]:
        count = len(self.then.inputs)
        taken = call(self.then, read[:count]) if condition.item() else call(self.otherwise, read[count:])
        return tuple(taken)

    def scratches(self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]) -> Scratch:
        return (*places(self.then).scratch, *places(self.otherwise).scratch)

    def lower(self, k: Kernel, condition: View, *views: View) -> None:
        first, second, results = len(self.then.inputs), len(self.otherwise.inputs), len(self.then.outputs)
        reads, outputs = views[: first + second], views[first + second : first + second + results]
        scratch = views[first + second + results :]
        own = len(places(self.then).scratch)
        chosen = k.let("chosen", condition.at(0))
        for body, given, pools, test in (
            (self.then, reads[:first], scratch[:own], chosen),
            (self.otherwise, reads[first:], scratch[own:], Unary("not", chosen)),
        ):
            with k.when(test):
                for result, y in zip(lower_body(k, body, given, pools), outputs, strict=True):
                    copied(k, result, y)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        return max(self.then.macs(), self.otherwise.macs())

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        known = r.known(0)
        if known is not None:
            return r.inline(r.attr("then_branch" if known.item() else "else_branch"), ())
        branches, read = [], []
        for name in ("then_branch", "else_branch"):
            body, captures = r.subgraph(r.attr(name), ())
            body, constants = closed(r, body)
            branches.append(body)
            read += [*captures, *constants]
        return r.add_many(cls(*branches), r.inputs[0], *read)


@dataclass(frozen=True)
class Repeat(Op):
    """A body, `trips` times. Operands: how often at most (if `bounded`), the condition (if `conditional`), the states,
    what is scanned (one slice along axis 0 for each round), and what the body reads beside.

    The body takes the round's number (if `counted`), the condition, the states, the slices and the rest; it gives the
    condition, the states, and slices that are collected along axis 0 of the last results.
    """

    body: Graph = field(default=NOTHING)
    trips: int = 0
    states: int = 0
    scanned: int = 0
    counted: bool = False
    conditional: bool = False
    bounded: bool = False

    @property
    def _heads(self) -> int:
        return self.bounded + self.conditional

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        results = self.body.outputs[self.conditional :]
        begin = types[self._heads : self._heads + self.states]
        for before, after in zip(begin, results[: self.states], strict=True):
            same = (before.dtype, before.shape) == (after.type.dtype, after.shape)
            expect(same, "E0301", f"a state of the loop is {before} before and {after.type} after a round")
        kept = tuple(TensorType.of(v.type.dtype, v.shape) for v in results[: self.states])
        return (*kept, *(TensorType.of(v.type.dtype, (self.trips, *v.shape)) for v in results[self.states :]))

    def _rest(self, operands: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """States, scanned, and what else the body reads."""
        at = self._heads + self.states
        return operands[self._heads : at], operands[at : at + self.scanned], operands[at + self.scanned :]

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        state, scanned, rest = (list(part) for part in self._rest(arrays))
        rounds = min(self.trips, int(arrays[0].item())) if self.bounded else self.trips
        going = bool(arrays[self.bounded].item()) if self.conditional else True
        collected: list[list[Array]] = [[] for _ in self.body.outputs[self.conditional + self.states :]]
        for i in range(max(0, rounds)):
            if not going:
                break
            head = [np.asarray(i, np.int64)] * self.counted + [np.asarray(going)] * self.conditional
            results = call(self.body, [*head, *state, *(x[i] for x in scanned), *rest])
            if self.conditional:
                going = bool(results.pop(0).item())
            state, slices = results[: self.states], results[self.states :]
            for one, kept in zip(slices, collected, strict=True):
                kept.append(one)
        shapes = self.body.outputs[self.conditional + self.states :]
        stacked = [
            np.stack(c) if c else np.zeros((0, *v.shape), v.type.dtype) for c, v in zip(collected, shapes, strict=True)
        ]
        return (*state, *stacked)

    def scratches(self, inputs: Sequence[TensorType | None], outputs: Sequence[TensorType]) -> Scratch:
        return places(self.body).scratch

    def lower(self, k: Kernel, *views: View) -> None:
        count = len(self.body.inputs) - self.counted + self.bounded
        operands, results = views[:count], views[count : count + len(self.body.outputs) - self.conditional]
        scratch = views[count + len(results) :]
        initial, scanned, rest = self._rest(operands)
        for before, y in zip(initial, results[: self.states], strict=True):
            copied(k, before, y)
        going = k.cell("going", operands[self.bounded].at(0)) if self.conditional else None
        stop: Expr | int = self.trips
        if self.bounded:
            stop = minimum(Cast(minimum(operands[0].at(0), 2**31 - 1), I32), self.trips)
        with k.loop(stop, "round") as i:
            if going is None:
                self._round(k, i, results, scanned, rest, scratch, None)
            else:
                with k.when(going.value):
                    self._round(k, i, results, scanned, rest, scratch, going)

    def _round(
        self, k: Kernel, i: Expr, results: Sequence[View], scanned: Sequence[View], rest: Sequence[View],
        scratch: Sequence[View], going: Any,
    ) -> None:  # fmt: skip
        heads: list[View] = []
        if self.counted:
            heads.append(View(I64, (), (), value=Cast(i, I64)))
        if self.conditional:
            heads.append(View(I1, (), (), value=going.value))
        slices = [replace(x, shape=x.shape[1:], strides=x.strides[1:], base=x.base + i * x.strides[0]) for x in scanned]
        made = lower_body(k, self.body, [*heads, *results[: self.states], *slices, *rest], scratch)
        if self.conditional:
            going.set(made.pop(0).at(0))
        for one, y in zip(made[self.states :], results[self.states :], strict=True):
            copied(k, one, replace(y, shape=y.shape[1:], strides=y.strides[1:], base=y.base + i * y.strides[0]))
        for one, y in zip(made[: self.states], results[: self.states], strict=True):
            copied(k, one, y)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        return self.trips * self.body.macs()


@dataclass(frozen=True)
class Loop(Spelling):
    """ONNX's Loop. Slices are collected only where the number of rounds is known."""

    onnx = ("Loop",)
    compile_time_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = {"Loop": (0, 1)}

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        proto = r.attr("body")
        start = [r.value(i) for i in range(2, len(r.inputs))]
        collects = len(proto.output) - 1 > len(start)
        trips = _known(r, 0, collects)
        going = _known(r, 1, collects)
        if going == 0:
            trips = 0
        if going == 0 and not collects:
            return tuple(start)
        if (trips is None and not r.has(0)) or (trips is not None and trips > MOST_ROUNDS):
            raise r.unsupported("the loop has no bound on its rounds", f"give a trip count of at most {MOST_ROUNDS}")
        try:
            body, captures = r.subgraph(proto, [_SCALAR, _FLAG, *(v.type for v in start)])
            return _repeat(r, body, captures, start, trips, r.has(1) and going is None)
        except ModelError:
            if trips is None or (going is None and r.has(1)) or trips > UNROLLED:
                raise
        return _unrolled(r, proto, start, trips)


MOST_ROUNDS = 2**20
_SCALAR, _FLAG = TensorType.of("int64", ()), TensorType.of("bool", ())


def _known(r: Reader, index: int, must: bool) -> int | None:
    """The value of an optional scalar operand, None when it is computed at run time or absent."""
    if not r.has(index):
        return None
    array = r.constant(index) if must else r.known(index)
    return None if array is None else int(array.reshape(-1)[0])


def _repeat(
    r: Reader, body: Graph, captures: tuple[Value, ...], start: list[Value], trips: int | None, asked: bool
) -> tuple[Value, ...]:
    """`asked`: the condition before the first round is only known at run time."""
    index, flag, *own = body.inputs
    conditional = asked or not _always(body)
    if conditional and len(body.outputs) - 1 > len(start):
        raise r.unsupported("a loop that may end early collects slices", "let it run a fixed number of rounds")
    read = {v.name for n in body.nodes for v in n.present} | {v.name for v in body.outputs}
    if not conditional:
        body = replace(body, outputs=body.outputs[1:]).without_dead_code()
        if flag.name in {v.name for n in body.nodes for v in n.present}:
            raise r.unsupported("the loop's body computes with its condition", "leave it out: it is always true")
    counted = index.name in read
    body = replace(body, inputs=(*((index,) * counted), *((flag,) * conditional), *own))
    body, constants = closed(r, body)
    bounded = trips is None
    op = Repeat(body, trips if trips is not None else MOST_ROUNDS, len(start), 0, counted, conditional, bounded)
    head = [r.value(0)] * bounded
    if conditional:
        head.append(r.value(1) if r.has(1) else r.const(np.asarray(True), "condition"))
    return r.add_many(op, *head, *start, *captures, *constants)


def _always(body: Graph) -> bool:
    """Does the body hand on the condition it was given, or the constant true?"""
    value = body.outputs[0]
    while (node := body.producer(value)) is not None and isinstance(node.op, (Copy, Identity)):
        value = node.value(0)
    known = body.constant(value)
    return value == body.inputs[1] or (known is not None and bool(known.item()))


def _unrolled(r: Reader, proto: Any, state: list[Value], trips: int) -> tuple[Value, ...]:
    true = r.const(np.asarray(True), "condition")
    rounds: list[list[Value]] = []
    count = len(state)
    for i in range(trips):
        _, *results = r.inline(proto, [r.const(np.asarray(i, np.int64), "round"), true, *state])
        state, slices = list(results[:count]), list(results[count:])
        rounds.append(slices)
    if not rounds:
        raise r.unsupported("a loop of no rounds collects slices", "remove it")
    collected = []
    for one in zip(*rounds, strict=True):
        rows = [r.add(Reshape((1, *v.shape)), v) for v in one]
        collected.append(r.add(Concat(0), *rows))
    return (*state, *collected)


@dataclass(frozen=True)
class Scan(Spelling):
    """ONNX's Scan: slices along any axes, in either direction. Before opset 9 there was a batch axis in front."""

    onnx = ("Scan",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        proto, scanned = r.attr("body"), int(r.attr("num_scan_inputs"))
        if r.opset < 9:
            if r.has(0):
                raise r.unsupported("Scan of sequences of several lengths", "give all the same length")
            return _batches(r, proto, [r.value(i) for i in range(1, len(r.inputs))], scanned)
        given = [r.value(i) for i in range(len(r.inputs))]
        states = len(given) - scanned
        axes, out_axes = r.attr("scan_input_axes"), r.attr("scan_output_axes")
        backward, out_backward = r.attr("scan_input_directions"), r.attr("scan_output_directions")
        inputs = [
            _first(r, x, axes[i] if axes else 0, bool(backward and backward[i])) for i, x in enumerate(given[states:])
        ]
        results = _scan(r, proto, given[:states], inputs)
        collected = [
            _placed_back(r, y, out_axes[i] if out_axes else 0, bool(out_backward and out_backward[i]))
            for i, y in enumerate(results[states:])
        ]
        return (*results[:states], *collected)


def _scan(r: Reader, proto: Any, states: list[Value], inputs: list[Value]) -> tuple[Value, ...]:
    expect(len({x.shape[0] for x in inputs}) == 1, "E0301", f"Scan of lengths {[x.shape[0] for x in inputs]}")
    types = [v.type for v in states] + [TensorType.of(x.type.dtype, x.shape[1:]) for x in inputs]
    body, captures = r.subgraph(proto, types)
    body, constants = closed(r, body)
    op = Repeat(body, inputs[0].shape[0], len(states), len(inputs))
    return r.add_many(op, *states, *inputs, *captures, *constants)


def _batches(r: Reader, proto: Any, given: list[Value], scanned: int) -> tuple[Value, ...]:
    """Each batch for itself."""
    states, batches = len(given) - scanned, given[0].shape[0]
    if any(r.attr("directions") or ()):
        raise r.unsupported("Scan backwards before opset 9", "export with opset 9 or newer")
    rows = []
    for b in range(batches):
        own = [_row(r, v, b) for v in given]
        rows.append(_scan(r, proto, own[:states], own[states:]))
    return tuple(r.add(Concat(0), *(r.add(Reshape((1, *v.shape)), v) for v in one)) for one in zip(*rows, strict=True))


def _row(r: Reader, x: Value, b: int) -> Value:
    rank = x.type.rank
    begin, steps = (b, *(0,) * (rank - 1)), (1,) * rank
    return r.add(Reshape(x.shape[1:]), r.add(Slice(begin, steps, (1, *x.shape[1:])), x))


def _first(r: Reader, x: Value, axis: int, backward: bool) -> Value:
    """The scanned axis in front, running forward."""
    axis = normal_axis(axis, x.type.rank)
    if axis:
        x = r.add(Transpose((axis, *(a for a in range(x.type.rank) if a != axis))), x)
    return _reversed(r, x) if backward else x


def _placed_back(r: Reader, y: Value, axis: int, backward: bool) -> Value:
    y = _reversed(r, y) if backward else y
    axis = normal_axis(axis, y.type.rank)
    order = list(range(1, y.type.rank))
    order.insert(axis, 0)
    return r.add(Transpose(tuple(order)), y) if axis else y


def _reversed(r: Reader, x: Value) -> Value:
    rank = x.type.rank
    return r.add(Slice((x.shape[0] - 1, *(0,) * (rank - 1)), (-1, *(1,) * (rank - 1)), x.shape), x)
