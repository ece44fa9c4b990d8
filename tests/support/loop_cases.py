"""Draws kernels of the loop language: every type and operation, loops, branches, variables, vectors.

All indices lie within their buffers by construction. Results are fully defined: the one thing that engines may decide
for themselves, the bits of a NaN that an operation makes, never becomes an integer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from compiler.loop import math as loop_math
from compiler.loop import rounding
from compiler.loop.nodes import (
    F32,
    F64,
    I1,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Assign,
    Binary,
    Bitcast,
    Body,
    Buffer,
    Cast,
    Compare,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Select,
    Splat,
    Stmt,
    Store,
    Type,
    Unary,
    Var,
    Window,
)
from compiler.loop.verify import verify
from tests.support.op_cases import Draw

SIZE = 16  # elements of each buffer
ROUNDS = 4  # a loop variable is below it
NUMBERS = (I8, I16, I32, I64, U8, U16, U32, U64, F32, F64)
TYPES = (I1, *NUMBERS)
FLOAT_OPS = ("add", "sub", "mul", "div", "min", "max")
INTEGER_OPS = (*FLOAT_OPS, "rem", "and", "or", "xor", "shl", "shr")
COMPARES = ("lt", "le", "gt", "ge", "eq", "ne")
FLOATS = (0.0, -0.0, 1.0, -1.5, 0.1, 3e38, -1e-45, 2147483648.0, 1e19, float("inf"), float("nan"))


@dataclass
class Scope:
    """What a statement may use."""

    buffers: list[Buffer]
    vars: list[Var] = field(default_factory=list)
    mutable: list[Var] = field(default_factory=list)
    loops: list[Var] = field(default_factory=list)
    count: list[int] = field(default_factory=lambda: [0])

    def inner(self) -> Scope:
        return Scope([*self.buffers], [*self.vars], [*self.mutable], [*self.loops], self.count)

    def name(self, base: str) -> str:
        self.count[0] += 1
        return f"{base}{self.count[0]}"

    def of(self, kind: Type) -> list[Var]:
        return [v for v in (*self.vars, *self.mutable, *self.loops) if v.type == kind]


def constants(kind: Type) -> st.SearchStrategy[float | int]:
    if kind.is_float:
        return st.sampled_from(FLOATS)
    if kind.bits == 1:
        return st.integers(0, 1)
    info = np.iinfo(kind.numpy)
    low, high = int(info.min), int(info.max)
    return st.sampled_from([0, 1, 2, 3, 7, low, high, high - 1]) | st.integers(max(low, -40), min(high, 40))


@st.composite
def index(draw: Draw, scope: Scope, lanes: int = 1) -> Expr:
    """A place in a buffer; with a loop variable, or not."""
    room = SIZE - lanes
    if scope.loops and draw(st.booleans()):
        i, factor = draw(st.sampled_from(scope.loops)), draw(st.integers(1, 3))
        return i * factor + draw(st.integers(0, room - (ROUNDS - 1) * factor))
    return Const(draw(st.integers(0, room)))


@st.composite
def expr(draw: Draw, scope: Scope, kind: Type, depth: int) -> Expr:
    """An expression of a type."""
    ways = ["const", "var", "load"]
    if depth > 0:
        ways += ["select", "unary"] + (["compare", "logic"] if kind.bits == 1 else ["binary", "binary", "cast"])
        ways += ["bits"] if kind.bits >= 32 and not (kind.is_float and kind.lanes > 1) else []
        ways += ["splat"] if kind.lanes > 1 else []
        ways += ["invoke"] if kind == F32 else []

    def some(other: Type = kind) -> Expr:
        result: Expr = draw(expr(scope, other, depth - 1))
        return result

    match draw(st.sampled_from(ways)):
        case "var" if found := scope.of(kind):
            return draw(st.sampled_from(found))  # type: ignore[no-any-return]
        case "load" if holding := [b for b in scope.buffers if b.type == kind.scalar]:
            return Load(draw(st.sampled_from(holding)), draw(index(scope, kind.lanes)), kind)
        case "binary":
            return Binary(draw(st.sampled_from(FLOAT_OPS if kind.is_float else INTEGER_OPS)), some(), some())
        case "logic":
            return Binary(draw(st.sampled_from(("and", "or", "xor"))), some(), some())
        case "unary" if kind.bits > 1:
            ops = ("neg", "abs", *(["sqrt"] if kind.scalar == F32 else [])) if kind.is_float else ("neg", "abs", "not")
            return Unary(draw(st.sampled_from(ops)), some())
        case "unary":
            return Unary("not", some())
        case "select":
            return Select(some(I1.of_lanes(kind.lanes)), some(), some())
        case "compare":
            other = draw(st.sampled_from([t for t in NUMBERS if kind.lanes == 1 or t in (F32, I32)]))
            other = other.of_lanes(kind.lanes)
            return Compare(draw(st.sampled_from(COMPARES)), some(other), some(other))
        case "cast":
            other = draw(st.sampled_from(TYPES if kind.lanes == 1 else (I32, F32, U32)))
            return Cast(some(other.of_lanes(kind.lanes)), kind)
        case "bits":
            return draw(bits(scope, kind, depth))  # type: ignore[no-any-return]
        case "splat":
            return Splat(some(kind.scalar), kind)
        case "invoke":
            called: Expr = draw(st.sampled_from([loop_math.exp, rounding.floor]))(some())
            return called
    return Const(draw(constants(kind)), kind)


@st.composite
def bits(draw: Draw, scope: Scope, kind: Type, depth: int) -> Expr:
    """The bits of an integer as a float; or of a float that comes from memory as an integer."""
    if kind.is_float:
        return Bitcast(draw(expr(scope, Type("u", kind.bits), depth - 1)), kind)
    source = Type("f", kind.bits)
    holding = [b for b in scope.buffers if b.type == source and b.name != "out"]
    if holding and kind.lanes == 1:
        return Bitcast(Load(draw(st.sampled_from(holding)), draw(index(scope)), source), kind)
    other = Type("i" if kind.kind == "u" else "u", kind.bits, kind.lanes)
    return Bitcast(draw(expr(scope, other, depth - 1)), kind)


@st.composite
def body(draw: Draw, scope: Scope, out: Buffer, depth: int, length: int = 3) -> Body:
    """Some statements; the last one stores."""
    lines: list[Stmt] = []
    for _ in range(draw(st.integers(1, length))):
        kinds = ["let", "cell", "store", "window"] + (["for", "for", "if"] if depth else [])
        match draw(st.sampled_from(kinds + (["assign", "assign"] if scope.mutable else []))):
            case "let":
                kind = draw(st.sampled_from((*TYPES, F32.of_lanes(4), I32.of_lanes(4))))
                var = Var(scope.name("v"), kind)
                lines.append(Let(var, draw(expr(scope, kind, 2))))
                scope.vars.append(var)
            case "cell":
                kind = draw(st.sampled_from((I32, U32, F32, out.type, F32.of_lanes(4))))
                var = Var(scope.name("acc"), kind)
                lines.append(Let(var, draw(expr(scope, kind, 1)), mutable=True))
                scope.mutable.append(var)
            case "assign":
                var = draw(st.sampled_from(scope.mutable))
                lines.append(Assign(var, draw(expr(scope, var.type, 2))))
            case "window":
                base = draw(st.sampled_from(scope.buffers))
                part = Buffer(scope.name("part"), base.type, None, base.const)
                lines.append(Window(part, base, Const(0)))
                scope.buffers.append(part)
            case "if":
                condition = draw(expr(scope, I1, 2))
                then = draw(body(scope.inner(), out, depth - 1))
                otherwise = draw(body(scope.inner(), out, depth - 1)) if draw(st.booleans()) else ()
                lines.append(If(condition, then, otherwise))
            case "for":
                lines.append(draw(loop(scope, out, depth)))
            case _:
                lines.append(draw(store(scope, out)))
    return (*lines, draw(store(scope, out)))


@st.composite
def loop(draw: Draw, scope: Scope, out: Buffer, depth: int) -> For:
    """Up or down, with numbers or an outer loop's variable as a bound; some never run."""
    inside, var = scope.inner(), Var(scope.name("i"))
    inside.loops.append(var)
    inner = draw(body(inside, out, depth - 1))
    kind = draw(st.sampled_from(("serial", "serial", "unrolled")))
    stop: Expr = Const(draw(st.integers(0, ROUNDS)))
    if scope.loops and draw(st.booleans()):
        stop = draw(st.sampled_from(scope.loops))
    if draw(st.booleans()):
        return For(var, Const(draw(st.integers(0, 2))), stop, inner, kind, draw(st.integers(1, 2)))
    return For(var, Const(draw(st.integers(0, ROUNDS - 1))), Const(-1), inner, kind, draw(st.integers(-2, -1)))


@st.composite
def store(draw: Draw, scope: Scope, out: Buffer) -> Store:
    lanes = draw(st.sampled_from((1, 1, 4))) if out.type in (F32, I32) else 1
    return Store(out, draw(index(scope, lanes)), draw(expr(scope, out.type.of_lanes(lanes), 3)))


@st.composite
def kernels(draw: Draw) -> Function:
    """A kernel that reads `x` and `y` and writes `out`, whose every element is set before anything else."""
    x, y = (Buffer(name, draw(st.sampled_from(TYPES)), SIZE) for name in "xy")
    out = Buffer("out", draw(st.sampled_from(TYPES)), SIZE)
    i = Var("i")
    clear = For(i, Const(0), Const(SIZE), (Store(out, i, draw(expr(Scope([x, y]), out.type, 1))),))
    lines = draw(body(Scope([x, y, out]), out, 2, 5))
    f = Function("f", (x, y, out), (), (clear, *lines))
    verify(f)
    return f


@st.composite
def contents(draw: Draw, kind: Type) -> np.ndarray:
    """Values for a buffer: limits, specials, ordinary numbers."""
    return np.array([draw(constants(kind)) for _ in range(SIZE)], kind.numpy)
