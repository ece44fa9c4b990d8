"""Expressions of the loop IR as LLVM instructions.

An expression becomes instructions and is, from then on, an operand: the name of a value or a number. Pure
instructions are written once: the same text where it was computed before is the same value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from compiler.emit.llvm_text import literal, llvm_type, memory_type
from compiler.errors import CompilerBug
from compiler.loop.intervals import Ranges, fits
from compiler.loop.nodes import (
    I1,
    Apply,
    Binary,
    Bitcast,
    Buffer,
    Cast,
    Compare,
    Const,
    Expr,
    Function,
    Invoke,
    Load,
    Select,
    Splat,
    Type,
    Unary,
    Var,
)
from compiler.loop.sqrt import sqrt_function

SQRT = "sqrt"  # the feature of a target whose instructions take square roots

_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_ORDER = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}


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


class Values:
    """Prints the expressions of one function into `lines`."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.lines: list[str] = []
        self.ranges = Ranges()
        self.vars: dict[str, str] = {}
        self.buffers: dict[str, str] = {}
        self.windows: set[str] = set()
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

    # expressions

    def operand(self, e: Expr, hint: str = "") -> str:
        """The value of `e`; `hint` names it when an instruction is written for it."""
        match e:
            case Const(value, kind):
                return literal(value, kind)
            case Var(name):
                return self.vars[name]
            case Load(buffer, index, kind):
                return self._load(buffer, index, kind, hint or buffer.name)
            case Binary(op, a, b):
                return self._binary(e, self.operand(a), self.operand(b), hint or op)
            case Unary(op, a):
                return self._unary(op, a.type, self.operand(a), hint or op)
            case Compare(op, a, b):
                return self._compare(op, a.type, self.operand(a), self.operand(b), hint or op)
            case Select(condition, a, b) if e.type.lanes == 1 and (has_effort(a) or has_effort(b)):
                return self._branches(condition, a, b, hint or "pick")
            case Select(condition, a, b):
                c, x, y = self.operand(condition), self.operand(a), self.operand(b)
                return self.choose(e.type, c, x, y, hint or "pick")
            case Cast(a, kind, exact):
                return self._cast(a.type, kind, self.operand(a), exact, hint or "cast")
            case Bitcast(a, kind):
                x, old, new = self.operand(a), llvm_type(a.type), llvm_type(kind)
                return x if old == new else self.pure(hint or "bits", f"bitcast {old} {x} to {new}")
            case Splat(a, kind):
                return self._splat(kind, self.operand(a), hint or "splat")
            case Invoke(function, args):
                return self._call(self.module.call(function), e.type, args, hint or function.name)
            case Apply(instruction, args):
                spelled = instruction.llvm and instruction.feature in {"", *self.module.features}
                if not spelled:
                    return self.operand(Invoke(instruction.meaning, args), hint)
                types = (llvm_type(a.type) for a in args)
                name = self.module.intrinsic(instruction.llvm, llvm_type(e.type), *types)
                return self._call(name, e.type, args, hint or instruction.name)
        raise CompilerBug("E0601", f"the LLVM emitter cannot print {type(e).__name__}")

    def address(self, buffer: Buffer, index: Expr) -> str:
        """A pointer to an element. A window may start outside its buffer, so nothing is promised about it."""
        base = self.buffers[buffer.name]
        if index == Const(0):
            return base
        promise = "" if buffer.name in self.windows else " inbounds"
        at = self.operand(index)
        return self.pure(
            f"{buffer.name}.at", f"getelementptr{promise} {memory_type(buffer.type)}, ptr {base}, i32 {at}"
        )

    def _load(self, buffer: Buffer, index: Expr, kind: Type, hint: str) -> str:
        align = buffer.type.bytes
        if kind.bits > 1:
            return self.result(hint, f"load {llvm_type(kind)}, ptr {self.address(buffer, index)}, align {align}")
        kept = memory_type(kind)
        byte = self.result(f"{hint}.byte", f"load {kept}, ptr {self.address(buffer, index)}, align {align}")
        return self.result(hint, f"icmp ne {kept} {byte}, {literal(0, Type('u', 8, kind.lanes))}")

    def _call(self, name: str, kind: Type, args: tuple[Expr, ...], hint: str) -> str:
        given = ", ".join(f"{llvm_type(a.type)} {self.operand(a)}" for a in args)
        return self.pure(hint, f"call {llvm_type(kind)} {name}({given})")

    def choose(self, kind: Type, condition: str, a: str, b: str, hint: str) -> str:
        t = llvm_type(kind)
        return self.pure(hint, f"select {llvm_type(I1.of_lanes(kind.lanes))} {condition}, {t} {a}, {t} {b}")

    def _branches(self, condition: Expr, a: Expr, b: Expr, hint: str) -> str:
        """A select that computes only what it takes: the other side may read where there is nothing."""
        test = self.operand(condition)
        then, other, done = (self.fresh(f"{hint}.{part}") for part in ("then", "else", "done"))
        self.line(f"br i1 {test}, label %{then}, label %{other}")
        incoming = []
        for label, arm in ((then, a), (other, b)):
            with self.inner():
                self.enter(label)
                value = self.operand(arm)
                incoming.append(f"[ {value}, %{self.block} ]")
                self.line(f"br label %{done}")
        self.enter(done)
        return self.result(hint, f"phi {llvm_type(a.type)} {', '.join(incoming)}")

    def _splat(self, kind: Type, x: str, hint: str) -> str:
        t = llvm_type(kind)
        one = self.pure(f"{hint}.one", f"insertelement {t} poison, {llvm_type(kind.scalar)} {x}, i32 0")
        return self.pure(hint, f"shufflevector {t} {one}, {t} poison, <{kind.lanes} x i32> zeroinitializer")

    def _compare(self, op: str, kind: Type, x: str, y: str, hint: str) -> str:
        if kind.is_float:
            how = "fcmp " + ("une" if op == "ne" else f"o{op}")
        else:
            sign = "s" if kind.kind == "i" and kind.bits > 1 else "u"
            how = "icmp " + (f"{sign}{op}" if op in _ORDER else op)
        return self.pure(hint, f"{how} {llvm_type(kind)} {x}, {y}")

    def _unary(self, op: str, kind: Type, x: str, hint: str) -> str:
        t = llvm_type(kind)
        match op:
            case "neg" if kind.is_float:
                return self.pure(hint, f"fneg {t} {x}")
            case "neg":
                return self.pure(hint, f"sub {t} {literal(0, kind)}, {x}")
            case "not":
                return self.pure(hint, f"xor {t} {x}, {literal(1 if kind.bits == 1 else -1, kind)}")
            case "abs" if kind.is_float:
                return self._intrinsic(f"llvm.fabs.{suffix(kind)}", kind, x, hint=hint)
            case "abs":  # interpreted as signed: unsigned numbers are never below zero
                if kind.kind == "u":
                    return x
                self.module.intrinsic(f"llvm.abs.{suffix(kind)}", t, t, "i1 immarg")
                return self.pure(hint, f"call {t} @llvm.abs.{suffix(kind)}({t} {x}, i1 false)")
            case "sqrt" if SQRT in self.module.features:
                return self._intrinsic(f"llvm.sqrt.{suffix(kind)}", kind, x, hint=hint)
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

    def _intrinsic(self, name: str, kind: Type, *operands: str, hint: str) -> str:
        t = llvm_type(kind)
        self.module.intrinsic(name, t, *([t] * len(operands)))
        return self.pure(hint, f"call {t} @{name}({', '.join(f'{t} {x}' for x in operands)})")

    def _binary(self, e: Binary, x: str, y: str, hint: str) -> str:
        kind, op = e.type, e.op
        t = llvm_type(kind)
        if op in ("min", "max"):
            if kind.is_float or kind.bits == 1:
                picked = self._compare("lt" if op == "min" else "gt", kind, x, y, f"{hint}.is")
                return self.choose(kind, picked, x, y, hint)
            return self._intrinsic(f"llvm.{kind.kind.replace('i', 's')}{op}.{suffix(kind)}", kind, x, y, hint=hint)
        if kind.is_float:
            return self.pure(hint, f"{_FLOAT[op]} {t} {x}, {y}")
        match op:
            case "and" | "or" | "xor":
                return self.pure(hint, f"{op} {t} {x}, {y}")
            case "add" | "sub" | "mul":
                fitting = fits(self.ranges.exact(e), kind) and kind.lanes == 1
                promise = {"i": " nsw", "u": " nuw"}[kind.kind] if fitting else ""
                return self.pure(hint, f"{op}{promise} {t} {x}, {y}")
            case "shl" | "shr":
                low, high = self.ranges.of(e.b)
                if low < 0 or high >= kind.bits:
                    y = self.pure("count", f"and {t} {y}, {literal(kind.bits - 1, kind)}")
                how = {"shl": "shl", "shr": "ashr" if kind.kind == "i" else "lshr"}[op]
                return self.pure(hint, f"{how} {t} {x}, {y}")
            case "div" | "rem":
                return self._divide(e, x, y, hint)
        raise CompilerBug("E0601", f"the LLVM emitter has no {op} of {kind}")

    def _divide(self, e: Binary, x: str, y: str, hint: str) -> str:
        """By zero gives 0; the smallest number by -1 wraps. Both are undefined in LLVM, so 1 divides instead."""
        kind, op = e.type, e.op
        t, zero, one = llvm_type(kind), literal(0, kind), literal(1, kind)
        how = ("s" if kind.kind == "i" else "u") + op
        low, _ = self.ranges.of(e.b)
        if low > 0 and kind.lanes == 1:
            return self.pure(hint, f"{how} {t} {x}, {y}")
        by_zero = self._compare("eq", kind, y, zero, "by.zero")
        if kind.kind == "u":
            divisor = self.choose(kind, by_zero, one, y, "divisor")
            quotient = self.pure(f"{hint}.plain", f"{how} {t} {x}, {divisor}")
            return self.choose(kind, by_zero, zero, quotient, hint)
        by_minus = self._compare("eq", kind, y, literal(-1, kind), "by.minus")
        truth = llvm_type(I1.of_lanes(kind.lanes))
        special = self.pure("special", f"or {truth} {by_zero}, {by_minus}")
        divisor = self.choose(kind, special, one, y, "divisor")
        quotient = self.pure(f"{hint}.plain", f"{how} {t} {x}, {divisor}")
        negated = zero if op == "rem" else self.pure("negated", f"sub {t} {zero}, {x}")
        signed = self.choose(kind, by_minus, negated, quotient, f"{hint}.signed")
        return self.choose(kind, by_zero, zero, signed, hint)

    def _cast(self, old: Type, new: Type, x: str, exact: bool, hint: str) -> str:
        a, b = llvm_type(old), llvm_type(new)
        if new.bits == 1:
            return x if old.bits == 1 else self._compare("ne", old, x, literal(0, old), hint)
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


def has_effort(e: Expr) -> bool:
    """Whether `e` reads memory or calls a function: not to be computed unless it is needed."""
    match e:
        case Load() | Invoke():
            return True
        case Binary(_, a, b) | Compare(_, a, b):
            return has_effort(a) or has_effort(b)
        case Unary(_, a) | Cast(a) | Bitcast(a) | Splat(a):
            return has_effort(a)
        case Select(condition, a, b):
            return has_effort(condition) or has_effort(a) or has_effort(b)
        case Apply(_, args):
            return any(has_effort(a) for a in args)
    return False


def suffix(kind: Type) -> str:
    """How intrinsics name a type: i32, f32, v4f32."""
    scalar = f"{'f' if kind.is_float else 'i'}{kind.bits}"
    return f"v{kind.lanes}{scalar}" if kind.lanes > 1 else scalar
