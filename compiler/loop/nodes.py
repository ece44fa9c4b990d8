"""The loop IR: the language kernels are written in, printed as C, C++ and LLVM IR, and run by `interp`.

Every operation is total and has one result, given by `interp.py`: integers wrap, a shift counts modulo the width,
a float to integer cast truncates and saturates (NaN becomes 0), integer division by zero gives 0. Floats are IEEE
without contraction. Index arithmetic is int32. On vectors every operation works lane by lane: comparing two gives a
vector of i1, which is what a `Select` of vectors takes; a `Load` or `Store` of a vector touches consecutive elements.

    Expr  Const Var Load Binary Unary Compare Cast Bitcast Select Splat Apply Invoke
    Stmt  For If Let Assign Store Call Window Comment
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Type:
    """A scalar (lanes 1) or a vector of scalars."""

    kind: Literal["i", "u", "f"]
    bits: int
    lanes: int = 1

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def bytes(self) -> int:
        return max(1, self.bits // 8) * self.lanes

    @property
    def numpy(self) -> str:
        """The dtype of one lane."""
        if self.bits == 1:
            return "bool"
        return {"i": "int", "u": "uint", "f": "float"}[self.kind] + str(self.bits)

    @property
    def scalar(self) -> Type:
        return Type(self.kind, self.bits)

    def of_lanes(self, lanes: int) -> Type:
        return Type(self.kind, self.bits, lanes)

    def __str__(self) -> str:
        return f"{self.kind}{self.bits}" + (f"x{self.lanes}" if self.lanes > 1 else "")


I1 = Type("i", 1)
I8, I16, I32, I64 = (Type("i", n) for n in (8, 16, 32, 64))
U8, U16, U32, U64 = (Type("u", n) for n in (8, 16, 32, 64))
F32, F64 = Type("f", 32), Type("f", 64)
_BY_NAME: Mapping[str, Type] = {t.numpy: t for t in (I1, I8, I16, I32, I64, U8, U16, U32, U64, F32, F64)}


def type_of(dtype: str) -> Type:
    """The compute type of a numpy dtype name; KeyError where kernels have none."""
    return _BY_NAME[dtype]


@dataclass(frozen=True)
class Buffer:
    """Memory a function reads or writes: a parameter, or a `Window` into another buffer.

    `size` is the number of elements that may be touched, or None when the caller decides.
    """

    name: str
    type: Type
    size: int | None = None
    const: bool = False


class Expr:
    """Arithmetic on expressions builds expressions, simplified on the way (see `simplify.py`)."""

    @property
    def type(self) -> Type:
        raise NotImplementedError(type(self).__name__)

    def __add__(self, other: Operand) -> Expr:
        return _binary("add", self, other)

    def __radd__(self, other: Operand) -> Expr:
        return _binary("add", self, other, swap=True)

    def __sub__(self, other: Operand) -> Expr:
        return _binary("sub", self, other)

    def __rsub__(self, other: Operand) -> Expr:
        return _binary("sub", self, other, swap=True)

    def __mul__(self, other: Operand) -> Expr:
        return _binary("mul", self, other)

    def __rmul__(self, other: Operand) -> Expr:
        return _binary("mul", self, other, swap=True)

    def __truediv__(self, other: Operand) -> Expr:
        return _binary("div", self, other)

    def __rtruediv__(self, other: Operand) -> Expr:
        return _binary("div", self, other, swap=True)

    def __floordiv__(self, other: Operand) -> Expr:
        """Integer division, truncating."""
        return _binary("div", self, other)

    def __mod__(self, other: Operand) -> Expr:
        """Integer remainder with the sign of the dividend."""
        return _binary("rem", self, other)

    def __and__(self, other: Operand) -> Expr:
        return _binary("and", self, other)

    def __or__(self, other: Operand) -> Expr:
        return _binary("or", self, other)

    def __xor__(self, other: Operand) -> Expr:
        return _binary("xor", self, other)

    def __lshift__(self, other: Operand) -> Expr:
        return _binary("shl", self, other)

    def __rshift__(self, other: Operand) -> Expr:
        return _binary("shr", self, other)

    def __neg__(self) -> Expr:
        return Unary("neg", self)

    def __lt__(self, other: Operand) -> Expr:
        return _compare("lt", self, other)

    def __le__(self, other: Operand) -> Expr:
        return _compare("le", self, other)

    def __gt__(self, other: Operand) -> Expr:
        return _compare("gt", self, other)

    def __ge__(self, other: Operand) -> Expr:
        return _compare("ge", self, other)

    def eq(self, other: Operand) -> Expr:
        return _compare("eq", self, other)

    def ne(self, other: Operand) -> Expr:
        return _compare("ne", self, other)


Operand = Expr | int | float


@dataclass(frozen=True)
class Const(Expr):
    """A number; of a vector type, in every lane."""

    value: int | float
    type: Type = I32

    def __eq__(self, other: object) -> bool:  # 0.0 and -0.0 differ, NaN equals NaN
        return isinstance(other, Const) and (repr(self.value), self.type) == (repr(other.value), other.type)

    def __hash__(self) -> int:
        return hash((repr(self.value), self.type))


@dataclass(frozen=True)
class Var(Expr):
    name: str
    type: Type = I32


@dataclass(frozen=True)
class Load(Expr):
    """`buffer[index]`; a vector type loads consecutive elements."""

    buffer: Buffer
    index: Expr
    type: Type = F32


BinaryOp = Literal["add", "sub", "mul", "div", "rem", "min", "max", "and", "or", "xor", "shl", "shr"]
UnaryOp = Literal["neg", "abs", "sqrt", "not"]
CompareOp = Literal["lt", "le", "gt", "ge", "eq", "ne"]


@dataclass(frozen=True)
class Binary(Expr):
    """min and max of floats: `a < b ? a : b` and `a > b ? a : b`, so a NaN in `a` gives `b`."""

    op: BinaryOp
    a: Expr
    b: Expr

    @property
    def type(self) -> Type:
        return self.a.type


@dataclass(frozen=True)
class Unary(Expr):
    op: UnaryOp
    a: Expr

    @property
    def type(self) -> Type:
        return self.a.type


@dataclass(frozen=True)
class Compare(Expr):
    """i1, or as many as the operands have lanes; false when a float operand is NaN, but for `ne`."""

    op: CompareOp
    a: Expr
    b: Expr

    @property
    def type(self) -> Type:
        return I1.of_lanes(self.a.type.lanes)


@dataclass(frozen=True)
class Cast(Expr):
    """The value converted; `exact` promises that a float lies within the integer type's range."""

    a: Expr
    type: Type = F32
    exact: bool = False


