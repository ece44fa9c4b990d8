"""Which loops threads may share: those whose iterations write apart and read nothing that another one writes.

Proved from the addresses: every store, and every load from memory that is stored to, lies at `stride * i + rest`, with
the same stride for all of a buffer and a rest that spans less than the stride. What cannot be proved stays serial.
Results do not depend on the number of threads: each element is computed by one iteration, in the same order as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from compiler.loop.affine import Address, Scope, operands
from compiler.loop.nodes import Assign, Body, Buffer, Call, Const, Expr, For, Function, If, Let, Load, Store, Window

LEAST_WORK = 60_000  # statements; sharing fewer costs more than it gains


def parallelize(function: Function, same: Mapping[str, str] | None = None, least: int = LEAST_WORK) -> Function:
    """The function with its outermost worthwhile loops marked parallel.

    `same` maps buffers to another one that lies at the very same place; all others must not overlap.
    """
    search = _Search(dict(same or {}), least)
    return replace(function, body=search.body(function.body))


@dataclass(frozen=True)
class _Access:
    place: Address
    written: bool


@dataclass
class _Search:
    same: dict[str, str]
    least: int
    scope: Scope = field(default_factory=Scope)

    def body(self, body: Body) -> Body:
        """Marks loops on the way down; only the outermost of a nest."""
        result = []
        for s in body:
            match s:
                case For(body=inner):
                    self.scope.enter(s)
                    if self._work(s) >= self.least and self.scope.trips(s) > 1 and self._independent(s):
                        s = replace(s, kind="parallel")
                    else:
                        s = replace(s, body=self.body(inner))
                case If(condition, then, otherwise):
                    s = If(condition, self.body(then), self.body(otherwise))
                case _:
                    self.scope.visit(s)
            result.append(s)
        return tuple(result)

    def _work(self, s: For) -> int:
        """About how many statements the loop executes."""
        inner = 0
        for each in s.body:
            match each:
                case For():
                    self.scope.enter(each)
                    inner += self._work(each)
                case If(_, then, otherwise):
                    inner += 1 + max(self._work(replace(s, body=b, start=Const(0), stop=Const(1), step=1)) if b else 0
                                     for b in (then, otherwise))  # fmt: skip
                case _:
                    self.scope.visit(each)
                    inner += 1
        return self.scope.trips(s) * inner

    def _independent(self, s: For) -> bool:
        self.scope.enter(s)
        found = list(self._accesses(s.body, s.var.name, set()))
        if any(a is None for a in found):
            return False
        accesses = [a for a in found if a is not None]
        for root in {a.place.root for a in accesses if a.written}:
            own = [a.place for a in accesses if a.place.root == root]
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
                    self.scope.enter(s)
                    yield from self._loads((s.start, s.stop), var)
                    yield from self._accesses(inner, var, local)
                case If(condition, then, otherwise):
                    yield from self._loads((condition,), var)
                    yield from self._accesses(then, var, local)
                    yield from self._accesses(otherwise, var, local)
                case Let(target, value):
                    yield from self._loads((value,), var)
                    self.scope.visit(s)
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
                    self.scope.visit(s)
                case Call():
                    yield None

    def _loads(self, expressions: tuple[Expr, ...], var: str) -> Iterator[_Access | None]:
        for e in expressions:
            if isinstance(e, Load):
                yield self._access(e.buffer, e.index, e.type.lanes, var, written=False)
            yield from self._loads(operands(e), var)

    def _access(self, buffer: Buffer, index: Expr, lanes: int, var: str, *, written: bool) -> _Access:
        place = self.scope.address(buffer, index, lanes, var)
        root = place.root
        while root in self.same:
            root = self.same[root]
        return _Access(replace(place, root=root), written)
