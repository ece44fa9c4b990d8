"""Vectors in C and C++: the vector types of GCC and clang, and a small function for each operation on them.

Float arithmetic is the language's own; loads, stores, minimum and maximum, and choosing by a comparison have functions
that compilers turn into one or two instructions. All the rest is done lane by lane, by the scalar text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from compiler.emit.literals import c_type
from compiler.loop.nodes import (
    Apply,
    Binary,
    Bitcast,
    Cast,
    Compare,
    Const,
    Expr,
    Instruction,
    Invoke,
    Load,
    Select,
    Splat,
    Type,
    Unary,
    Var,
)

INFIX = frozenset({"add", "sub", "mul", "div"})  # of floats
_SIGN = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_LETTERS = "abc"


@dataclass
class Vectors:
    """The vector types and functions that the printed code needs, by name, in the order they were needed."""

    types: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)

    def name(self, kind: Type) -> str:
        """The C name of a vector type. Truth values are bytes of 0 and 1."""
        kind = Type("u", 8, kind.lanes) if kind.bits == 1 else kind
        scalar = c_type(kind.scalar)
        self.types.setdefault(str(kind), f"typedef {scalar} {kind} __attribute__((vector_size({kind.bytes})));")
        return str(kind)

    def load(self, kind: Type) -> str:
        """The function that reads a vector from any element's address."""
        v = self.name(kind)
        body = f"    {v} r;\n    __builtin_memcpy(&r, from, sizeof r);\n    return r;"
        return self._define(f"load_{kind}", v, f"const {c_type(kind.scalar)} *from", body)

    def store(self, kind: Type) -> str:
        v = self.name(kind)
        body = "    __builtin_memcpy(to, &value, sizeof value);"
        return self._define(f"store_{kind}", "void", f"{c_type(kind.scalar)} *to, {v} value", body)

    def load_word(self, kind: Type, word: Type) -> str:
        """The function that reads neighbours as one number, from any element's address."""
        body = f"    {c_type(word)} r;\n    __builtin_memcpy(&r, from, sizeof r);\n    return r;"
        return self._define(f"load_{word}_of_{kind}", c_type(word), f"const {c_type(kind.scalar)} *from", body)

    def store_word(self, kind: Type, word: Type) -> str:
        body = "    __builtin_memcpy(to, &value, sizeof value);"
        return self._define(f"store_{word}_as_{kind}", "void", f"{c_type(kind.scalar)} *to, {c_type(word)} value", body)

    def splat(self, kind: Type) -> str:
        v = self.name(kind)
        body = f"    const {v} r = {{{', '.join('x' * kind.lanes)}}};\n    return r;"
        return self._define(f"splat_{kind}", v, f"{c_type(kind.scalar)} x", body)

    def choose(self, sign: str, compared: Type, chosen: Type, name: str, params: str) -> str:
        """`a sign b ? x : y` by masks; both types have lanes of the same width."""
        mask = self.name(Type("i", compared.bits, compared.lanes))
        v, (x, y) = self.name(chosen), ("a", "b") if "x" not in params.split() else ("x", "y")
        body = f"    const {mask} first = ({mask})(a {sign} b);\n"
        body += f"    return ({v})((({mask}){x} & first) | (({mask}){y} & ~first));"
        return self._define(name, v, params, body)

    def minimum(self, op: str, kind: Type) -> str:
        v = self.name(kind)
        return self.choose("<" if op == "min" else ">", kind, kind, f"{op}_{kind}", f"{v} a , {v} b")

    def select(self, compare: Compare, kind: Type) -> str:
        c, v = self.name(compare.a.type), self.name(kind)
        name = f"select_{compare.op}_{compare.a.type}_{kind}"
        return self.choose(_SIGN[compare.op], compare.a.type, kind, name, f"{c} a , {c} b , {v} x , {v} y")

    def by_lane(self, name: str, result: Type, operands: tuple[Type, ...], scalar: str) -> str:
        """A function that does `scalar`, text over a[lane], b[lane], ..., for each lane."""
        params = ", ".join(f"{self.name(kind)} {letter}" for kind, letter in zip(operands, _LETTERS, strict=False))
        v = self.name(result)
        body = f"    {v} r = {{0}};\n    for (int lane = 0; lane < {result.lanes}; lane++) {{\n"
        body += f"        r[lane] = {scalar};\n    }}\n    return r;"
        return self._define(name, v, params, body)

    def declarations(self) -> list[str]:
        return list(self.types.values())

    def definitions(self) -> list[str]:
        """Lines, with a blank one between two functions."""
        return "\n\n".join(self.functions.values()).split("\n") if self.functions else []

    def _define(self, name: str, result: str, params: str, body: str) -> str:
        params = params.replace(" ,", ",")
        self.functions.setdefault(name, f"static inline {result} {name}({params})\n{{\n{body}\n}}")
        return name


