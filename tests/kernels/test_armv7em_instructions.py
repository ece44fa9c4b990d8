"""Every instruction's spelling does what its meaning says: from C with both compilers, from C++ and from LLVM."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from compiler import emit, targets
from compiler.emulator.measure import measure
from compiler.kernels.armv7em import instructions
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import I8, I32, Buffer, Function
from compiler.memory.planner import Plan
from compiler.options import CompileOptions
from compiler.program import Argument, Layer, Program, Slot
from tests.support.engines import fetch, interpret, load, new_arena

COUNT = 64
EDGES = [
    0,
    1,
    -1,
    127,
    -128,
    255,
    256,
    32767,
    -32768,
    65535,
    65536,
    2**31 - 1,
    -(2**31),
    0x7F80FF01,
    -2139062144,
    31,
    32,
]


def every() -> dict[str, object]:
    found = {}
    for name, f in inspect.getmembers(instructions, inspect.isfunction):
        if name.startswith("_") or f.__module__ != instructions.__name__ or name.endswith("_word"):
            continue
        found[name] = f
    return found


def kernel() -> Function:
    """Results of all instructions, one behind the other, for every triple of words; then bytes read and written."""
    words = [View(I32, (COUNT,), (1,), Buffer(n, I32, COUNT)) for n in "abc"]
    count = len(every()) + 1
    y = View(I32, (count, COUNT), (COUNT, 1), Buffer("y", I32, count * COUNT))
    z = View(I8, (4 * COUNT + 4,), (1,), Buffer("z", I8, 4 * COUNT + 4))
    k = Kernel()
    k.reserve("a", "b", "c", "y", "z")
    with k.loop(COUNT, "i") as i:
        values = [k.let(f"v{n}", v[i]) for n, v in enumerate(words)]
        for row, f in enumerate(every().values()):
            k.store(y, (row, i), f(*values[: len(inspect.signature(f).parameters)]))  # type: ignore[operator, arg-type]
        instructions.store_word(k, z, i * 4 + 1, values[0])
        k.store(y, (count - 1, i), instructions.load_word(z, i * 4 + 2))
    return k.function("k", [*(w.buffer for w in words), y.buffer, z.buffer])  # type: ignore[list-item]


def program(target: str) -> Program:
    f, slots, at = kernel(), [], 0
    for b in f.buffers:
        assert b.size is not None
        slots.append(Slot(b.name, b.type.numpy, (b.size,), (1,), at, b.size * b.type.bytes))
        at += -(-slots[-1].size // 16) * 16
    arguments = tuple(Argument(b.name, slot=s) for b, s in zip(f.buffers, slots, strict=True))
    inputs, outputs = (*slots[:3], slots[4]), (slots[3],)
    layer = Layer("k", "op", (), ("",), inputs, outputs, "k", "", arguments, 0, 0, ())
    features = frozenset(targets.target(target).features)
    plan = Plan({}, (), at, 0)
    return Program("model", "words", (layer,), (f,), {}, inputs, outputs, plan, at, features=features)


def words() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    drawn = {n: rng.integers(-(2**31), 2**31, COUNT).astype(np.int32) for n in "abc"}
    for shift, array in enumerate(drawn.values()):
        array[: len(EDGES)] = np.roll(EDGES, shift * 5).astype(np.int32)
    return drawn | {"z": np.zeros(4 * COUNT + 4, np.int8)}


def test_all_instructions_are_tested() -> None:
    assert {"smlad", "sxtb16_odd", "pkhtb", "smmla", "ssat8", "asr"} <= set(every())


@pytest.mark.slow
@pytest.mark.parametrize(("emitter", "compiler"), [("c", "gcc"), ("c", "clang"), ("llvm", "clang"), ("cpp", "gcc")])
@pytest.mark.parametrize("target", ["cortex-m4", "host"])
def test_spellings(target: str, emitter: str, compiler: str, tmp_path: Path) -> None:
    p = program(target)
    options = CompileOptions(target=target, emit=emitter, compiler=compiler)  # type: ignore[arg-type]
    sources = emit.get(emitter).files(p, options)
    _, measured = measure(p, sources, targets.target(target), options, tmp_path, [words()])
    want = fetch(interpret(p, load(new_arena(p), p.inputs, words())), p.outputs[0]).reshape(-1, COUNT)
    (got,) = measured.runs[0].layers[0]
    for name, mean, left in zip([*every(), "words"], want, got.reshape(-1, COUNT), strict=True):
        np.testing.assert_array_equal(left, mean, err_msg=name)
