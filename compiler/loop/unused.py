"""Variables that nobody reads go: an index along an axis of length one, say, is computed and then has no effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from compiler.loop.affine import operands
from compiler.loop.nodes import Assign, Body, Call, Expr, For, If, Let, Stmt, Store, Var, Window


def without_unused(body: Body) -> Body:
    """The same statements without variables that are never read; a name counts as read wherever it is."""
    while True:
        read = set(_read(body))
        kept = _kept(body, read)
        if kept == body:
            return body
        body = kept


def _kept(body: Body, read: set[str]) -> Body:
    result: list[Stmt] = []
    for s in body:
        match s:
            case Let(var) | Assign(var) if var.name not in read:
                continue
            case For():
                result.append(replace(s, body=_kept(s.body, read)))
            case If():
                result.append(replace(s, then=_kept(s.then, read), otherwise=_kept(s.otherwise, read)))
            case _:
                result.append(s)
    return tuple(result)


def _read(body: Body) -> Iterator[str]:
    for s in body:
        match s:
            case Let(_, value) | Assign(_, value):
                yield from _names(value)
            case Store(_, index, value):
                yield from _names(index)
                yield from _names(value)
            case Window(_, _, offset):
                yield from _names(offset)
            case Call(_, passed, scalars):
                for expr in (*(o for _, o in passed), *scalars):
                    yield from _names(expr)
            case For(_, start, stop, inner):
                yield from _names(start)
                yield from _names(stop)
                yield from _read(inner)
            case If(condition, then, otherwise):
                yield from _names(condition)
                yield from _read(then)
                yield from _read(otherwise)


def _names(e: Expr) -> Iterator[str]:
    if isinstance(e, Var):
        yield e.name
    for inner in operands(e):
        yield from _names(inner)
