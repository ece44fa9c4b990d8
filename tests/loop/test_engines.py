"""Whatever kernel is written in the loop language: interpreter, LLVM, C and every other emitter leave the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import emit, targets
from compiler.emulator.measure import measure
from compiler.loop.nodes import Function
from compiler.memory.planner import Plan
from compiler.options import CompileOptions
from compiler.program import Argument, Layer, Program, Slot
from tests.support.engines import fetch, interpret, load, new_arena, run_jitted, same_bits
from tests.support.loop_cases import SIZE, contents, kernels
from tests.support.op_cases import examples

Drawn = tuple[Function, dict[str, np.ndarray]]


def drawn_kernels(count: int) -> list[Drawn]:
    found: list[Drawn] = []

    @examples(count)
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        f = data.draw(kernels())
        found.append((f, {b.name: data.draw(contents(b.type)) for b in f.buffers[:2]}))

    draw()
    return found


def program_of(drawn: list[Drawn]) -> tuple[Program, dict[str, np.ndarray]]:
    """Each kernel as a layer of its own, and the values of all inputs."""
    layers, functions, arrays, at = [], [], {}, 0
    for i, (f, given_values) in enumerate(drawn):
        slots = []
        for b in f.buffers:
            slots.append(Slot(f"{i}.{b.name}", b.type.numpy, (SIZE,), (1,), at, SIZE * b.type.bytes))
            at += -(-slots[-1].size // 16) * 16
        arrays |= {f"{i}.{name}": array for name, array in given_values.items()}
        arguments = tuple(Argument(b.name, slot=s) for b, s in zip(f.buffers, slots, strict=True))
        functions.append(Function(f"k{i}", f.buffers, (), f.body))
        layers.append(Layer(f"k{i}", "op", (), ("",), tuple(slots[:2]), (slots[2],), f"k{i}", "", arguments, 0, 0, ()))
    inputs = tuple(s for layer in layers for s in layer.inputs)
    outputs = tuple(s for layer in layers for s in layer.outputs)
    p = Program("model", "kernels", tuple(layers), tuple(functions), {}, inputs, outputs, Plan({}, (), at, 0), at)
    return p, arrays


def expect_same(p: Program, want: np.ndarray, got: list[np.ndarray]) -> None:
    for layer, f, result in zip(p.layers, p.kernels, got, strict=True):
        expected = fetch(want, layer.outputs[0])
        assert same_bits(expected, result), f"{f.body}\nshould leave {expected}\nnot         {result}"


@pytest.mark.parametrize("level", ["0", "2"])
def test_llvm_in_this_process(level: str) -> None:
    p, arrays = program_of(drawn_kernels(60))
    arena = load(new_arena(p), p.inputs, arrays)
    left = run_jitted(p, arena, level=level)
    expect_same(p, interpret(p, arena), [fetch(left, layer.outputs[0]) for layer in p.layers])


@pytest.mark.slow
@pytest.mark.parametrize("emitter", emit.registry())
def test_every_emitter_on_this_computer(emitter: str, tmp_path: Path) -> None:
    p, arrays = program_of(drawn_kernels(60))
    options = CompileOptions(target="host", emit=emitter)  # type: ignore[arg-type]
    sources = emit.get(emitter).files(p, options)
    _, measured = measure(p, sources, targets.target("host"), options, tmp_path, [arrays])
    want = interpret(p, load(new_arena(p), p.inputs, arrays))
    expect_same(p, want, [y for (y,) in measured.runs[0].layers])
