"""The C++ printer of the loop IR: C's printer with C++'s spellings."""

from __future__ import annotations

from dataclasses import dataclass, field

from compiler.emit.c_kernel import _ATOM, KernelPrinter, comment
from compiler.emit.c_vectors import Vectors
from compiler.emit.literals import c_type
from compiler.loop.nodes import Buffer, Expr, Type


@dataclass
class CppVectors(Vectors):
    """C++ chooses between vectors as between scalars."""

    def choose(self, sign: str, compared: Type, chosen: Type, name: str, params: str) -> str:
        x, y = ("a", "b") if "x" not in params.split() else ("x", "y")
        return self._define(name, self.name(chosen), params, f"    return a {sign} b ? {x} : {y};")


@dataclass
class CppKernelPrinter(KernelPrinter):
    """Casts have names, references to memory are plain pointers, small helpers are templates and overloads."""

    vectors: Vectors = field(default_factory=CppVectors)
    _nothing = ""

    def _about(self, doc: tuple[str, ...]) -> list[str]:
        return [self._remark(line) for line in doc]

    def _remark(self, text: str) -> str:
        return f"// {comment(text)}"

    def _parameter(self, b: Buffer, written: bool) -> str:
        """As in C, constants alone are `restrict`: tensors may overlap on purpose."""
        if b.const:
            return f"const {c_type(b.type)}* __restrict {b.name}"
        return self._pointer(c_type(b.type), b.name, written)

    def _pointer(self, kind: str, name: str, written: bool) -> str:
        return f"{'' if written else 'const '}{kind}* {name}"

    def _cast(self, kind: str, text: str, precedence: int) -> tuple[str, int]:
        return f"static_cast<{kind}>({text})", _ATOM

    def _extreme(self, op: str, a: Expr, b: Expr) -> tuple[str, int]:
        return self._template("smaller" if op == "min" else "larger", a, b)

    def _wrapping(self, op: str, a: Expr, b: Expr) -> tuple[str, int]:
        return self._template(f"wrapping_{op}", a, b)

    def _from_bits(self, bits: str, kind: Type) -> tuple[str, int]:
        self.helpers.add("bit_cast")
        return f"bit_cast<{c_type(kind)}>(int{kind.bits}_t{{{bits}}})", _ATOM

    def _helper(self, name: str, a: Expr) -> tuple[str, int]:
        """sqrt_f32, abs_f64: overloads; i32_as_f32: a cast of bits; f32_to_i8: a saturating conversion."""
        text = self._expr(a)[0]
        if "_as_" in name:
            self.helpers.add("bit_cast")
            return f"bit_cast<{c_name(name.split('_as_')[1])}>({text})", _ATOM
        self.helpers.add(name)
        if "_to_" in name:
            return f"to_{name.split('_to_')[1]}({text})", _ATOM
        return f"{'square_root' if name.startswith('sqrt') else 'absolute'}({text})", _ATOM

    def _two(self, helper: str, a: Expr, b: Expr) -> tuple[str, int]:
        return self._template(_TEMPLATES[helper.split("_")[0]], a, b)

    def _template(self, name: str, a: Expr, b: Expr) -> tuple[str, int]:
        """A call of a template for two operands of one type. Literals have types of their own, so it is named."""
        self.helpers.add(name)
        argument = "" if a.type.is_float else f"<{c_type(a.type)}>"
        return f"{name}{argument}({self._expr(a)[0]}, {self._expr(b)[0]})", _ATOM


_TEMPLATES = {"div": "divide", "rem": "remainder", "shl": "shift_left", "shr": "shift_right"}


def c_name(kind: str) -> str:
    """The C++ name of a scalar type of the loop IR: f32, u8, ..."""
    if kind[0] == "f":
        return {"f32": "float", "f64": "double"}[kind]
    return ("u" if kind[0] == "u" else "") + f"int{kind[1:]}_t"
