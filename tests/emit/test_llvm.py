"""LLVM IR as people read it (golden files), and what every module keeps: names, promises, other readers, one result."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto

from compiler import emit
from compiler.emit.llvm_text import literal
from compiler.graph.types import Array
from compiler.jit import Jitted
from compiler.loop.nodes import (
    F32,
    F64,
    I8,
    I32,
    U8,
    Apply,
    Binary,
    Buffer,
    Compare,
    Const,
    Function,
    Instruction,
    Load,
    Select,
    Store,
    Var,
)
from compiler.loop.verify import verify
from compiler.memory.planner import Plan
from compiler.options import CompileOptions
from compiler.program import Argument, Layer, Program, Slot
from tests.emit.test_c import GoldenFor, conv, dense, gate, program
from tests.support.engines import fetch, host_compiler, interpret, load, new_arena, run_jitted, same_bits
from tests.support.op_cases import examples

DESCRIBED = re.compile(r"; layer (\d+): ")


def text(p: Program, **options: object) -> str:
    return files(p, **options)["src/model.ll"].decode()


def files(p: Program, **options: object) -> dict[str, bytes]:
    return emit.get("llvm").files(p, CompileOptions.model_validate({"emit": "llvm", **options}))


@pytest.mark.parametrize("model", [dense, conv, gate], ids=lambda f: f.__name__)
def test_source(model: Callable[[], ModelProto], golden: GoldenFor) -> None:
    golden(f"{model.__name__}.ll").check(text(program(model())))


def test_arena_of_the_caller(golden: GoldenFor) -> None:
    golden("caller.ll").check(text(program(dense()), arena="caller"))


def test_two_prints_are_equal() -> None:
    assert files(program(gate())) == files(program(gate()))


def test_every_layer_is_described() -> None:
    p = program(gate())
    assert DESCRIBED.findall(text(p)) == [str(i) for i in range(len(p.layers))]


def test_the_header_is_that_of_c() -> None:
    p = program(gate())
    assert files(p)["include/model.h"] == emit.get("c").files(p, CompileOptions())["include/model.h"]


def test_no_promise_about_floats() -> None:
    """A fast-math flag would let LLVM change bits."""
    words = set(re.findall(r"\w+", re.sub(r";.*", "", text(program(gate())) + text(program(conv())))))
    assert not words & {"fast", "contract", "nnan", "ninf", "nsz", "arcp", "afn", "reassoc", "fma", "fmuladd"}


@pytest.mark.needs_clang
@pytest.mark.parametrize("options", [{}, {"arena": "caller"}, {"optimize": "size"}], ids=str)
def test_clang_reads_it(options: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "model.ll").write_text(text(program(gate()), **options))
    command = [host_compiler("clang"), "-Wno-override-module", "-O1", "-c", "model.ll", "-o", "model.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("weights", ["array", "incbin"])
def test_weights_in_the_module_and_beside_it(weights: Literal["array", "incbin"]) -> None:
    """Both are run here; what becomes of the binary in an object is tested with the objects."""
    p = program(dense())
    found = files(p, weights=weights)
    assert ("src/model_weights.bin" in found) == (weights == "incbin")
    x = np.array([[1, 2, 3, 4]], np.float32)
    got = Jitted(p, CompileOptions(weights=weights)).run({"x": x})["y"]
    arena = load(new_arena(p), p.inputs, {"x": x})
    assert same_bits(got, fetch(interpret(p, arena), p.outputs[0]))


def test_two_of_the_same_program_have_an_arena_each() -> None:
    p = program(dense())
    one, other = Jitted(p), Jitted(p)
    one.run({"x": np.ones((1, 4), np.float32)})
    before = other.arena.copy()
    assert not np.array_equal(one.arena, before)
    one.arena[:] = 7
    assert np.array_equal(other.arena, before)
    with pytest.raises(IndexError):
        one.run_layer(len(p.layers))


@examples(40)
@given(st.floats(width=32, allow_nan=True) | st.sampled_from([1e-45, 3.4028235e38, 0.1, 16777216.0]))
def test_numbers_read_back_as_the_same_bits(value: float) -> None:
    store = Store(Buffer("y", F32, 1), Const(0), Const(value, F32))
    got = run_jitted(*alone(store, ()), level="0").view(np.float32)[:1]
    assert same_bits(got, np.array([value], np.float32))


def test_literals() -> None:
    assert literal(0.1, F32) == "0.10000000149011612"
    assert literal(0.1, F64) == "0.1"
    assert literal(1e30, F64) == "1.0e+30"
    assert literal(float("-inf"), F32) == "0xFFF0000000000000"
    assert literal(-1, I8) == "-1"
    assert literal(2, I32.of_lanes(2)) == "<i32 2, i32 2>"


def alone(store: Store, inputs: tuple[tuple[Buffer, Array], ...]) -> tuple[Program, np.ndarray]:
    """A program of one statement, and the arena that it starts from."""
    buffers = (store.buffer, *(b for b, _ in inputs))
    f = Function("f", buffers, (), (store,))
    verify(f)
    slots = [Slot(b.name, b.type.numpy, (b.size or 0,), (1,), 64 * i, (b.size or 0) * b.type.bytes)
             for i, b in enumerate(buffers)]  # fmt: skip
    arguments = tuple(Argument(s.name, slot=s) for s in slots)
    layer = Layer("f", "f", (), ("",), tuple(slots[1:]), (slots[0],), "f", "", arguments, 0, 0, ())
    size = 64 * len(slots)
    p = Program("model", "f", (layer,), (f,), {}, layer.inputs, layer.outputs, Plan({}, (), size, 0), size)
    return p, load(new_arena(p), p.inputs, {b.name: a for b, a in inputs})


A, B = Var("a", U8), Var("b", U8)
# LLVM has an intrinsic for a saturating sum. The meaning given here is another, to tell the two apart.
MEANING = Function("meaning_of_uqadd8", (), (A, B), (), Binary("xor", A, B))
UQADD8 = Instruction("uqadd8", MEANING, "dsp", llvm="llvm.uadd.sat.i8")


def test_an_instruction_is_an_intrinsic_where_the_target_has_it() -> None:
    x = Buffer("x", U8, 2)
    sums = Apply(UQADD8, (Load(x, Const(0), U8), Load(x, Const(1), U8)))
    p, arena = alone(Store(Buffer("y", U8, 1), Const(0), sums), ((x, np.array([200, 100], np.uint8)),))
    assert "@llvm.uadd.sat.i8(i8 %x.1, i8 %x.2)" in text(replace(p, features=frozenset({"dsp"})))
    assert "@meaning_of_uqadd8(i8 %x.1, i8 %x.2)" in text(p)
    assert run_jitted(replace(p, features=frozenset({"dsp"})), arena)[0] == 200 ^ 100, "not this computer's instruction"


def test_a_select_reads_only_what_it_takes() -> None:
    """The other side may lie outside the buffer: it is a branch."""
    x = Buffer("x", F32, 1)
    taken = Select(Compare("lt", Const(1), Const(2)), Const(1.5, F32), Load(x, Const(0), F32))
    p, _ = alone(Store(Buffer("y", F32, 1), Const(0), taken), ((x, np.zeros(1, np.float32)),))
    assert "br i1" in text(p)
    assert "select" not in text(p)
