"""Expressions of the loop IR as LLVM instructions: an expression becomes instructions and then is an operand."""

from __future__ import annotations

from compiler.emit.llvm_operations import Module, Operations, suffix
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
    Invoke,
    Load,
    Select,
    Splat,
    Type,
    Unary,
    Var,
)

_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


class Values(Operations):
    """Prints the expressions of one function."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.ranges = Ranges()
        self.vars: dict[str, str] = {}
        self.buffers: dict[str, str] = {}
        self.windows: set[str] = set()

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
                return self.unary(op, a.type, self.operand(a), hint or op)
            case Compare(op, a, b):
                return self.compare(op, a.type, self.operand(a), self.operand(b), hint or op)
            case Select(condition, a, b) if e.type.lanes == 1 and (has_effort(a) or has_effort(b)):
                return self._branches(condition, a, b, hint or "pick")
            case Select(condition, a, b):
                c, x, y = self.operand(condition), self.operand(a), self.operand(b)
                return self.choose(e.type, c, x, y, hint or "pick")
            case Cast(a, kind, exact):
                return self.cast(a.type, kind, self.operand(a), exact, hint or "cast")
            case Bitcast(a, kind):
                x, old, new = self.operand(a), llvm_type(a.type), llvm_type(kind)
                return x if old == new else self.pure(hint or "bits", f"bitcast {old} {x} to {new}")
            case Splat(a, kind):
                return self.splat(kind, self.operand(a), hint or "splat")
            case Invoke(function, args) if e.type.lanes > 1:
                return self._call_lanes(self.module.call(function), e.type, args, hint or function.name)
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

    def _call_lanes(self, name: str, kind: Type, args: tuple[Expr, ...], hint: str) -> str:
        """Functions are of scalars: one call for each lane."""
        given = [(llvm_type(a.type), llvm_type(a.type.scalar), self.operand(a)) for a in args]
        whole, scalar = "poison", llvm_type(kind.scalar)
        for i in range(kind.lanes):
            lanes = [f"{one} {self.pure('lane', f'extractelement {t} {x}, i32 {i}')}" for t, one, x in given]
            lane = self.pure(hint, f"call {scalar} {name}({', '.join(lanes)})")
            whole = self.pure(hint, f"insertelement {llvm_type(kind)} {whole}, {scalar} {lane}, i32 {i}")
        return whole

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

    def _binary(self, e: Binary, x: str, y: str, hint: str) -> str:
        kind, op = e.type, e.op
        t = llvm_type(kind)
        if op in ("min", "max"):
            if kind.is_float or kind.bits == 1:
                picked = self.compare("lt" if op == "min" else "gt", kind, x, y, f"{hint}.is")
                return self.choose(kind, picked, x, y, hint)
            return self.intrinsic(f"llvm.{kind.kind.replace('i', 's')}{op}.{suffix(kind)}", kind, x, y, hint=hint)
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
        by_zero = self.compare("eq", kind, y, zero, "by.zero")
        if kind.kind == "u":
            divisor = self.choose(kind, by_zero, one, y, "divisor")
            quotient = self.pure(f"{hint}.plain", f"{how} {t} {x}, {divisor}")
            return self.choose(kind, by_zero, zero, quotient, hint)
        by_minus = self.compare("eq", kind, y, literal(-1, kind), "by.minus")
        truth = llvm_type(I1.of_lanes(kind.lanes))
        special = self.pure("special", f"or {truth} {by_zero}, {by_minus}")
        divisor = self.choose(kind, special, one, y, "divisor")
        quotient = self.pure(f"{hint}.plain", f"{how} {t} {x}, {divisor}")
        negated = zero if op == "rem" else self.pure("negated", f"sub {t} {zero}, {x}")
        signed = self.choose(kind, by_minus, negated, quotient, f"{hint}.signed")
        return self.choose(kind, by_zero, zero, signed, hint)


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
