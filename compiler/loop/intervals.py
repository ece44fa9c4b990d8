"""Which values integer expressions can have: printers prove with it that an index stays within int32."""

from __future__ import annotations

from compiler.loop.nodes import Binary, Cast, Const, Expr, Select, Type, Var

Interval = tuple[int, int]  # both ends included


class Ranges:
    """What is known about the variables of one function, filled while its statements are visited in order."""

    def __init__(self) -> None:
        self._known: dict[str, Interval] = {}

    def learn(self, var: Var, interval: Interval) -> None:
        self._known[var.name] = interval

    def forget(self, var: Var) -> None:
        """A mutable variable can hold anything, also where its name stood for something else before."""
        self._known.pop(var.name, None)

    def of(self, e: Expr) -> Interval:
        """Values `e` can have."""
        exact = self.exact(e)
        return exact if fits(exact, e.type) else _whole(e.type)

    def exact(self, e: Expr) -> Interval:
        """The same for the last operation without wrapping: when it fits the type, nothing wraps."""
        if e.type.is_float or e.type.lanes > 1:
            return (0, 0) if e.type.is_float else _whole(e.type)
        match e:
            case Const(value):
                return int(value), int(value)
            case Var(name, kind):
                return self._known.get(name, _whole(kind))
            case Binary(op, a, b):
                return _combine(op, self.of(a), self.of(b), e.type)
            case Select(_, a, b):
                x, y = self.of(a), self.of(b)
                return min(x[0], y[0]), max(x[1], y[1])
            case Cast(a, kind) if not a.type.is_float:
                inner = self.of(a)
                return inner if fits(inner, kind) else _whole(kind)
        return _whole(e.type)


def _combine(op: str, a: Interval, b: Interval, kind: Type) -> Interval:
    match op:
        case "add":
            return a[0] + b[0], a[1] + b[1]
        case "sub":
            return a[0] - b[1], a[1] - b[0]
        case "mul":
            corners = [x * y for x in a for y in b]
            return min(corners), max(corners)
        case "min":
            return min(a[0], b[0]), min(a[1], b[1])
        case "max":
            return max(a[0], b[0]), max(a[1], b[1])
        case "div" if b[0] == b[1] and b[0] > 0:
            return _truncated(a[0], b[0]), _truncated(a[1], b[0])
        case "rem" if b[0] == b[1] and b[0] > 0:
            return (0 if a[0] >= 0 else 1 - b[0]), min(a[1], b[0] - 1) if a[0] >= 0 else b[0] - 1
        case "shl" if b[0] == b[1] and 0 <= b[0] < kind.bits:
            return a[0] << b[0], a[1] << b[0]
        case "shr" if b[0] == b[1] and 0 <= b[0] < kind.bits:
            return a[0] >> b[0], a[1] >> b[0]
        case "and" if b[0] >= 0:
            return 0, b[1]
    return _whole(kind)


def _truncated(a: int, b: int) -> int:
    return abs(a) // b * (1 if a >= 0 else -1)


def _whole(kind: Type) -> Interval:
    if kind.kind == "u" or kind.bits == 1:
        return 0, 2**kind.bits - 1
    return -(2 ** (kind.bits - 1)), 2 ** (kind.bits - 1) - 1


def fits(interval: Interval, kind: Type) -> bool:
    low, high = _whole(kind)
    return low <= interval[0] and interval[1] <= high