@dataclass(frozen=True)
class Bitcast(Expr):
    """The same bits as another type of the same width: four bytes are a word, the first of them its lowest."""

    a: Expr
    type: Type = I32


@dataclass(frozen=True)
class Select(Expr):
    """`a` where the condition is true; for vectors it has as many lanes as they."""

    condition: Expr
    a: Expr
    b: Expr

    @property
    def type(self) -> Type:
        return self.a.type


@dataclass(frozen=True)
class Splat(Expr):
    """A scalar in every lane."""

    a: Expr
    type: Type = F32


@dataclass(frozen=True)
class Instruction:
    """A machine instruction: its meaning, and how it is spelled.

    `meaning` is a scalar or vector function of the loop IR: the interpreter's definition and the fallback where a
    spelling or the feature is missing. `llvm` names an intrinsic. `assembly` is one instruction of scalars in
    registers, for C: %0 is its result, %1, %2 ... are its arguments; it is taken where `defined`, a condition of the
    preprocessor, holds.
    """

    name: str
    meaning: Function
    feature: str
    llvm: str = ""
    assembly: str = ""
    defined: str = ""


@dataclass(frozen=True)
class Apply(Expr):
    instruction: Instruction
    args: tuple[Expr, ...]

    @property
    def type(self) -> Type:
        return _result_type(self.instruction.meaning, self.args)


