"""The C printer of the loop IR: one function in, lines of C99 out.

Index arithmetic is proved to stay within int32 by intervals and then printed plainly; other integer arithmetic goes
through unsigned types, so that wrapping is defined in C too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from compiler.emit.literals import c_type, number
from compiler.errors import CompilerBug
from compiler.loop.analysis import written_buffers
from compiler.loop.nodes import (
    Apply,
    Assign,
    Binary,
    Bitcast,
    Body,
    Buffer,
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
    Stmt,
    Store,
    Type,
    Unary,
    Var,
    Window,
)

Interval = tuple[int, int]

# C's precedence, higher binds tighter
_PREC = {"mul": 12, "div": 12, "rem": 12, "add": 11, "sub": 11, "shl": 10, "shr": 10, "and": 7, "xor": 6, "or": 5}
_SIGN = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%", "and": "&", "or": "|", "xor": "^", "shl": "<<",
    "shr": ">>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip
_ATOM, _UNARY, _COMPARE, _SELECT = 20, 14, 8, 2


@dataclass
class KernelPrinter:
    """Prints functions and remembers which helpers they need."""

    helpers: set[str] = field(default_factory=set)
    functions: dict[str, Function] = field(default_factory=dict)  # scalar functions that are invoked
    headers: set[str] = field(default_factory=set)

    def function(self, f: Function, qualifier: str) -> list[str]:
        """The definition of `f`; kernels and scalar functions alike."""
        self._ranges: dict[str, Interval] = {}
        result = "void" if f.result is None else c_type(f.result.type)
        self._written = written_buffers(f.body)
        params = [parameter(b, b.name in self._written) for b in f.buffers] + [
            f"{c_type(v.type)} {v.name}" for v in f.scalars
        ]
        lines = [f"/* {f.doc[0]}" if f.doc else ""]
        if f.doc:
            lines += [f" * {line}" for line in f.doc[1:]]
            lines[-1] += " */"
        else:
            lines = []
        lines.append(f"{qualifier} {result} {f.name}({', '.join(params) or 'void'})")
        lines.append("{")
        lines += _indent(self._body(f.body))
        if f.result is not None:
            lines.append(f"    return {self._expr(f.result)[0]};")
        lines.append("}")
        return lines

    # statements

    def _body(self, body: Body) -> Iterator[str]:
        for s in body:
            yield from self._stmt(s)

    def _stmt(self, s: Stmt) -> Iterator[str]:
        match s:
            case Comment(text):
                yield f"/* {comment(text)} */"
            case For(var, start, stop, body, _, step):
                low, high = self._interval(start), self._interval(stop)
                i, advance = var.name, "++" if step == 1 else "--" if step == -1 else f" += {step}"
                if step < -1:
                    advance = f" -= {-step}"
                begin, end = self._expr(start)[0], self._expr(stop)[0]
                self._ranges[i] = (low[0], max(low[0], high[1] - 1)) if step > 0 else (min(low[0], high[0] + 1), low[1])
                yield f"for (int32_t {i} = {begin}; {i} {'<' if step > 0 else '>'} {end}; {i}{advance}) {{"
                yield from _indent(self._body(body))
                yield "}"
            case If(condition, then, otherwise):
                yield f"if ({self._expr(condition)[0]}) {{"
                yield from _indent(self._body(then))
                if otherwise:
                    yield "} else {"
                    yield from _indent(self._body(otherwise))
                yield "}"
            case Let(var, value, mutable):
                text = self._expr(value)[0]
                if not mutable:
                    self._ranges[var.name] = self._interval(value)
                yield f"{'' if mutable else 'const '}{c_type(var.type)} {var.name} = {text};"
            case Assign(var, value):
                match value:
                    case Binary("add" | "sub" | "mul" as op, Var(name), other) if name == var.name and (
                        var.type.is_float
                    ):
                        yield f"{var.name} {_SIGN[op]}= {self._expr(other)[0]};"
                    case _:
                        yield f"{var.name} = {self._expr(value)[0]};"
            case Store(buffer, index, value):
                yield f"{buffer.name}[{self._expr(index)[0]}] = {self._expr(value)[0]};"
            case Window(buffer, base, offset):
                const = "" if buffer.name in self._written else "const "
                yield f"{const}{c_type(buffer.type)} *{buffer.name} = {base.name} + {self._wrapped(offset, 12)};"
            case Call(function, buffers, scalars):
                self.functions.setdefault(function.name, function)
                args = [b.name if o == Const(0) else f"{b.name} + {self._wrapped(o, 12)}" for b, o in buffers]
                args += [self._expr(a)[0] for a in scalars]
                yield f"{function.name}({', '.join(args)});"
            case _:
                raise CompilerBug("E0601", f"the C emitter cannot print {type(s).__name__}")

    # expressions: text and precedence

    def _wrapped(self, e: Expr, precedence: int) -> str:
        text, mine = self._expr(e)
        return text if mine >= precedence else f"({text})"

    def _expr(self, e: Expr) -> tuple[str, int]:
        if e.type.lanes > 1:
            raise CompilerBug("E0601", "the C emitter prints vector values through instructions only")
        match e:
            case Const(value, kind):
                return self._const(value, kind)
            case Var(name):
                return name, _ATOM
            case Load(buffer, index):
                return f"{buffer.name}[{self._expr(index)[0]}]", _ATOM
            case Binary(op, a, b):
                return self._binary(e, op, a, b)
            case Compare(op, a, b):
                return f"{self._wrapped(a, 9)} {_SIGN[op]} {self._wrapped(b, 9)}", _COMPARE
            case Unary(op, a):
                return self._unary(op, a)
            case Select(condition, a, b):
                text = f"{self._wrapped(condition, 3)} ? {self._wrapped(a, 3)} : {self._wrapped(b, 2)}"
                return text, _SELECT
            case Cast(a, kind, exact):
                if a.type.is_float and not kind.is_float and not exact:
                    return self._helper(f"{a.type}_to_{kind}", a)
                if kind.bits == 1:
                    return f"{self._wrapped(a, 9)} != 0", _COMPARE
                return f"({c_type(kind)}){self._wrapped(a, _UNARY)}", _UNARY
            case Bitcast(a, kind):
                if a.type.is_float != kind.is_float:
                    return self._helper(f"{a.type}_as_{kind}", a)
                return f"({c_type(kind)}){self._wrapped(a, _UNARY)}", _UNARY
            case Invoke(function, args):
                self.functions.setdefault(function.name, function)
                return f"{function.name}({', '.join(self._expr(a)[0] for a in args)})", _ATOM
            case Apply(instruction, args):
                if not instruction.c:
                    return self._expr(Invoke(instruction.meaning, args))
                self.headers.add(instruction.c_header)
                return instruction.c.format(*(self._expr(a)[0] for a in args)), _ATOM
        raise CompilerBug("E0601", f"the C emitter cannot print {type(e).__name__}")

    def _helper(self, name: str, a: Expr) -> tuple[str, int]:
        self.helpers.add(name)
        return f"{name}({self._expr(a)[0]})", _ATOM

    def _const(self, value: float | int, kind: Type) -> tuple[str, int]:
        text = number(value, kind.numpy)
        if "NAN" in text or "INFINITY" in text:
            bits = {"NAN": "0x7FC00000", "INFINITY": "0x7F800000", "-INFINITY": "-0x00800000"}[text]
            if kind.bits == 64:
                bits = {
                    "NAN": "0x7FF8000000000000", "INFINITY": "0x7FF0000000000000", "-INFINITY": "-0x0010000000000000"
                }[text]  # fmt: skip
            self.helpers.add(f"i{kind.bits}_as_{kind}")
            return f"i{kind.bits}_as_{kind}({bits})", _ATOM
        return text, _UNARY if text.startswith("-") else _ATOM

    def _binary(self, e: Binary, op: str, a: Expr, b: Expr) -> tuple[str, int]:
        kind = e.type
        if op in ("min", "max"):
            sign = "<" if op == "min" else ">"
            left, right = self._wrapped(a, 9), self._wrapped(b, 9)
            return f"{left} {sign} {right} ? {left} : {right}", _SELECT
        precedence = _PREC[op]
        if kind.bits == 1:
            sign = {"and": "&&", "or": "||", "xor": "!="}[op]
            return f"({self._expr(a)[0]}) {sign} ({self._expr(b)[0]})", 3
        if kind.is_float or (op in ("and", "or", "xor") and kind.bits >= 32):
            if op == "add" and isinstance(b, Const) and kind.is_float and -inf < b.value < 0:
                return f"{self._wrapped(a, 11)} - {number(-b.value, kind.numpy)}", 11
            return f"{self._wrapped(a, precedence)} {_SIGN[op]} {self._wrapped(b, precedence + 1)}", precedence
        return self._integer(e, op, a, b, precedence)

    def _integer(self, e: Binary, op: str, a: Expr, b: Expr, precedence: int) -> tuple[str, int]:
        kind = e.type
        plain = _in_range(self._raw_interval(e), kind)
        if op in ("div", "rem"):
            low, high = self._interval(b)
            if low <= 0 <= high:  # 0 for a zero divisor; INT_MIN / -1 wraps
                return self._two(f"{op}_{kind}", a, b)
            plain = low > 0
        if op in ("shl", "shr"):
            low, high = self._interval(b)
            if low < 0 or high >= kind.bits:
                return self._two(f"{op}_{kind}", a, b)
            plain = op == "shr" or (plain and self._interval(a)[0] >= 0)
        if plain and kind.bits >= 32:
            if op == "add" and isinstance(b, Const) and b.value < 0:
                return f"{self._wrapped(a, 11)} - {number(-int(b.value), kind.numpy)}", 11
            return f"{self._wrapped(a, precedence)} {_SIGN[op]} {self._wrapped(b, precedence + 1)}", precedence
        if plain:
            text = f"{self._wrapped(a, precedence)} {_SIGN[op]} {self._wrapped(b, precedence + 1)}"
            return f"({c_type(kind)})({text})", _UNARY
        wide = "uint64_t" if kind.bits == 64 else "uint32_t"
        left, right = self._wrapped(a, _UNARY), self._wrapped(b, _UNARY)
        return f"({c_type(kind)})(({wide}){left} {_SIGN[op]} ({wide}){right})", _UNARY

    def _two(self, helper: str, a: Expr, b: Expr) -> tuple[str, int]:
        self.helpers.add(helper)
        return f"{helper}({self._expr(a)[0]}, {self._expr(b)[0]})", _ATOM

    def _unary(self, op: str, a: Expr) -> tuple[str, int]:
        kind = a.type
        if op in ("sqrt", "abs") and kind.is_float:
            return self._helper(f"{op}_{kind}", a)
        if op == "neg" and kind.is_float:
            return f"-{self._wrapped(a, _UNARY + 1)}", _UNARY
        if op == "not" and kind.bits == 1:
            return f"!({self._expr(a)[0]})", _UNARY
        if op == "not":
            return f"({c_type(kind)})~{self._wrapped(a, _UNARY)}", _UNARY
        if op == "neg":
            return self._expr(Binary("sub", Const(0, kind), a))
        return self._expr(Select(Compare("lt", a, Const(0, kind)), Binary("sub", Const(0, kind), a), a))

    # ranges of integer expressions

    def _interval(self, e: Expr) -> Interval:
        """Values `e` can have."""
        raw = self._raw_interval(e)
        return raw if _in_range(raw, e.type) else _whole(e.type)

    def _raw_interval(self, e: Expr) -> Interval:
        """The same before wrapping."""
        if e.type.is_float:
            return (0, 0)
        match e:
            case Const(value):
                return int(value), int(value)
            case Var(name, kind):
                return self._ranges.get(name, _whole(kind))
            case Binary(op, a, b):
                return _combine(op, self._interval(a), self._interval(b), e.type)
            case Select(_, a, b):
                x, y = self._interval(a), self._interval(b)
                return min(x[0], y[0]), max(x[1], y[1])
            case Cast(a, kind) if not a.type.is_float:
                inner = self._interval(a)
                return inner if _in_range(inner, kind) else _whole(kind)
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


def _in_range(interval: Interval, kind: Type) -> bool:
    low, high = _whole(kind)
    return low <= interval[0] and interval[1] <= high


def parameter(b: Buffer, written: bool) -> str:
    """Constants are `restrict`: nothing ever writes them. Tensors may overlap on purpose, see the memory plan."""
    if b.const:
        return f"const {c_type(b.type)} *restrict {b.name}"
    return f"{'' if written else 'const '}{c_type(b.type)} *{b.name}"


def comment(text: str) -> str:
    """Text that cannot end or open a comment, nor continue a line."""
    safe = "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
    return safe.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").rstrip("\\")


def _indent(lines: Iterator[str]) -> Iterator[str]:
    return ("    " + line for line in lines)
