"""Scalar functions of the loop language as functions of torch tensors: any elementwise operator, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from compiler.loop.builder import Kernel
from compiler.loop.interp import Machine
from compiler.loop.nodes import (
    Apply,
    Assign,
    Binary,
    Bitcast,
    Body,
    Cast,
    Compare,
    Const,
    Expr,
    Function,
    Invoke,
    Let,
    Select,
    Type,
    Unary,
    Var,
    const,
)
from compiler.loop.storage import compute_type, is_plain
from compiler.ops.elementwise import Elementwise

DTYPES = frozenset({"bool", "int8", "uint8", "int16", "int32", "int64", "float32", "float64"})  # torch computes with
_SIGN = {
    "add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip
_NAMES = "xyzuvw"


class NoSpelling(Exception):
    """Torch has no words for it; the text says for what."""


@dataclass
class Functions:
    """Functions of one module, each printed once, in the order in which they are needed."""

    texts: dict[str, str] = field(default_factory=dict)
    helpers: set[str] = field(default_factory=set)  # of torch_arithmetic.py
    _names: dict[object, str] = field(default_factory=dict)
    _numbers: Machine = field(default_factory=Machine)  # knows the variables whose values are numbers

    def of(self, op: Elementwise, dtypes: Sequence[str]) -> str:
        """The name of a function that computes the operator on tensors of these types."""
        return self.written(op, type(op).__name__.lower(), [kind_of(d) for d in dtypes], op.scalar)

    def written(self, key: object, base: str, kinds: Sequence[Type], scalar: Callable[..., Expr]) -> str:
        """The name of a function of tensors of these types, whose result `scalar` builds from a kernel and variables;
        equal keys are equal functions."""
        key = (key, base, tuple(kinds))
        if key not in self._names:
            k = Kernel()
            names = [_NAMES[i] if i < len(_NAMES) else f"x{i}" for i in range(len(kinds))]
            k.reserve(*names)
            inputs = [Var(n, kind) for n, kind in zip(names, kinds, strict=True)]
            result = scalar(k, *inputs)
            name = base if base not in self.texts else f"{base}{sum(n.startswith(base) for n in self.texts)}"
            self._names[key] = name
            self._print(Function(name, (), tuple(inputs), k.body(), result), str(key[0]))
        return self._names[key]

    def _print(self, f: Function, doc: str) -> None:
        lines = [f"def {f.name}({', '.join(v.name for v in f.scalars)}):", f'    """{docstring(doc)}"""']
        assert f.result is not None
        outer, self._numbers = self._numbers, Machine()
        body = [f"    {line}" for line in self._body(f.body)]
        self.texts[f.name] = "\n".join([*lines, *body, f"    return {self._tensor(f.result)}"]) + "\n"
        self._numbers = outer

    def _invoked(self, f: Function) -> str:
        if f.name not in self._names:
            self._names[f.name] = f.name
            self._print(f, " ".join(f.doc))
        return f.name

    def _body(self, body: Body) -> list[str]:
        lines = []
        for s in body:
            match s:
                case Let(var, value) | Assign(var, value):
                    known = self._known(value)
                    self._numbers.vars.pop(var.name, None)
                    if known is None:
                        lines.append(f"{var.name} = {self._text(value)}")
                    else:
                        self._numbers.vars[var.name] = self._numbers.eval(known)
                case _:
                    raise NoSpelling(f"a {type(s).__name__} in the loop language")
        return lines

    def _known(self, e: Expr) -> Const | None:
        """The number that an expression is, if it is one."""
        try:
            with np.errstate(all="ignore"):
                value = self._numbers.eval(e)
        except KeyError:  # a variable that only the tensors know
            return None
        return const(value.item(), e.type)

    def _tensor(self, e: Expr) -> str:
        """The expression as a tensor, also where it is a number."""
        known = self._known(e)
        return self._text(e) if known is None else f"torch.tensor({_number(known)}, dtype={torch_name(e.type)})"

    def _text(self, e: Expr) -> str:
        """An atom, or something in parentheses."""
        if (known := self._known(e)) is not None:
            return _number(known)
        match e:
            case Var(name):
                return name
            case Binary(op, a, b):
                return self._binary(e, op, a, b)
            case Compare(op, a, b):
                return f"({self._text(a)} {_SIGN[op]} {self._text(b)})"
            case Unary("neg", a):
                return f"(-{self._tensor(a)})"
            case Unary("not", a):
                return f"(~{self._tensor(a)})"
            case Unary(op, a):
                return f"{self._tensor(a)}.{op}()"
            case Select(condition, a, b):
                left = self._text(a) if self._known(b) is None else self._tensor(a)
                return f"torch.where({self._text(condition)}, {left}, {self._text(b)})"
            case Cast(a, kind, exact):
                return self._cast(a, kind, exact)
            case Bitcast(a, kind):
                return f"{self._tensor(a)}.view({torch_name(kind)})"
            case Invoke(function, args):
                return f"{self._invoked(function)}({', '.join(self._tensor(a) for a in args)})"
            case Apply(instruction, args):
                return self._text(Invoke(instruction.meaning, args))
        raise NoSpelling(f"a {type(e).__name__} in the loop language")

    def _cast(self, a: Expr, kind: Type, exact: bool) -> str:
        if kind.bits == 1:
            return f"({self._text(a)} != 0)"
        if a.type.is_float and not kind.is_float and not exact:
            self.helpers.add("floored")
            return f"floored({self._text(a)}, {torch_name(kind)})"
        return f"{self._text(a)}.to({torch_name(kind)})"

    def _binary(self, e: Expr, op: str, a: Expr, b: Expr) -> str:
        kind = e.type
        a_text, b_text = self._text(a), self._text(b)
        a_known, b_known = self._known(a), self._known(b)
        match op:
            case "min" | "max" if kind.is_float:
                sign = "<" if op == "min" else ">"
                left = a_text if b_known is None else self._tensor(a)
                return f"torch.where({a_text} {sign} {b_text}, {left}, {b_text})"
            case "min" | "max" if a_known or b_known:
                value, limit = (b_text, a_text) if a_known else (a_text, b_text)
                return f"{value}.clamp({'max' if op == 'min' else 'min'}={limit})"
            case "min" | "max":
                return f"torch.{op}imum({a_text}, {b_text})"
            case "div" if kind.is_float:
                return f"({a_text} / {b_text})"
            case "div" | "rem":
                self.helpers.add("divided")
                quotient = f"divided({self._tensor(a)}, {self._tensor(b)})"
                return quotient if op == "div" else f"({a_text} - {quotient} * {b_text})"
            case "shl" | "shr" if b_known is None or not 0 <= int(b_known.value) < kind.bits:
                return f"({a_text} {_SIGN[op]} ({b_text} & {kind.bits - 1}))"
        return f"({a_text} {_SIGN[op]} {b_text})"


def kind_of(dtype: str) -> Type:
    """What a kernel computes with; NoSpelling for the types that torch has no arithmetic for."""
    if dtype not in DTYPES or not is_plain(dtype):
        raise NoSpelling(f"arithmetic with {dtype}")
    return compute_type(dtype)


def torch_name(kind: Type | str) -> str:
    name = kind if isinstance(kind, str) else kind.numpy
    if name not in DTYPES:
        raise NoSpelling(f"arithmetic with {name}")
    return f"torch.{name}"


def docstring(text: str) -> str:
    """Text that cannot end a docstring, a comment or a line."""
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "?" for c in text)[:300]


def _number(e: Const) -> str:
    if e.type.bits == 1:
        return str(bool(e.value))
    if not e.type.is_float:
        return str(int(e.value))
    value = float(e.value)
    return repr(value) if value == value and abs(value) != float("inf") else f'float("{value}")'
