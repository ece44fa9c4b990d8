"""Smart constructors: arithmetic folds constants and keeps index expressions as sums of multiples.

Float arithmetic is only folded where the result is bit-identical for every input: x + 0.0 is not x when x is -0.0.
"""

from __future__ import annotations

from compiler.loop.nodes import Binary, BinaryOp, Const, Expr, Type


def binary(op: BinaryOp, a: Expr, b: Expr) -> Expr:
    """`a op b`, simplified. Both sides have the same type."""
    assert a.type == b.type, f"{op} of {a.type} and {b.type}"
    if a.type.is_float or a.type.bits == 1 or a.type.lanes > 1:
        return Binary(op, a, b)
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(fold(op, int(a.value), int(b.value), a.type), a.type)
    if op in ("add", "mul", "and", "or", "xor", "min", "max") and isinstance(a, Const):
        a, b = b, a  # constants go to the right
    if isinstance(b, Const):
        return _with_constant(op, a, int(b.value))
    if op == "sub" and isinstance(a, Const) and isinstance(b, Binary) and b.op == "add" and isinstance(b.b, Const):
        return binary("sub", Const(fold("sub", int(a.value), int(b.b.value), a.type), a.type), b.a)
    if op == "add" and isinstance(b, Binary) and b.op == "add" and isinstance(b.b, Const):
        return binary("add", binary("add", a, b.a), b.b)  # constants drift to the end of a sum
    if op == "add" and isinstance(a, Binary) and a.op == "add" and isinstance(a.b, Const):
        return binary("add", binary("add", a.a, b), a.b)
    return Binary(op, a, b)


def _with_constant(op: BinaryOp, a: Expr, c: int) -> Expr:
    kind = a.type
    inner = a.b if isinstance(a, Binary) and isinstance(a.b, Const) else None
    match op:
        case "add" | "sub" | "or" | "xor" | "shl" | "shr" if c == 0:
            return a
        case "mul" | "div" if c == 1:
            return a
        case "mul" | "and" if c == 0:
            return Const(0, kind)
        case "rem" if c == 1:
            return Const(0, kind)
        case "min" | "max" if c in limits(kind):
            return Const(c, kind) if (op == "min") == (c == limits(kind)[0]) else a
        case "sub":
            return binary("add", a, Const(wrap(-c, kind), kind))
        case "add" if inner is not None and isinstance(a, Binary) and a.op == "add":
            return binary("add", a.a, Const(wrap(int(inner.value) + c, kind), kind))
        case "mul" if inner is not None and isinstance(a, Binary) and a.op == "mul":
            return binary("mul", a.a, Const(wrap(int(inner.value) * c, kind), kind))
        case "mul" if isinstance(a, Binary) and a.op == "add":
            return binary("add", binary("mul", a.a, Const(c, kind)), binary("mul", a.b, Const(c, kind)))
    return Binary(op, a, Const(c, kind))


def limits(kind: Type) -> tuple[int, int]:
    """The smallest and the largest integer of a type."""
    return (-(1 << (kind.bits - 1)), (1 << (kind.bits - 1)) - 1) if kind.kind == "i" else (0, (1 << kind.bits) - 1)


def wrap(value: int, kind: Type) -> int:
    """The value modulo 2**bits, in the type's range."""
    value &= (1 << kind.bits) - 1
    return value - (1 << kind.bits) if kind.kind == "i" and value >> (kind.bits - 1) else value


def fold(op: BinaryOp, a: int, b: int, kind: Type) -> int:
    """The meaning of an integer operation; `interp` uses it too."""
    shift = b & (kind.bits - 1)
    match op:
        case "add":
            result = a + b
        case "sub":
            result = a - b
        case "mul":
            result = a * b
        case "div":
            result = 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        case "rem":
            result = 0 if b == 0 else abs(a) % abs(b) * (-1 if a < 0 else 1)
        case "min":
            result = min(a, b)
        case "max":
            result = max(a, b)
        case "and":
            result = a & b
        case "or":
            result = a | b
        case "xor":
            result = a ^ b
        case "shl":
            result = a << shift
        case "shr":
            result = a >> shift  # arithmetic for signed, logical for unsigned: the value is in range
    return wrap(result, kind)