def print_vector(e: Expr, vectors: Vectors, text: Callable[[Expr], str], wrapped: Callable[[Expr, int], str]) -> str:
    """A vector expression as C; `text` and `wrapped` print operands, also scalar ones."""
    kind = e.type
    match e:
        case Const(value):
            return f"{vectors.splat(kind)}({text(Const(value, kind.scalar))})"
        case Splat(a):
            return f"{vectors.splat(kind)}({text(a)})"
        case Load(buffer, index):
            return f"{vectors.load(kind)}({buffer.name} + {wrapped(index, 12)})"
        case Binary("min" | "max" as op, a, b) if kind.is_float:
            return f"{vectors.minimum(op, kind)}({text(a)}, {text(b)})"
        case Select(Compare() as c, a, b) if c.a.type.bits == kind.bits and kind.bits > 1:
            return f"{vectors.select(c, kind)}({text(c.a)}, {text(c.b)}, {text(a)}, {text(b)})"
    name, operands = _shape(e)
    lanes = tuple(Var(f"{letter}[lane]", a.type.scalar) for letter, a in zip(_LETTERS, operands, strict=False))
    function = vectors.by_lane(name, kind, tuple(a.type for a in operands), text(_scalar(e, lanes)))
    return f"{function}({', '.join(text(a) for a in operands)})"


def _shape(e: Expr) -> tuple[str, tuple[Expr, ...]]:
    """The name of the function for an operation, and its operands."""
    match e:
        case Binary(op, a, b):
            return f"{op}_{e.type}", (a, b)
        case Unary(op, a):
            return f"{op}_{e.type}", (a,)
        case Compare(op, a, b):
            return f"{op}_{a.type}", (a, b)
        case Select(condition, a, b):
            return f"select_{e.type}", (condition, a, b)
        case Cast(a, kind, exact):
            return f"{'exact_' if exact else ''}{kind}_from_{a.type}", (a,)
        case Bitcast(a, kind):
            return f"{kind}_bits_of_{a.type}", (a,)
        case Invoke(function, args):
            return f"{function.name}_{e.type}", args
        case Apply(Instruction(name), args):
            return f"{name}_{e.type}", args
    raise TypeError(f"no vector form of {type(e).__name__}")


def _scalar(e: Expr, lanes: tuple[Var, ...]) -> Expr:
    """The operation on one lane of each operand."""
    match e:
        case Binary(op, _, _):
            return Binary(op, *lanes)
        case Unary(op, _):
            return Unary(op, *lanes)
        case Compare(op, _, _):
            return Compare(op, *lanes)
        case Select():
            return Select(*lanes)
        case Cast(_, kind, exact):
            return Cast(lanes[0], kind.scalar, exact)
        case Bitcast(_, kind):
            return Bitcast(lanes[0], kind.scalar)
        case Invoke() | Apply():
            return replace(e, args=lanes)
    raise TypeError(f"no vector form of {type(e).__name__}")
