"""Simplified expressions equal what was written, under the interpreter and in C; the verifier refuses bad kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import CompilerBug
from compiler.loop.builder import Kernel, View
from compiler.loop.interp import Machine, run
from compiler.loop.nodes import (
    F32,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    Assign,
    Binary,
    Body,
    Buffer,
    Cast,
    Compare,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Stmt,
    Store,
    Type,
    Var,
    Window,
)
from compiler.loop.simplify import binary, fold
from compiler.loop.verify import verify
from compiler.memory.planner import Plan
from compiler.program import Argument, Layer, Program, Slot
from tests.support.engines import fetch, interpret, new_arena, run_in_c
from tests.support.op_cases import Draw, examples

OPS = ("add", "sub", "mul", "div", "rem", "min", "max", "and", "or", "xor", "shl", "shr")
TYPES = (I8, I16, I32, I64, U8, U16, U32)
NAMES = ("a", "b", "c")


def extremes(kind: Type) -> st.SearchStrategy[int]:
    info = np.iinfo(kind.numpy)
    low, high = int(info.min), int(info.max)
    return st.sampled_from([0, 1, 2, 3, 7, low, high, low + 1, high - 1]) | st.integers(max(low, -9), min(high, 40))


@st.composite
def trees(draw: Draw, kind: Type, depth: int = 4) -> tuple[Expr, Expr]:
    """The same expression twice: through the smart constructors, and as it stands."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        leaf: Expr = (
            Var(draw(st.sampled_from(NAMES)), kind) if draw(st.booleans()) else Const(draw(extremes(kind)), kind)
        )
        return leaf, leaf
    op = draw(st.sampled_from(OPS))
    (a, plain_a), (b, plain_b) = draw(trees(kind, depth - 1)), draw(trees(kind, depth - 1))
    return binary(op, a, b), Binary(op, plain_a, plain_b)


@examples(300)
@given(st.data(), st.sampled_from(TYPES))
def test_simplified_equals_unsimplified(data: st.DataObject, kind: Type) -> None:
    simple, plain = data.draw(trees(kind))
    machine = Machine()
    scalar = np.dtype(kind.numpy).type
    machine.vars = {n: scalar(data.draw(extremes(kind))) for n in NAMES}
    assert machine.eval(simple) == machine.eval(plain)
    assert simple.type == kind


@examples(200)
@given(st.data(), st.sampled_from(TYPES), st.sampled_from(OPS))
def test_integers_wrap_like_machine_words(data: st.DataObject, kind: Type, op: str) -> None:
    a, b = data.draw(extremes(kind)), data.draw(extremes(kind))
    got = fold(op, a, b, kind)  # type: ignore[arg-type]
    info = np.iinfo(kind.numpy)
    assert info.min <= got <= info.max
    exact: dict[str, Callable[[], int]] = {
        "add": lambda: a + b, "sub": lambda: a - b, "mul": lambda: a * b,
        "and": lambda: a & b, "or": lambda: a | b, "xor": lambda: a ^ b,
        "min": lambda: min(a, b), "max": lambda: max(a, b),
        "shl": lambda: a << (b % kind.bits), "shr": lambda: a >> (b % kind.bits),
        "div": lambda: int(np.trunc(np.longdouble(a) / np.longdouble(b))) if b else 0,
        "rem": lambda: a - b * int(np.trunc(np.longdouble(a) / np.longdouble(b))) if b else 0,
    }  # fmt: skip
    assert (got - exact[op]()) % 2**kind.bits == 0


def scalar_kernel(kind: Type, result: Expr) -> Function:
    """out[0] = result of in[0], in[1], in[2]."""
    source, target = Buffer("x", kind, 3), Buffer("y", result.type, 1)
    lets = [Let(Var(n, kind), Load(source, Const(i), kind)) for i, n in enumerate(NAMES)]
    return Function("f", (source, target), (), (*lets, Store(target, Const(0), result)))


def program_of(functions: list[Function]) -> Program:
    """Each function as a layer of its own."""
    layers, kernels = [], []
    for i, f in enumerate(functions):
        slots = []
        for j, b in enumerate(f.buffers):
            size = (b.size or 0) * b.type.bytes
            slots.append(Slot(f"{i}.{b.name}", b.type.numpy, (b.size or 0,), (1,), (2 * i + j) * 32, size))
        arguments = tuple(Argument(b.name, slot=s) for b, s in zip(f.buffers, slots, strict=True))
        name = f"k{i}"
        kernels.append(Function(name, f.buffers, f.scalars, f.body, f.result, f.doc))
        layers.append(Layer(name, "op", (), ("",), (slots[0],), (slots[1],), name, "", arguments, 0, 0, ()))
    size = 64 * len(functions)
    ends = (layers[0].inputs, layers[-1].outputs)
    return Program("model", "scalars", tuple(layers), tuple(kernels), {}, *ends, Plan({}, (), size, 0), size)


def agree_in_c(functions: list[Function], values: list[list[float]], folder: Path) -> None:
    program = program_of(functions)
    arena = new_arena(program)
    for layer, given_values in zip(program.layers, values, strict=True):
        slot = layer.inputs[0]
        view = arena[slot.offset : slot.offset + slot.size].view(slot.dtype)
        view[:] = np.array(given_values, slot.dtype)
    want, got = interpret(program, arena), run_in_c(program, arena, folder)
    for layer, f in zip(program.layers, program.kernels, strict=True):
        a, b = fetch(got, layer.outputs[0]), fetch(want, layer.outputs[0])
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), (f.body[-1], a, b)


