"""Vectors work lane by lane: the interpreter against scalar code, and C (gcc and clang) against the interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from compiler.loop.interp import Machine, Memory
from compiler.loop.math import exp_function
from compiler.loop.nodes import (
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U32,
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
    Store,
    Type,
    Unary,
    Var,
)
from compiler.loop.verify import verify
from compiler.memory.planner import Plan
from compiler.program import Argument, Layer, Program, Slot
from tests.support.engines import SANITIZED, STRICT, fetch, interpret, new_arena, run_in_c, run_jitted, same_bits

KINDS = [F32.of_lanes(4), F32.of_lanes(8), F64.of_lanes(2), I8.of_lanes(16), U8.of_lanes(8), I16.of_lanes(8),
         I32.of_lanes(4), U32.of_lanes(4), I64.of_lanes(2)]  # fmt: skip
FLOAT_OPS = ("add", "sub", "mul", "div", "min", "max")
INTEGER_OPS = (*FLOAT_OPS, "rem", "and", "or", "xor", "shl", "shr")
COMPARES = ("lt", "le", "gt", "ge", "eq", "ne")
ROUNDS = 6  # vectors per kernel


def operations(kind: Type) -> list[Expr]:
    """Every operation on vectors x, y and the scalar s; results of the same size as x."""
    x, y, s = Var("x", kind), Var("y", kind), Var("s", kind.scalar)
    result: list[Expr] = [Binary(op, x, y) for op in (FLOAT_OPS if kind.is_float else INTEGER_OPS)]
    result += [Unary(op, x) for op in (("neg", "abs", "sqrt") if kind.is_float else ("neg", "abs", "not"))]
    result += [Select(Compare(op, x, y), y, x) for op in COMPARES]
    result += [Binary("add", Splat(s, kind), x), Binary("sub", Const(3, kind), x)]
    if kind.is_float:
        result.append(Invoke(exp_function(kind.scalar), (x,)))  # functions are of scalars
    other = Type("i" if kind.is_float else "f", kind.bits, kind.lanes)
    if kind.bits >= 32:
        result += [Bitcast(Bitcast(x, other), kind), Cast(Cast(x, other), kind)]
    wide = Type(kind.kind, 64, kind.lanes)
    return [*result, Cast(Cast(x, wide), kind), Select(Compare("lt", Cast(x, wide), Cast(y, wide)), x, y)]


def kernel(name: str, e: Expr) -> Function:
    kind = e.type
    a, b, out = Buffer("a", kind.scalar, kind.lanes * ROUNDS), Buffer("b", kind.scalar, kind.lanes * ROUNDS), Buffer(
        "out", kind.scalar, kind.lanes * ROUNDS
    )  # fmt: skip
    body: list[Store] = []
    for i in range(ROUNDS):
        at = Const(i * kind.lanes)
        operands = {"x": Load(a, at, kind), "y": Load(b, at, kind), "s": Load(a, at, kind.scalar)}
        body.append(Store(out, at, renamed(e, operands)))
    f = Function(name, (a, b, out), (), tuple(body))
    verify(f)
    return f


def renamed(e: Expr, names: Mapping[str, Expr]) -> Expr:
    match e:
        case Var(name):
            return names[name]
        case Binary(op, a, b):
            return Binary(op, renamed(a, names), renamed(b, names))
        case Compare(op, a, b):
            return Compare(op, renamed(a, names), renamed(b, names))
        case Unary(op, a):
            return Unary(op, renamed(a, names))
        case Select(c, a, b):
            return Select(renamed(c, names), renamed(a, names), renamed(b, names))
        case Splat(a, kind):
            return Splat(renamed(a, names), kind)
        case Cast(a, kind):
            return Cast(renamed(a, names), kind)
        case Bitcast(a, kind):
            return Bitcast(renamed(a, names), kind)
        case Invoke(function, args):
            return Invoke(function, tuple(renamed(a, names) for a in args))
    return e


def values(kind: Type, seed: int) -> np.ndarray:
    """Some of everything: limits, zeros, specials, ordinary numbers."""
    chance, count = np.random.default_rng(seed), kind.lanes * ROUNDS
    if kind.is_float:
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -2.5, 3e38, 1e-40], kind.numpy)
        drawn = chance.normal(0, 100, count).astype(kind.numpy)
    else:
        info = np.iinfo(kind.numpy)
        special = np.array([0, 1, info.min, info.max, info.max - 1, 7], kind.numpy)
        drawn = chance.integers(info.min, info.max, count, endpoint=True, dtype=kind.numpy)
    return np.where(chance.random(count) < 0.4, chance.choice(special, count), drawn)


def program() -> tuple[Program, np.ndarray]:
    """Every operation of every type as a layer of its own, and an arena with its operands."""
    layers, kernels, at = [], [], 0
    operands: list[tuple[Slot, np.ndarray]] = []
    for kind in KINDS:
        for e in operations(kind):
            name, size = f"k{len(layers)}", kind.bytes * ROUNDS
            f = kernel(name, e)
            slots = [Slot(f"{name}.{b.name}", kind.numpy, (b.size or 0,), (1,), at + j * size, size)
                     for j, b in enumerate(f.buffers)]  # fmt: skip
            operands += [(slots[0], values(kind, len(layers))), (slots[1], values(kind, 1000 + len(layers)))]
            arguments = tuple(Argument(b.name, slot=s) for b, s in zip(f.buffers, slots, strict=True))
            layers.append(Layer(name, repr(e), (), ("",), tuple(slots[:2]), (slots[2],), name, "", arguments, 0, 0, ()))
            kernels.append(f)
            at += 3 * size
    p = Program("model", "vectors", tuple(layers), tuple(kernels), {}, layers[0].inputs, layers[-1].outputs,
                Plan({}, (), at, 0), at)  # fmt: skip
    arena = new_arena(p)
    for slot, array in operands:
        arena[slot.offset : slot.offset + slot.size] = array.view(np.uint8)
    return p, arena


def test_the_interpreter_works_lane_by_lane() -> None:
    for kind in KINDS:
        lane = kind.scalar
        for e in operations(kind):
            f, x, y = kernel("k", e), values(kind, 1), values(kind, 2)
            out = np.zeros_like(x)
            Machine().call(f, [Memory(x), Memory(y), Memory(out)], [])
            for i in range(len(x)):
                first = np.array(x[i // kind.lanes * kind.lanes])
                names = {"x": Var("x", lane), "y": Var("y", lane), "s": Var("s", lane)}
                machine = Machine()
                machine.vars = {"x": x[i], "y": y[i], "s": first[()]}
                want = machine.eval(renamed(scalar(e), names))
                assert same_bits(np.array([want]), out[i : i + 1]), (e, i)


def scalar(e: Expr) -> Expr:
    """The operation on one lane."""
    match e:
        case Var(name, kind):
            return Var(name, kind.scalar)
        case Const(value, kind):
            return Const(value, kind.scalar)
        case Binary(op, a, b):
            return Binary(op, scalar(a), scalar(b))
        case Compare(op, a, b):
            return Compare(op, scalar(a), scalar(b))
        case Unary(op, a):
            return Unary(op, scalar(a))
        case Select(c, a, b):
            return Select(scalar(c), scalar(a), scalar(b))
        case Splat(a):
            return scalar(a)
        case Cast(a, kind):
            return Cast(scalar(a), kind.scalar)
        case Bitcast(a, kind):
            return Bitcast(scalar(a), kind.scalar)
        case Invoke(function, args):
            return Invoke(function, tuple(scalar(a) for a in args))
    raise TypeError(e)


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [("gcc", SANITIZED), ("gcc", ("-O3",)), ("clang", ("-O3",))],
    ids=["gcc sanitized", "gcc O3", "clang O3"],
)
def test_c_gives_the_interpreters_bits(compiler: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    p, arena = program()
    want = interpret(p, arena)
    # 32 bytes in a register need AVX; without it compilers warn that a call would pass them in another way
    got = run_in_c(p, arena, tmp_path, compiler=compiler, flags=(*STRICT, "-Wno-psabi", *flags))
    for layer in p.layers:
        assert same_bits(fetch(want, layer.outputs[0]), fetch(got, layer.outputs[0])), layer.op


@pytest.mark.parametrize("level", ["0", "2"])
def test_llvm_gives_the_interpreters_bits(level: str) -> None:
    p, arena = program()
    want, got = interpret(p, arena), run_jitted(p, arena, level=level)
    for layer in p.layers:
        assert same_bits(fetch(want, layer.outputs[0]), fetch(got, layer.outputs[0])), layer.op
