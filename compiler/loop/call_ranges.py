"""What the scalar parameters of shared kernels can be, from all their calls: so that their indices are known to fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from compiler.loop.intervals import Interval, Ranges
from compiler.loop.nodes import Body, Call, For, Function, If

Given = Mapping[str, Mapping[str, Interval]]


def scalar_ranges(kernels: Iterable[Function]) -> Given:
    """By function and parameter; for every function that one of `kernels` calls, directly or through another.

    Sound only where these are all the calls there are, as in a file whose functions are static.
    """
    found: dict[str, dict[str, Interval]] = {}
    for caller in _callers_first(kernels):
        ranges = Ranges()
        for v in caller.scalars:
            if v.name in found.get(caller.name, {}):
                ranges.learn(v, found[caller.name][v.name])
        for call in _calls(caller.body):
            known = found.setdefault(call.function.name, {})
            for v, value in zip(call.function.scalars, call.scalars, strict=True):
                low, high = ranges.of(value)
                before = known.get(v.name, (low, high))
                known[v.name] = min(low, before[0]), max(high, before[1])
    return found


def _calls(body: Body) -> Iterator[Call]:
    for s in body:
        match s:
            case Call():
                yield s
            case For(body=inner):
                yield from _calls(inner)
            case If(_, then, otherwise):
                yield from _calls(then)
                yield from _calls(otherwise)


def _callers_first(kernels: Iterable[Function]) -> list[Function]:
    """Every function once, behind all that call it. Calls never go round in circles."""
    order: list[Function] = []
    seen: set[str] = set()

    def visit(f: Function) -> None:
        if f.name in seen:
            return
        seen.add(f.name)
        for call in _calls(f.body):
            visit(call.function)
        order.append(f)

    for f in kernels:
        visit(f)
    return order[::-1]