@pytest.mark.slow
def test_integer_expressions_in_c(tmp_path: Path) -> None:
    """Wrapping, shifting, dividing by zero: C gives the interpreter's results, and UBSan finds nothing to say."""
    functions: list[Function] = []
    values: list[list[float]] = []

    @examples(120)
    @given(st.data(), st.sampled_from([I8, I16, I32, I64, U8, U16, U32]))
    def collect(data: st.DataObject, kind: Type) -> None:
        simple, _ = data.draw(trees(kind, 3))
        if set(NAMES) <= names_in(simple):
            drawn: list[float] = [data.draw(extremes(kind)) for _ in NAMES]
            functions.append(scalar_kernel(kind, simple))
            values.append(drawn)

    collect()
    for kind in (I8, I16, I32, I64, U8, U16, U32):  # every operation by itself, with extreme operands
        low = int(np.iinfo(kind.numpy).min)
        x, y, z = (Var(n, kind) for n in NAMES)
        for op in OPS:
            functions.append(scalar_kernel(kind, Binary("xor", Binary(op, x, y), Binary("and", z, Const(0, kind)))))
            values.append([low, -1 if low else 0, 0])
    agree_in_c(functions, values, tmp_path)


def names_in(e: Expr) -> set[str]:
    match e:
        case Var(name):
            return {name}
        case Binary(_, a, b):
            return names_in(a) | names_in(b)
    return set()


@pytest.mark.slow
def test_casts_saturate_in_c_as_in_the_interpreter(tmp_path: Path) -> None:
    functions, values = [], []
    edges = [0.0, -0.0, 0.99, -0.99, 127.5, 128.0, -128.9, -129.0, 255.0, 256.0, 32768.0, 65536.0, 2147483648.0,
             -2147483648.0, 4294967296.0, 9.3e18, -9.3e18, 3e38, -3e38, np.inf, -np.inf, np.nan]  # fmt: skip
    source = Buffer("x", F32, 1)
    for kind in (I8, I16, I32, I64, U8, U16, U32):
        target = Buffer("y", kind, 1)
        for edge in edges:
            value = Cast(Load(source, Const(0), F32), kind)
            functions.append(Function("f", (source, target), (), (Store(target, Const(0), value),)))
            values.append([edge])
    agree_in_c(functions, values, tmp_path)


def test_float_constants_are_not_folded() -> None:
    """x + 0.0 is not x when x is -0.0."""
    x = Var("x", F32)
    assert binary("add", x, Const(0.0, F32)) == Binary("add", x, Const(0.0, F32))


X, Y, W = Buffer("x", F32, 4), Buffer("y", F32, 4), Buffer("w", F32, 4, const=True)
INDEX, F = Var("i", I32), Var("f", F32)
ZERO, ONE = Const(0), Const(1.0, F32)

BAD: dict[str, tuple[Body, str]] = {
    "unknown variable": ((Store(Y, INDEX, ONE),), "not in scope"),
    "wrong type of a variable": ((Let(F, ONE), Store(Y, Var("f", I32), ONE)), "not in scope as"),
    "unknown buffer": ((Store(Buffer("z", F32), ZERO, ONE),), "buffer z is unknown"),
    "constant written": ((Store(W, ZERO, ONE),), "constant w is written"),
    "integer stored as float": ((Store(Y, ZERO, ZERO),), "holds f32"),
    "load as another type": ((Store(Y, ZERO, Cast(Load(X, ZERO, I32), F32)),), "holds f32, read as i32"),
    "assigned before declared": ((Assign(F, ONE),), "before its declaration"),
    "declared twice": ((Let(F, ONE), Let(F, ONE)), "declared twice"),
    "another type assigned": ((Let(F, ONE, True), Assign(F, ZERO)), "another type"),
    "two types added": ((Store(Y, ZERO, Binary("add", ONE, ZERO)),), "of two types"),
    "condition is a number": ((If(ZERO, ()),), "not i1"),
    "loop stands still": ((For(INDEX, ZERO, Const(3), (), step=0),), "does not advance"),
    "used after its loop": ((For(INDEX, ZERO, Const(3), ()), Store(Y, INDEX, ONE)), "not in scope"),
    "window of nothing": ((Window(Buffer("p", F32), Buffer("z", F32), ZERO),), "buffer z is unknown"),
    "unknown statement": ((Stmt(),), "unknown statement"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_verifier_names_what_is_wrong(name: str) -> None:
    body, message = BAD[name]
    with pytest.raises(CompilerBug, match=message):
        verify(Function("f", (X, Y, W), (), body))


def test_the_verifier_accepts_a_good_kernel() -> None:
    k = Kernel()
    x, y = View(F32, (4,), (1,), X), View(F32, (4,), (1,), Y)
    with k.loop(4, "i") as i, k.when(Compare("gt", x[i], ONE)):
        k.store(y, (i,), x[i])
    verify(k.function("f", [X, Y]))


def test_an_index_outside_its_buffer_is_an_error() -> None:
    k = Kernel()
    with k.loop(5, "i") as i:
        k.store(View(F32, (5,), (1,), Y), (i,), ONE)
    with pytest.raises(IndexError, match="outside its 4 elements"):
        run(k.function("f", [Y]), {"y": np.zeros(4, np.float32)})


def test_loops_count_down_over_the_same_values() -> None:
    seen: dict[bool, list[int]] = {}
    for down in (False, True):
        k = Kernel()
        with k.loop(11, "i", start=2, step=4, down=down) as i:
            k.store(View(F32, (11,), (1,), Buffer("y", F32, 11)), (i,), ONE)
        seen[down] = []
        watch = lambda what, buffer, at, log=seen[down]: log.append(at)  # noqa: E731
        run(k.function("f", [Buffer("y", F32, 11)]), {"y": np.zeros(11, np.float32)}, watch)
    assert seen[True] == seen[False][::-1] == [10, 6, 2]
