"""Which loops threads may share: those whose iterations write apart and read nothing that another one writes.

Proved from the addresses: every store, and every load from memory that is stored to, lies at `stride * i + rest`, with
the same stride for all of a buffer and a rest that spans less than the stride. What cannot be proved stays serial.
Results do not depend on the number of threads: each element is computed by one iteration, in the same order as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from compiler.loop.intervals import Interval, Ranges
from compiler.loop.nodes import (
    Apply,
    Assign,
    Binary,
    Bitcast,
    Body,
    Buffer,
    Call,
    Cast,
    Compare,
    Const,
    Expr,
    For,
    Function,
    If,
    Invoke,
    Let,
    Load,
    Select,
    Splat,
    Store,
    Unary,
    Var,
    Window,
)

LEAST_WORK = 20_000  # statements; sharing fewer costs more than it gains


def parallelize(function: Function, same: Mapping[str, str] | None = None, least: int = LEAST_WORK) -> Function:
    """The function with its outermost worthwhile loops marked parallel.

    `same` maps buffers to another one that lies at the very same place; all others must not overlap.
    """
    search = _Search(dict(same or {}), least)
    return replace(function, body=search.body(function.body))


@dataclass(frozen=True)
class _Access:
    """An access at `stride * i + rest`; a stride of None is not known."""

    root: str
    written: bool
    stride: int | None
    rest: Interval


@dataclass
class _Search:
    same: dict[str, str]
    least: int
    ranges: Ranges = field(default_factory=Ranges)
    windows: dict[str, tuple[Buffer, Expr]] = field(default_factory=dict)
    values: dict[str, Expr] = field(default_factory=dict)  # immutable variables

    def body(self, body: Body) -> Body:
        """Marks loops on the way down; only the outermost of a nest."""
        result = []
        for s in body:
            match s:
                case For(body=inner):
                    self._learn(s)
                    if self._work(s) >= self.least and self._trips(s) > 1 and self._independent(s):
                        s = replace(s, kind="parallel")
                    else:
                        s = replace(s, body=self.body(inner))
                case If(condition, then, otherwise):
                    s = If(condition, self.body(then), self.body(otherwise))
                case _:
                    self._visit(s)
            result.append(s)
        return tuple(result)

    def _learn(self, s: For) -> None:
        """Values the variable takes; from a fixed start only every `step`th."""
        low, high = self.ranges.of(s.start), self.ranges.of(s.stop)
        if low[0] == low[1]:
            first, last = sorted((low[0], low[0] + max(0, self._trips(s) - 1) * s.step))
        else:
            first, last = (low[0], high[1] - 1) if s.step > 0 else (high[0] + 1, low[1])
        self.ranges.learn(s.var, (first, max(first, last)))
        self.values.pop(s.var.name, None)

    def _visit(self, s: object) -> None:
        match s:
            case Let(var, value, mutable):
                self.ranges.forget(var)
                self.values.pop(var.name, None)
                if not mutable:
                    self.ranges.learn(var, self.ranges.of(value))
                    self.values[var.name] = value
            case Window(buffer, base, offset):
                self.windows[buffer.name] = (base, offset)

    def _trips(self, s: For) -> int:
        low, high = self.ranges.of(s.start), self.ranges.of(s.stop)
        span = high[1] - low[0] if s.step > 0 else low[1] - high[0]
        return max(0, -(-span // abs(s.step)))

    def _work(self, s: For) -> int:
        """About how many statements the loop executes."""
        inner = 0
        for each in s.body:
            match each:
                case For():
                    self._learn(each)
                    inner += self._work(each)
                case If(_, then, otherwise):
                    inner += 1 + max(self._work(replace(s, body=b, start=Const(0), stop=Const(1), step=1)) if b else 0
                                     for b in (then, otherwise))  # fmt: skip
                case _:
                    self._visit(each)
                    inner += 1
        return self._trips(s) * inner

    def _independent(self, s: For) -> bool:
        self._learn(s)
        found = list(self._accesses(s.body, s.var.name, set()))
        if any(a is None for a in found):
            return False
        accesses = [a for a in found if a is not None]
        for root in {a.root for a in accesses if a.written}:
            own = [a for a in accesses if a.root == root]
            strides = {a.stride for a in own}
            low, high = min(a.rest[0] for a in own), max(a.rest[1] for a in own)
            if len(strides) != 1 or (stride := strides.pop()) is None or abs(stride * s.step) <= high - low:
                return False
        return True

    def _accesses(self, body: Body, var: str, local: set[str]) -> Iterator[_Access | None]:
        """What one iteration touches; None for what cannot be told. `local` are variables of the iteration."""
        for s in body:
            match s:
                case For(body=inner):
                    self._learn(s)
                    yield from self._loads((s.start, s.stop), var)
                    yield from self._accesses(inner, var, local)
                case If(condition, then, otherwise):
                    yield from self._loads((condition,), var)
                    yield from self._accesses(then, var, local)
                    yield from self._accesses(otherwise, var, local)
                case Let(target, value):
                    yield from self._loads((value,), var)
                    self._visit(s)
                    local.add(target.name)
                case Assign(target, value):
                    yield from self._loads((value,), var)
                    if target.name not in local:
                        yield None  # a variable that lives on from one iteration to the next
                case Store(buffer, index, value):
                    yield from self._loads((index, value), var)
                    yield self._access(buffer, index, value.type.lanes, var, written=True)
                case Window(_, _, offset):
                    yield from self._loads((offset,), var)
                    self._visit(s)
                case Call():
                    yield None

    def _loads(self, expressions: tuple[Expr, ...], var: str) -> Iterator[_Access | None]:
        for e in expressions:
            if isinstance(e, Load):
                yield self._access(e.buffer, e.index, e.type.lanes, var, written=False)
            yield from self._loads(_operands(e), var)

    def _access(self, buffer: Buffer, index: Expr, lanes: int, var: str, *, written: bool) -> _Access:
        stride, rest = self._affine(index, var) or (None, (0, 0))
        root, kind = buffer, buffer.type
        while root.name in self.windows:
            root, offset = self.windows[root.name]
            moved = self._affine(offset, var)
            known = moved is not None and stride is not None and root.type == kind
            if not known or moved is None or stride is None:
                stride, rest = None, (0, 0)
            else:
                stride, rest = stride + moved[0], (rest[0] + moved[1][0], rest[1] + moved[1][1])
        name = root.name
        while name in self.same:
            name = self.same[name]
        return _Access(name, written, stride, (rest[0], rest[1] + lanes - 1))

    def _affine(self, e: Expr, var: str) -> tuple[int, Interval] | None:
        """`e` as a multiple of the variable and a rest within an interval."""
        match e:
            case Var(name) if name == var:
                return 1, (0, 0)
            case Var(name) if name in self.values:
                return self._affine(self.values[name], var)
            case Binary("add" | "sub" as op, a, b):
                x, y = self._affine(a, var), self._affine(b, var)
                if x is None or y is None:
                    return None
                if op == "sub":
                    y = -y[0], (-y[1][1], -y[1][0])
                return x[0] + y[0], (x[1][0] + y[1][0], x[1][1] + y[1][1])
            case Binary("mul", a, b):
                for known, other in ((a, b), (b, a)):
                    low, high = self.ranges.of(known)
                    part = self._affine(other, var)
                    if low == high and part is not None:
                        ends = (part[1][0] * low, part[1][1] * low)
                        return part[0] * low, (min(ends), max(ends))
        return None if self._depends(e, var) else (0, self.ranges.of(e))

    def _depends(self, e: Expr, var: str) -> bool:
        if isinstance(e, Var):
            return e.name == var or (e.name in self.values and self._depends(self.values[e.name], var))
        return any(self._depends(o, var) for o in _operands(e))


def _operands(e: Expr) -> tuple[Expr, ...]:
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
