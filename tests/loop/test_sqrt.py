"""The square root in loop code is correctly rounded: hard cases by the interpreter, many bit patterns by LLVM."""

from __future__ import annotations

import numpy as np

from compiler.graph.types import Array
from compiler.loop.interp import Machine
from compiler.loop.nodes import F32, Buffer, Const, For, Function, Invoke, Load, Store, Var
from compiler.loop.sqrt import sqrt_function
from compiler.memory.planner import Plan
from compiler.program import Argument, Layer, Program, Slot
from tests.support.engines import fetch, load, new_arena, run_jitted, same_bits

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1.0, 2.0, 1e-45, 1.1754942e-38, 1.1754944e-38, 3.4e38],
                   np.float32)  # fmt: skip


def hard() -> Array:
    """Squares and their neighbours: results next to a halfway point."""
    chance = np.random.default_rng(0)
    squares = (chance.integers(1, 4096, 100).astype(np.float32)) ** 2
    beside = [np.nextafter(squares, np.float32(end)) for end in (0, np.inf)]
    return np.concatenate([SPECIAL, squares, *beside])


def meaning(x: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.sqrt(x)


def test_by_the_interpreter() -> None:
    x = hard()
    with np.errstate(all="ignore"):
        got = np.array([Machine().call(sqrt_function(), [], [v]) for v in x], np.float32)
    assert same_bits(got, meaning(x))


def test_over_many_bit_patterns() -> None:
    chance = np.random.default_rng(1)
    anything = chance.integers(0, 2**32, 500_000, dtype=np.uint32).view(np.float32)
    subnormal = chance.integers(0, 2**23, 50_000, dtype=np.uint32).view(np.float32)
    x = np.concatenate([hard(), anything, subnormal])
    i, size = Var("i"), len(x)
    source, target = Buffer("x", F32, size), Buffer("y", F32, size)
    body = For(i, Const(0), Const(size), (Store(target, i, Invoke(sqrt_function(), (Load(source, i),))),))
    slots = [Slot(name, "float32", (size,), (1,), at, 4 * size) for name, at in (("x", 0), ("y", 4 * size))]
    arguments = tuple(Argument(s.name, slot=s) for s in slots)
    layer = Layer("roots", "op", (), ("",), (slots[0],), (slots[1],), "roots", "", arguments, 0, 0, ())
    kernel = Function("roots", (source, target), (), (body,))
    ends = (layer.inputs, layer.outputs)
    p = Program("model", "roots", (layer,), (kernel,), {}, *ends, Plan({}, (), 8 * size, 0), 8 * size)
    left = run_jitted(p, load(new_arena(p), p.inputs, {"x": x}))
    assert same_bits(fetch(left, slots[1]), meaning(x))
