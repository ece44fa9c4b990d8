"""How often a kernel touches each of its buffers, and with which strides: counted from its loops, without running it.

Loops are stepped through only where an inner loop's bounds or a condition depend on them, as at the border of a
convolution; all others are multiplied. What depends on data counts as often as it may happen, in all branches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.loop.affine import Scope, operands
from compiler.loop.interp import Machine
from compiler.loop.nodes import (
    Assign,
    Body,
    Buffer,
    Call,
    Comment,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Stmt,
    Store,
    Var,
    Window,
)


@dataclass
class Traffic:
    """Elements moved for one buffer. `strides`: elements per step of the innermost loop's variable -> elements moved.

    The stride 0 is the same place again and again; None one that depends on more than the variable. `exact`: nothing
    depends on data; otherwise the counts are what it takes at most.
    """

    loads: int = 0
    stores: int = 0
    strides: dict[int | None, int] = field(default_factory=dict)
    exact: bool = True

    def add(self, elements: int, stride: int | None, *, written: bool) -> None:
        if written:
            self.stores += elements
        else:
            self.loads += elements
        self.strides[stride] = self.strides.get(stride, 0) + elements

    @property
    def main_stride(self) -> int | None:
        """The one that moves most."""
        return max(self.strides, key=lambda s: (self.strides[s], s is not None, -abs(s or 0))) if self.strides else None


def traffic(function: Function, scalars: Mapping[str, int] | None = None) -> dict[str, Traffic]:
    """Every buffer parameter of a kernel -> what is moved for it, with what is known of its scalar parameters."""
    count = _Count({b.name: Traffic() for b in function.buffers})
    count.machine.vars.update({name: np.int32(value) for name, value in (scalars or {}).items()})
    count.body(function.body, 1, None)
    for moved in count.moved.values():
        moved.exact = count.exact
    return count.moved


@dataclass
class _Count:
    moved: dict[str, Traffic]
    scope: Scope = field(default_factory=Scope)
    machine: Machine = field(default_factory=Machine)
    exact: bool = True

    def body(self, body: Body, times: int, loop: Var | None) -> None:
        for s in body:
            self._expressions(s, times, loop)
            match s:
                case For():
                    self._loop(s, times)
                case If(condition, then, otherwise):
                    known = self._value(condition)
                    self.exact &= known is not None
                    if known is None or known:
                        self.body(then, times, loop)
                    if not known:
                        self.body(otherwise, times, loop)
                case Let(var, value):
                    self.scope.visit(s)
                    known = None if var.type.is_float or var.type.lanes > 1 else self._value(value)
                    if known is None:
                        self.machine.vars.pop(var.name, None)
                    else:
                        self.machine.vars[var.name] = known
                case Assign(var):
                    self.machine.vars.pop(var.name, None)
                case Store(buffer, index, value):
                    self._touch(buffer, index, value.type.lanes, times, loop, written=True)
                case Window():
                    self.scope.visit(s)
                case Call(function, buffers, scalars):
                    given = {v.name: self._value(e) for v, e in zip(function.scalars, scalars, strict=True)}
                    numbers = {name: value for name, value in given.items() if value is not None}
                    for (buffer, _), inner in zip(buffers, traffic(function, numbers).values(), strict=True):
                        self.exact &= inner.exact
                        for elements, written in ((inner.loads, False), (inner.stores, True)):
                            if elements:
                                self.moved[self._root(buffer)].add(times * elements, None, written=written)
                case Comment():
                    pass

    def _loop(self, s: For, times: int) -> None:
        start, stop = self._value(s.start), self._value(s.stop)
        values = range(0) if start is None or stop is None else range(start, stop, s.step)
        self.scope.enter(s)
        if start is None or stop is None:  # bounds that depend on data: at most so often
            self.exact = False
            self.machine.vars.pop(s.var.name, None)
            self.body(s.body, times * self.scope.trips(s), s.var)
            return
        if _steers(s.var.name, s.body):
            for i in values:
                self.machine.vars[s.var.name] = np.int32(i)
                self.body(s.body, times, s.var)
        elif values:
            self.machine.vars[s.var.name] = np.int32(values[0])
            self.body(s.body, times * len(values), s.var)

    def _value(self, e: Expr) -> int | None:
        """The value of an integer expression of known variables."""
        if any(isinstance(part, Load) or (isinstance(part, Var) and part.name not in self.machine.vars)
               for part in _parts(e)):  # fmt: skip
            return None
        return int(self.machine.eval(e))

    def _expressions(self, s: Stmt, times: int, loop: Var | None) -> None:
        for e in _direct(s):
            for part in _parts(e):
                if isinstance(part, Load):
                    self._touch(part.buffer, part.index, part.type.lanes, times, loop, written=False)

    def _touch(self, buffer: Buffer, index: Expr, lanes: int, times: int, loop: Var | None, *, written: bool) -> None:
        place = self.scope.address(buffer, index, lanes, loop.name if loop else "")
        self.moved[self._root(buffer)].add(times * lanes, place.stride, written=written)

    def _root(self, buffer: Buffer) -> str:
        while buffer.name in self.scope.windows:
            buffer = self.scope.windows[buffer.name][0]
        return buffer.name


def _direct(s: Stmt) -> tuple[Expr, ...]:
    """The expressions that a statement evaluates itself."""
    match s:
        case For(_, start, stop):
            return start, stop
        case If(condition):
            return (condition,)
        case Let(_, value) | Assign(_, value):
            return (value,)
        case Store(_, index, value):
            return index, value
        case Window(_, _, offset):
            return (offset,)
        case Call(_, buffers, scalars):
            return (*(o for _, o in buffers), *scalars)
    return ()


def _parts(e: Expr) -> Iterator[Expr]:
    yield e
    for o in operands(e):
        yield from _parts(o)


def _steers(name: str, body: Body) -> bool:
    """Does a variable decide, perhaps by way of others, how often something inside is done?"""
    steering: set[str] = set()
    made: dict[str, set[str]] = {}

    def collect(body: Body) -> None:
        for s in body:
            match s:
                case For(_, start, stop, inner):
                    steering.update(p.name for e in (start, stop) for p in _parts(e) if isinstance(p, Var))
                    collect(inner)
                case If(condition, then, otherwise):
                    steering.update(p.name for p in _parts(condition) if isinstance(p, Var))
                    collect(then)
                    collect(otherwise)
                case Let(var, value) | Assign(var, value):
                    made.setdefault(var.name, set()).update(p.name for p in _parts(value) if isinstance(p, Var))

    collect(body)
    pending = list(steering)
    while pending:
        for other in made.get(pending.pop(), set()) - steering:
            steering.add(other)
            pending.append(other)
    return name in steering
