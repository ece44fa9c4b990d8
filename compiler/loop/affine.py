"""Addresses as multiples of a loop's variable: what strides and the independence of iterations are read from."""

from __future__ import annotations

from dataclasses import dataclass, field

from compiler.loop.intervals import Interval, Ranges
from compiler.loop.nodes import (
    Apply,
    Binary,
    Bitcast,
    Buffer,
    Cast,
    Compare,
    Expr,
    For,
    Invoke,
    Let,
    Load,
    Select,
    Splat,
    Stmt,
    Unary,
    Var,
    Window,
)


@dataclass(frozen=True)
class Address:
    """Elements `stride * i + rest` of a parameter; a stride of None is not known."""

    root: str
    stride: int | None
    rest: Interval


@dataclass
class Scope:
    """What is known of variables and windows, while the statements of a function are visited in order."""

    ranges: Ranges = field(default_factory=Ranges)
    windows: dict[str, tuple[Buffer, Expr]] = field(default_factory=dict)
    values: dict[str, Expr] = field(default_factory=dict)  # immutable variables

    def enter(self, s: For) -> None:
        """Learn which values the loop's variable takes; from a fixed start only every `step`th."""
        low, high = self.ranges.of(s.start), self.ranges.of(s.stop)
        if low[0] == low[1]:
            first, last = sorted((low[0], low[0] + max(0, self.trips(s) - 1) * s.step))
        else:
            first, last = (low[0], high[1] - 1) if s.step > 0 else (high[0] + 1, low[1])
        self.ranges.learn(s.var, (first, max(first, last)))
        self.values.pop(s.var.name, None)

    def visit(self, s: Stmt) -> None:
        """Learn what a declaration says."""
        match s:
            case Let(var, value, mutable):
                self.ranges.forget(var)
                self.values.pop(var.name, None)
                if not mutable:
                    self.ranges.learn(var, self.ranges.of(value))
                    self.values[var.name] = value
            case Window(buffer, base, offset):
                self.windows[buffer.name] = (base, offset)

    def trips(self, s: For) -> int:
        """How many iterations the loop has at most."""
        low, high = self.ranges.of(s.start), self.ranges.of(s.stop)
        span = high[1] - low[0] if s.step > 0 else low[1] - high[0]
        return max(0, -(-span // abs(s.step)))

    def address(self, buffer: Buffer, index: Expr, lanes: int, var: str) -> Address:
        """Where an access lies, through windows, in terms of one variable."""
        stride, rest = self.affine(index, var) or (None, (0, 0))
        root, kind = buffer, buffer.type
        while root.name in self.windows:
            root, offset = self.windows[root.name]
            moved = self.affine(offset, var)
            if moved is None or stride is None or root.type != kind:
                stride, rest = None, (0, 0)
            else:
                stride, rest = stride + moved[0], (rest[0] + moved[1][0], rest[1] + moved[1][1])
        return Address(root.name, stride, (rest[0], rest[1] + lanes - 1))

    def affine(self, e: Expr, var: str) -> tuple[int, Interval] | None:
        """`e` as a multiple of the variable and a rest within an interval."""
        match e:
            case Var(name) if name == var:
                return 1, (0, 0)
            case Var(name) if name in self.values:
                return self.affine(self.values[name], var)
            case Binary("add" | "sub" as op, a, b):
                x, y = self.affine(a, var), self.affine(b, var)
                if x is None or y is None:
                    return None
                if op == "sub":
                    y = -y[0], (-y[1][1], -y[1][0])
                return x[0] + y[0], (x[1][0] + y[1][0], x[1][1] + y[1][1])
            case Binary("mul", a, b):
                for known, other in ((a, b), (b, a)):
                    low, high = self.ranges.of(known)
                    part = self.affine(other, var)
                    if low == high and part is not None:
                        ends = (part[1][0] * low, part[1][1] * low)
                        return part[0] * low, (min(ends), max(ends))
        return None if self._depends(e, var) else (0, self.ranges.of(e))

    def _depends(self, e: Expr, var: str) -> bool:
        if isinstance(e, Var):
            return e.name == var or (e.name in self.values and self._depends(self.values[e.name], var))
        return any(self._depends(o, var) for o in operands(e))


def operands(e: Expr) -> tuple[Expr, ...]:
    """The expressions that an expression is made of."""
    match e:
        case Binary(_, a, b) | Compare(_, a, b):
            return a, b
        case Unary(_, a) | Cast(a) | Bitcast(a) | Splat(a):
            return (a,)
        case Select(condition, a, b):
            return condition, a, b
        case Load(_, index):
            return (index,)
        case Invoke(_, args) | Apply(_, args):
            return args
    return ()
