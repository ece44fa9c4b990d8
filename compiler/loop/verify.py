"""What a legal kernel is: names are defined before use, types agree, constant data is never written."""

from __future__ import annotations

from compiler.errors import CompilerBug
from compiler.loop.nodes import (
    I1,
    Apply,
    Assign,
    Binary,
    Bitcast,
    Body,
    Call,
    Cast,
    Comment,
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
    Type,
    Unary,
    Var,
    Window,
)


def verify(function: Function) -> None:
    """Raise CompilerBug naming the statement that is wrong."""
    scope = {v.name: v.type for v in function.scalars}
    _Checker(function.name).body(function.body, scope, {b.name for b in function.buffers})


class _Checker:
    def __init__(self, name: str) -> None:
        self.name = name

    def expect(self, condition: bool, what: str) -> None:
        if not condition:
            raise CompilerBug("E0690", f"invalid kernel {self.name}: {what}")

    def body(self, body: Body, scope: dict[str, Type], buffers: set[str]) -> None:
        scope, buffers = dict(scope), set(buffers)
        for s in body:
            match s:
                case For(var, start, stop, inner, _, step):
                    self.expr(start, scope, buffers)
                    self.expr(stop, scope, buffers)
                    self.expect(step != 0, "a loop does not advance")
                    self.body(inner, {**scope, var.name: var.type}, buffers)
                case If(condition, then, otherwise):
                    self.expect(self.expr(condition, scope, buffers) == I1, "a condition is not i1")
                    self.body(then, scope, buffers)
                    self.body(otherwise, scope, buffers)
                case Let(var, value):
                    self.expect(self.expr(value, scope, buffers) == var.type, f"{var.name} has another type")
                    self.expect(var.name not in scope, f"{var.name} is declared twice")
                    scope[var.name] = var.type
                case Assign(var, value):
                    self.expect(scope.get(var.name) == var.type, f"{var.name} is assigned before its declaration")
                    self.expect(self.expr(value, scope, buffers) == var.type, f"{var.name} gets another type")
                case Store(buffer, index, value):
                    self.expect(buffer.name in buffers, f"buffer {buffer.name} is unknown")
                    self.expect(not buffer.const, f"constant {buffer.name} is written")
                    self.expr(index, scope, buffers)
                    stored = self.expr(value, scope, buffers)
                    self.expect(stored.scalar == buffer.type, f"{buffer.name} holds {buffer.type}, not {stored}")
                case Window(buffer, base, offset):
                    self.expect(base.name in buffers, f"buffer {base.name} is unknown")
                    self.expr(offset, scope, buffers)
                    buffers.add(buffer.name)
                case Call(function, passed, scalars):
                    self.expect(len(passed) == len(function.buffers), f"{function.name} gets {len(passed)} buffers")
                    for expr in (*(o for _, o in passed), *scalars):
                        self.expr(expr, scope, buffers)
                case Comment():
                    pass
                case _:
                    self.expect(False, f"unknown statement {type(s).__name__}")

    def expr(self, e: Expr, scope: dict[str, Type], buffers: set[str]) -> Type:
        match e:
            case Const():
                pass
            case Var(name, kind):
                self.expect(scope.get(name) == kind, f"variable {name} is not in scope as {kind}")
            case Load(buffer, index, kind):
                self.expect(buffer.name in buffers, f"buffer {buffer.name} is unknown")
                self.expect(buffer.type == kind.scalar, f"{buffer.name} holds {buffer.type}, read as {kind}")
                self.expr(index, scope, buffers)
            case Binary(op, a, b) | Compare(op, a, b):
                same = self.expr(a, scope, buffers) == self.expr(b, scope, buffers)
                self.expect(same, f"{op} of two types")
            case Select(condition, a, b):
                wanted = I1.of_lanes(a.type.lanes)
                self.expect(self.expr(condition, scope, buffers) == wanted, f"a condition is not {wanted}")
                self.expect(self.expr(a, scope, buffers) == self.expr(b, scope, buffers), "select of two types")
            case Unary(_, a):
                self.expr(a, scope, buffers)
            case Cast(a, kind):
                self.expect(self.expr(a, scope, buffers).lanes == kind.lanes, "a cast changes the number of lanes")
            case Splat(a, kind):
                self.expect(self.expr(a, scope, buffers) == kind.scalar, f"a splat of {a.type} into {kind}")
            case Bitcast(a, kind):
                given = self.expr(a, scope, buffers)
                self.expect(given.bits * given.lanes == kind.bits * kind.lanes, "a bitcast changes the width")
            case Invoke(_, args) | Apply(_, args):
                for arg in args:
                    self.expr(arg, scope, buffers)
            case _:
                self.expect(False, f"unknown expression {type(e).__name__}")
        return e.type
