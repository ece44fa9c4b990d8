"""Operations of the loop IR as LLVM instructions, on operands that are there already.

An operand is the name of a value or a number. Pure instructions are written once: the same text where it was computed
before is the same value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from compiler.emit.llvm_text import literal, llvm_type
from compiler.errors import CompilerBug
from compiler.loop.nodes import I1, Function, Type
from compiler.loop.sqrt import sqrt_function

SQRT = "sqrt"  # the ability of a target whose instructions take square roots

_ORDER = frozenset({"lt", "le", "gt", "ge"})


@dataclass
class Module:
    """What functions need of the module around them."""

    features: frozenset[str]
    functions: dict[str, Function] = field(default_factory=dict)  # called, still to be printed
    declarations: set[str] = field(default_factory=set)
    metadata: list[str] = field(default_factory=list)

    def call(self, function: Function) -> str:
        self.functions.setdefault(function.name, function)
        return f"@{function.name}"

    def intrinsic(self, name: str, result: str, *arguments: str) -> str:
        self.declarations.add(f"declare {result} @{name}({', '.join(arguments)})")
        return f"@{name}"


class Operations:
    """Prints instructions of one function into `lines`."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.lines: list[str] = []
        self.known: dict[str, str] = {}
        self.block = "entry"
        self._used: dict[str, int] = {"entry": 1}

    # names and lines

    def fresh(self, hint: str) -> str:
        """A name not used yet in this function: `acc`, `acc.1`, ..."""
        hint = re.sub(r"\W", "_", hint)
        n = self._used.get(hint, 0)
        self._used[hint] = n + 1
        return f"{hint}.{n}" if n else hint

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def result(self, hint: str, text: str) -> str:
        """An instruction with a value."""
        name = f"%{self.fresh(hint)}"
        self.line(f"{name} = {text}")
        return name

    def pure(self, hint: str, text: str) -> str:
        """The same, when its value depends on its operands alone."""
        if text not in self.known:
            self.known[text] = self.result(hint, text)
        return self.known[text]

    # blocks

    def enter(self, label: str) -> None:
        """Begin a block; the one before must have ended with a branch."""
        self.lines.append(f"{label}:")
        self.block = label

    @contextmanager
    def inner(self) -> Iterator[None]:
        """What is computed in here is not known after it."""
        before = dict(self.known)
        yield
        self.known = before

    # operations

    def choose(self, kind: Type, condition: str, a: str, b: str, hint: str) -> str:
        t = llvm_type(kind)
        return self.pure(hint, f"select {llvm_type(I1.of_lanes(kind.lanes))} {condition}, {t} {a}, {t} {b}")

    def splat(self, kind: Type, x: str, hint: str) -> str:
        t = llvm_type(kind)
        one = self.pure(f"{hint}.one", f"insertelement {t} poison, {llvm_type(kind.scalar)} {x}, i32 0")
        return self.pure(hint, f"shufflevector {t} {one}, {t} poison, <{kind.lanes} x i32> zeroinitializer")

    def compare(self, op: str, kind: Type, x: str, y: str, hint: str) -> str:
        if kind.is_float:
            how = "fcmp " + ("une" if op == "ne" else f"o{op}")
        else:
            sign = "s" if kind.kind == "i" and kind.bits > 1 else "u"
            how = "icmp " + (f"{sign}{op}" if op in _ORDER else op)
        return self.pure(hint, f"{how} {llvm_type(kind)} {x}, {y}")

    def unary(self, op: str, kind: Type, x: str, hint: str) -> str:
        t = llvm_type(kind)
        match op:
            case "neg" if kind.is_float:
                return self.pure(hint, f"fneg {t} {x}")
            case "neg":
                return self.pure(hint, f"sub {t} {literal(0, kind)}, {x}")
            case "not":
                return self.pure(hint, f"xor {t} {x}, {literal(1 if kind.bits == 1 else -1, kind)}")
            case "abs" if kind.is_float:
                return self.intrinsic(f"llvm.fabs.{suffix(kind)}", kind, x, hint=hint)
            case "abs":  # interpreted as signed: unsigned numbers are never below zero
                if kind.kind == "u":
                    return x
                self.module.intrinsic(f"llvm.abs.{suffix(kind)}", t, t, "i1 immarg")
                return self.pure(hint, f"call {t} @llvm.abs.{suffix(kind)}({t} {x}, i1 false)")
            case "sqrt" if SQRT in self.module.features:
                return self.intrinsic(f"llvm.sqrt.{suffix(kind)}", kind, x, hint=hint)
            case "sqrt" if kind.bits == 32:
                root = self.module.call(sqrt_function())
                return self._lane_by_lane(kind, x, lambda lane: f"call float {root}(float {lane})", hint)
        raise CompilerBug("E0601", f"the LLVM emitter has no {op} of {kind} for this target")

    def _lane_by_lane(self, kind: Type, x: str, text: Callable[[str], str], hint: str) -> str:
        """An instruction on scalars, for each lane."""
        if kind.lanes == 1:
            return self.pure(hint, text(x))
        t, scalar, whole = llvm_type(kind), llvm_type(kind.scalar), "poison"
        for i in range(kind.lanes):
            lane = self.pure(hint, text(self.pure("lane", f"extractelement {t} {x}, i32 {i}")))
            whole = self.pure(hint, f"insertelement {t} {whole}, {scalar} {lane}, i32 {i}")
        return whole

    def intrinsic(self, name: str, kind: Type, *operands: str, hint: str) -> str:
        t = llvm_type(kind)
        self.module.intrinsic(name, t, *([t] * len(operands)))
        return self.pure(hint, f"call {t} @{name}({', '.join(f'{t} {x}' for x in operands)})")

    def cast(self, old: Type, new: Type, x: str, exact: bool, hint: str) -> str:
        a, b = llvm_type(old), llvm_type(new)
        if new.bits == 1:
            return x if old.bits == 1 else self.compare("ne", old, x, literal(0, old), hint)
        if old.is_float and not new.is_float:
            sign = "s" if new.kind == "i" else "u"
            if exact:
                return self.pure(hint, f"fpto{sign}i {a} {x} to {b}")
            name = f"llvm.fpto{sign}i.sat.{suffix(new)}.{suffix(old)}"
            self.module.intrinsic(name, b, a)
            return self.pure(hint, f"call {b} @{name}({a} {x})")
        if new.is_float and not old.is_float:
            how = "sitofp" if old.kind == "i" and old.bits > 1 else "uitofp"
        elif a == b:
            return x
        elif new.is_float:
            how = "fpext" if new.bits > old.bits else "fptrunc"
        elif new.bits < old.bits:
            how = "trunc"
        else:
            how = "sext" if old.kind == "i" and old.bits > 1 else "zext"
        return self.pure(hint, f"{how} {a} {x} to {b}")


def suffix(kind: Type) -> str:
    """How intrinsics name a type: i32, f32, v4f32."""
    scalar = f"{'f' if kind.is_float else 'i'}{kind.bits}"
    return f"v{kind.lanes}{scalar}" if kind.lanes > 1 else scalar