@dataclass(frozen=True)
class Invoke(Expr):
    """A call of a function that has a result, such as exp; a function of scalars takes vectors lane by lane."""

    function: Function
    args: tuple[Expr, ...]

    @property
    def type(self) -> Type:
        return _result_type(self.function, self.args)


def takes_lanes(function: Function, args: tuple[Expr, ...]) -> bool:
    """Is a function of scalars called with vectors?"""
    given = any(a.type.lanes > 1 for a in args)
    return given and all(v.type.lanes == 1 for v in function.scalars)


def _result_type(function: Function, args: tuple[Expr, ...]) -> Type:
    assert function.result is not None
    kind = function.result.type
    return kind.of_lanes(args[0].type.lanes) if takes_lanes(function, args) else kind


class Stmt:
    pass


Body = tuple[Stmt, ...]


@dataclass(frozen=True)
class For(Stmt):
    """`for var in range(start, stop, step)`; the bounds are evaluated once; a negative step counts down."""

    var: Var
    start: Expr
    stop: Expr
    body: Body
    kind: Literal["serial", "unrolled", "parallel"] = "serial"
    step: int = 1


@dataclass(frozen=True)
class If(Stmt):
    condition: Expr
    then: Body
    otherwise: Body = ()


@dataclass(frozen=True)
class Let(Stmt):
    """Declare `var`; `mutable` when an Assign follows."""

    var: Var
    value: Expr
    mutable: bool = False


@dataclass(frozen=True)
class Assign(Stmt):
    var: Var
    value: Expr


@dataclass(frozen=True)
class Store(Stmt):
    buffer: Buffer
    index: Expr
    value: Expr


@dataclass(frozen=True)
class Window(Stmt):
    """`buffer` becomes a name for the part of `base` that starts at `offset`."""

    buffer: Buffer
    base: Buffer
    offset: Expr


@dataclass(frozen=True)
class Call(Stmt):
    """A shared kernel; `buffers` are (buffer, element offset) pairs for its buffer parameters, in order."""

    function: Function
    buffers: tuple[tuple[Buffer, Expr], ...]
    scalars: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Comment(Stmt):
    text: str


@dataclass(frozen=True)
class Function:
    """A kernel (no result), or a scalar function such as exp (a result, scalar parameters)."""

    name: str
    buffers: tuple[Buffer, ...]
    scalars: tuple[Var, ...]
    body: Body
    result: Expr | None = None
    doc: tuple[str, ...] = field(default=(), compare=False)


def _as_expr(value: Operand, like: Type) -> Expr:
    if isinstance(value, Expr):
        return value
    return Const(float(value) if like.is_float else int(value), like)


def _binary(op: BinaryOp, a: Expr, b: Operand, swap: bool = False) -> Expr:
    from compiler.loop.simplify import binary  # the builder half of this IR; it needs these classes

    other = _as_expr(b, a.type)
    return binary(op, other, a) if swap else binary(op, a, other)


def _compare(op: CompareOp, a: Expr, b: Operand) -> Expr:
    return Compare(op, a, _as_expr(b, a.type))


def const(value: float | int, like: Type) -> Const:
    return Const(float(value) if like.is_float else int(value), like)


def minimum(a: Expr, b: Operand) -> Expr:
    return _binary("min", a, b)


def maximum(a: Expr, b: Operand) -> Expr:
    return _binary("max", a, b)


def select(condition: Expr, a: Operand, b: Operand, like: Type | None = None) -> Expr:
    kind = like or next(v.type for v in (a, b) if isinstance(v, Expr))
    return Select(condition, _as_expr(a, kind), _as_expr(b, kind))
