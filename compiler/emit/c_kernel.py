"""The C printer of the loop IR: one function in, lines of C99 out.

Index arithmetic is proved to stay within int32 by intervals and then printed plainly; other integer arithmetic goes
through unsigned types, so that wrapping is defined in C too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from compiler.emit.c_vectors import INFIX, Vectors, print_vector
from compiler.emit.literals import c_type, number
from compiler.errors import CompilerBug
from compiler.loop.analysis import written_buffers
from compiler.loop.call_ranges import Given
from compiler.loop.intervals import Ranges, fits
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
    Instruction,
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
    takes_lanes,
)

# C's precedence, higher binds tighter
_PREC = {"mul": 12, "div": 12, "rem": 12, "add": 11, "sub": 11, "shl": 10, "shr": 10, "and": 7, "xor": 6, "or": 5}
_SIGN = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%", "and": "&", "or": "|", "xor": "^", "shl": "<<",
    "shr": ">>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip
_OPEN_OR_CLOSE = re.compile(r"(?<=\*)(?=/)|(?<=/)(?=\*)|(?<=\?)(?=\?)")  # also trigraphs
_LONGEST_COMMENT = 300
_ATOM, _UNARY, _COMPARE, _SELECT = 20, 14, 8, 2


@dataclass
class KernelPrinter:
    """Prints functions and remembers which helpers they need."""

    helpers: set[str] = field(default_factory=set)
    functions: dict[str, Function] = field(default_factory=dict)  # scalar functions that are invoked
    assembly: dict[str, Instruction] = field(default_factory=dict)  # by the name of their meaning
    vectors: Vectors = field(default_factory=Vectors)
    parallel: bool = False  # some loop is shared by threads
    scalars: Given = field(default_factory=dict)  # what scalar parameters can be (loop/call_ranges.py)

    def function(self, f: Function, qualifier: str) -> list[str]:
        """The definition of `f`; kernels and scalar functions alike."""
        self._ranges = Ranges()
        for v in f.scalars:
            if v.name in self.scalars.get(f.name, {}):
                self._ranges.learn(v, self.scalars[f.name][v.name])
        self._written = written_buffers(f.body)
        lines = self._about(f.doc)
        body = list(_indent(self._body(f.body)))
        if f.result is not None:
            body.append(f"    return {self._expr(f.result)[0]};")
        if f.name in self.assembly:
            qualifier = f"{qualifier} inline __attribute__((always_inline))"
            body = self._instruction(self.assembly[f.name], body)
        lines.append(f"{qualifier} {self.heading(f)}".lstrip())
        lines.append("{")
        used = set(re.findall(r"\w+", "\n".join(body)))
        names = (*(b.name for b in f.buffers), *(v.name for v in f.scalars))
        unused = [name for name in names if name not in used]  # a window all in the padding
        lines += [f"    {self._cast('void', name, _ATOM)[0]};" for name in unused]
        lines += [*body, "}"]
        return lines

    def _instruction(self, instruction: Instruction, meaning: list[str]) -> list[str]:
        """The body of a function that is one instruction where the processor has it, and its meaning elsewhere."""
        assert instruction.meaning.result is not None
        given = ", ".join(f'"r"({v.name})' for v in instruction.meaning.scalars)
        return [
            f"#if {instruction.defined}",
            f"    {self._type(instruction.meaning.result.type)} result;",
            f'    __asm__("{instruction.assembly}" : "=r"(result) : {given});',
            "    return result;",
            "#else",
            *meaning,
            "#endif",
        ]

    def heading(self, f: Function) -> str:
        """The declaration of a function, but for its qualifiers."""
        result = "void" if f.result is None else self._type(f.result.type)
        return f"{result} {f.name}({self.parameters(f)})"

    def parameters(self, f: Function) -> str:
        """What stands between the parentheses of a function's declaration."""
        written = written_buffers(f.body)
        params = [self._parameter(b, b.name in written) for b in f.buffers]
        params += [f"{self._type(v.type)} {v.name}" for v in f.scalars]
        return ", ".join(params) or self._nothing

    # what a sister of C spells differently

    _nothing = "void"

    def _type(self, kind: Type) -> str:
        return self.vectors.name(kind) if kind.lanes > 1 else c_type(kind)

    def _about(self, doc: tuple[str, ...]) -> list[str]:
        lines = [f"{' *' if i else '/*'} {comment(line)}" for i, line in enumerate(doc)]
        if lines:
            lines[-1] += " */"
        return lines

    def _remark(self, text: str) -> str:
        return f"/* {comment(text)} */"

    def _parameter(self, b: Buffer, written: bool) -> str:
        return parameter(b, written)

    def _pointer(self, kind: str, name: str, written: bool) -> str:
        return f"{'' if written else 'const '}{kind} *{name}"

    def _cast(self, kind: str, text: str, precedence: int) -> tuple[str, int]:
        return f"({kind}){text if precedence >= _UNARY else f'({text})'}", _UNARY

    def _extreme(self, op: str, a: Expr, b: Expr) -> tuple[str, int]:
        sign = "<" if op == "min" else ">"
        left, right = self._wrapped(a, 9), self._wrapped(b, 9)
        return f"{left} {sign} {right} ? {left} : {right}", _SELECT

    def _wrapping(self, op: str, a: Expr, b: Expr) -> tuple[str, int]:
        wide = "uint64_t" if a.type.bits == 64 else "uint32_t"
        left, right = self._cast(wide, *self._expr(a))[0], self._cast(wide, *self._expr(b))[0]
        return self._cast(c_type(a.type), f"{left} {_SIGN[op]} {right}", _PREC[op])

    def _from_bits(self, bits: str, kind: Type) -> tuple[str, int]:
        self.helpers.add(f"i{kind.bits}_as_{kind}")
        return f"i{kind.bits}_as_{kind}({bits})", _ATOM

    # statements

    def _body(self, body: Body) -> Iterator[str]:
        for s in body:
            yield from self._stmt(s)

    def _stmt(self, s: Stmt) -> Iterator[str]:
        match s:
            case Comment(text):
                yield self._remark(text)
            case For(var, start, stop, body, _, step):
                low, high = self._ranges.of(start), self._ranges.of(stop)
                i, advance = var.name, {1: "++", -1: "--"}.get(step, f" += {step}" if step > 0 else f" -= {-step}")
                begin, end = self._expr(start)[0], self._wrapped(stop, _COMPARE + 1)
                if step > 0:
                    self._ranges.learn(var, (low[0], max(low[0], high[1] - 1)))
                else:
                    self._ranges.learn(var, (min(low[0], high[0] + 1), low[1]))
                if s.kind == "parallel":
                    self.parallel = True
                    yield "PARALLEL"
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
                if mutable:
                    self._ranges.forget(var)
                else:
                    self._ranges.learn(var, self._ranges.of(value))
                yield f"{'' if mutable else 'const '}{self._type(var.type)} {var.name} = {text};"
            case Assign(var, value):
                match value:
                    case Binary("add" | "sub" | "mul" as op, Var(name), other) if name == var.name and (
                        var.type.is_float
                    ):
                        yield f"{var.name} {_SIGN[op]}= {self._expr(other)[0]};"
                    case _:
                        yield f"{var.name} = {self._expr(value)[0]};"
            case Store(buffer, index, Bitcast(word, many)) if many.lanes > 1 and word.type.lanes == 1:
                store = self.vectors.store_word(many, word.type)
                yield f"{store}({buffer.name} + {self._wrapped(index, 12)}, {self._expr(word)[0]});"
            case Store(buffer, index, value) if value.type.lanes > 1:
                store = self.vectors.store(value.type)
                yield f"{store}({buffer.name} + {self._wrapped(index, 12)}, {self._expr(value)[0]});"
            case Store(buffer, index, value):
                yield f"{buffer.name}[{self._expr(index)[0]}] = {self._expr(value)[0]};"
            case Window(buffer, base, offset):
                pointer = self._pointer(c_type(buffer.type), buffer.name, buffer.name in self._written)
                yield f"{pointer} = {base.name} + {self._wrapped(offset, 12)};"
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
        if e.type.lanes > 1 and not _is_plain(e):
            return print_vector(e, self.vectors, lambda a: self._expr(a)[0], self._wrapped), _ATOM
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
                return self._cast(c_type(kind), *self._expr(a))
            case Bitcast(Load(buffer, index, many), kind) if many.lanes > 1:
                return f"{self.vectors.load_word(many, kind)}({buffer.name} + {self._wrapped(index, 12)})", _ATOM
            case Bitcast(a, kind):
                if a.type.is_float != kind.is_float:
                    return self._helper(f"{a.type}_as_{kind}", a)
                return self._cast(c_type(kind), *self._expr(a))
            case Invoke(function, args):
                self.functions.setdefault(function.name, function)
                return f"{function.name}({', '.join(self._expr(a)[0] for a in args)})", _ATOM
            case Apply(instruction, args):
                if instruction.assembly:
                    self.assembly[instruction.meaning.name] = instruction
                return self._expr(Invoke(instruction.meaning, args))
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
            return self._from_bits(bits, kind)
        return text, _UNARY if text.startswith("-") else _ATOM

    def _binary(self, e: Binary, op: str, a: Expr, b: Expr) -> tuple[str, int]:
        kind = e.type
        if op in ("min", "max"):
            return self._extreme(op, a, b)
        precedence = _PREC[op]
        if kind.bits == 1:
            sign = {"and": "&&", "or": "||", "xor": "!="}[op]
            return f"({self._expr(a)[0]}) {sign} ({self._expr(b)[0]})", 3
        if kind.is_float or (op in ("and", "or", "xor") and kind.bits >= 32):
            if op == "add" and isinstance(b, Const) and kind.is_float and kind.lanes == 1 and -inf < b.value < 0:
                return f"{self._wrapped(a, 11)} - {number(-b.value, kind.numpy)}", 11
            return f"{self._infix(op, a, b)}", precedence
        return self._integer(e, op, a, b, precedence)

    def _integer(self, e: Binary, op: str, a: Expr, b: Expr, precedence: int) -> tuple[str, int]:
        kind = e.type
        plain = fits(self._ranges.exact(e), kind)
        if op in ("div", "rem"):
            if self._ranges.of(b)[0] <= 0:  # 0 for a zero divisor; INT_MIN / -1 wraps
                return self._two(f"{op}_{kind}", a, b)
            plain = True
        if op in ("shl", "shr"):
            low, high = self._ranges.of(b)
            if low < 0 or high >= kind.bits:
                return self._two(f"{op}_{kind}", a, b)
            plain = op == "shr" or (plain and self._ranges.of(a)[0] >= 0)
        if plain and kind.bits >= 32:
            if op == "add" and isinstance(b, Const) and b.value < 0:
                return f"{self._wrapped(a, 11)} - {number(-int(b.value), kind.numpy)}", 11
            return f"{self._infix(op, a, b)}", precedence
        if plain:
            return self._cast(c_type(kind), self._infix(op, a, b), precedence)
        return self._wrapping(op, a, b)

    def _infix(self, op: str, a: Expr, b: Expr) -> str:
        """`a op b`; beside bit operations and shifts, compilers ask for parentheses where C needs none."""
        low = _PREC[op]
        if op in ("and", "or", "xor", "shl", "shr"):
            left = self._wrapped(a, low if isinstance(a, Binary) and a.op == op else _UNARY)
            return f"{left} {_SIGN[op]} {self._wrapped(b, _UNARY)}"
        return f"{self._wrapped(a, low)} {_SIGN[op]} {self._wrapped(b, low + 1)}"

    def _two(self, helper: str, a: Expr, b: Expr) -> tuple[str, int]:
        self.helpers.add(helper)
        return f"{helper}({self._expr(a)[0]}, {self._expr(b)[0]})", _ATOM

    def _unary(self, op: str, a: Expr) -> tuple[str, int]:
        kind = a.type
        if op in ("sqrt", "abs") and kind.is_float:
            return self._helper(f"{op}_{kind}", a)
        if op == "neg" and kind.is_float:
            return f"-{self._wrapped(a, _UNARY + 1)}", _UNARY
        if op == "abs" and kind.kind == "u":
            return self._expr(a)
        if op == "not" and kind.bits == 1:
            return f"!({self._expr(a)[0]})", _UNARY
        if op == "not":
            return self._cast(c_type(kind), f"~{self._wrapped(a, _UNARY)}", _UNARY)
        if op == "neg":
            return self._expr(Binary("sub", Const(0, kind), a))
        return self._expr(Select(Compare("lt", a, Const(0, kind)), Binary("sub", Const(0, kind), a), a))


def _is_plain(e: Expr) -> bool:
    """Does the vector expression read like the scalar one? A call does, if it takes vectors."""
    match e:
        case Binary(op):
            return e.type.is_float and op in INFIX
        case Invoke(function, args) | Apply(Instruction(meaning=function), args):
            return not takes_lanes(function, args)
    return isinstance(e, Var)


def parameter(b: Buffer, written: bool) -> str:
    """Constants are `restrict`: nothing ever writes them. Tensors may overlap on purpose, see the memory plan."""
    if b.const:
        return f"const {c_type(b.type)} *restrict {b.name}"
    return f"{'' if written else 'const '}{c_type(b.type)} *{b.name}"


def comment(text: str) -> str:
    """Text that cannot end or open a comment, nor continue a line; long names are cut."""
    text = text if len(text) <= _LONGEST_COMMENT else text[:_LONGEST_COMMENT] + "..."
    safe = "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
    return _OPEN_OR_CLOSE.sub(" ", safe).rstrip("\\")


def _indent(lines: Iterator[str]) -> Iterator[str]:
    return ("    " + line for line in lines)
