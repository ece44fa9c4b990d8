"""Depthwise kernels for the DSP extension are the operator, bit for bit, for every geometry that they accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import Array, Layout, TensorType
from compiler.kernels.armv7em.depthwise_rescale import rescaled, sums
from compiler.kernels.base import Schedule, Situation, candidates
from compiler.ops.conv import Conv
from compiler.ops.elementwise import Map, Step
from compiler.ops.requantize import Requantize
from compiler.quant.fixed_point import quantize_multipliers
from tests.kernels.test_tuned import placed, result, tightest
from tests.ops.test_lowering import check_in_c, check_jitted
from tests.support.engines import fetch, interpret, load, new_arena, run_jitted, same_bits
from tests.support.op_cases import Case, Draw, examples, windows

FEATURES = frozenset({"dsp"})
_WHOLE = {"int8": (-128, 127), "uint8": (0, 255)}


@st.composite
def depthwise(draw: Draw) -> Case:
    """Everything that changes the kernel: window, padding, channels, types, zero points, clamps, factors."""
    n = draw(st.sampled_from([2, 2, 2, 1]))
    g: dict[str, Any] = draw(windows(n))
    size = tuple(s + draw(st.sampled_from([0, 1, 3])) for s in g["sizes"])
    channels = draw(st.sampled_from([2, 3, 4, 5, 8, 12]))
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind, to = draw(st.sampled_from(["int8", "int8", "uint8"])), draw(st.sampled_from(["int8", "int8", "uint8"]))
    first, last = _WHOLE[to]
    low, high = draw(st.sampled_from([(first, last), (first, last), (first + 20, last), (first + 3, last - 100)]))
    rounding = draw(st.sampled_from(["single", "single", "double"]))
    requantize = Requantize(to, int(numbers.integers(first, last + 1)), low, high, rounding)
    zero = int(numbers.integers(_WHOLE[kind][0], _WHOLE[kind][1] + 1))
    tail = Map(3, (Step(requantize, (0, 1, 2)),))
    op = Conv(g["strides"], g["pads"], g["dilations"], channels, tail, zero)
    w: Array = numbers.integers(-128, 128, (channels, 1, *g["kernel"])).astype(np.int8)
    if draw(st.integers(0, 3)) == 0:
        w[numbers.integers(0, channels)] = 0  # a dead channel
    constants: dict[str, Array] = {"w": w}
    if draw(st.booleans()):
        constants["b"] = numbers.integers(-5000, 5000, (channels,)).astype(np.int32)
    lanes = (channels, *[1] * n) if draw(st.booleans()) else ()
    spread = draw(st.sampled_from([1.0, 3.0, 25.0]))  # in powers of two, from one channel to the next
    largest = draw(st.sampled_from([-6, -1, 9]))
    factors = 2.0 ** numbers.uniform(largest - spread, largest, lanes)
    constants["m"], constants["s"] = quantize_multipliers(factors)
    x = TensorType.of(kind, (1, channels, *size), Layout.channels_last(n + 2))
    values = {name: Value(name, TensorType.of(str(a.dtype), a.shape)) for name, a in constants.items()}
    inputs = (Value("x", x), values["w"], values.get("b"), values["m"], values["s"])
    shape = op.infer(*(None if v is None else v.type for v in inputs)).shape  # type: ignore[arg-type]
    y = Value("y", TensorType.of(to, shape, Layout.channels_last(n + 2)))
    node = Node(op, inputs, (y,), "node", ("node",), ("",))
    given = numbers.integers(*_WHOLE[kind], x.shape, endpoint=True).astype(kind)
    return Case(Graph("case", (inputs[0],), (y,), (node,), constants), {"x": given})


def offered(drawn: Case) -> list[Schedule]:
    found = candidates(drawn.node, Situation(drawn.graph, FEATURES, "balanced"))
    return [s for s in found if s.family == "armv7em"]


@pytest.mark.slow
def test_it_is_the_operator_bit_for_bit(tmp_path: Path) -> None:
    programs, before, after, names = [], [], [], set()

    @examples(20)
    @given(depthwise())
    def law(drawn: Case) -> None:
        for schedule in offered(drawn):
            program = placed(drawn, schedule, {})
            arena = load(new_arena(program), program.inputs, drawn.inputs)
            left = interpret(program, arena)
            assert same_bits(fetch(left, program.outputs[0]), run(drawn.graph, drawn.inputs)["y"])
            programs.append(program)
            before.append(arena)
            after.append(left)
            names.add(schedule.name.partition(",")[2])

    law()
    assert names == {"", " any factor", " a shift per channel"}, "a way of requantising was never offered"
    check_in_c(programs, before, after, tmp_path)
    check_jitted(programs, before, after)


def test_all_channels_get_one_shift_and_every_sum_its_result() -> None:
    """Factors of very different sizes: weights grow, or the multiplier is shortened where no sum tells."""
    numbers, found = np.random.default_rng(5), 0
    for _ in range(120):
        channels = 3
        w = numbers.integers(-127, 128, (channels, 2))
        bias = numbers.integers(-3000, 3000, channels)
        multiplier, shift = quantize_multipliers(2.0 ** -numbers.uniform(4, 18, channels))
        op = Requantize("int8", int(numbers.integers(-128, 128)), -128, int(numbers.integers(0, 128)))
        ends = sums(w, bias, -255, 255)
        made = rescaled(w, bias, multiplier, shift, ends, op)
        if made is None:
            continue
        found += 1
        by = np.divide(made.w, w, out=np.zeros_like(w, np.float64), where=w != 0).max(axis=1).astype(np.int64)
        for c in range(channels):
            total = np.arange(ends[0][c], ends[1][c] + 1)
            want = op.reference(total.astype(np.int32), multiplier[c], shift[c])
            mine = (total - bias[c]) * by[c] + made.bias[c]
            upper = (mine * made.multiplier[c] >> 32) + (1 << (made.shift - 1)) + (op.zero << made.shift)
            assert np.array_equal(np.clip(upper >> made.shift, op.low, op.high), want)
            assert np.abs(mine).max() < 1 << 31
    assert found > 40


@pytest.mark.slow
def test_many_more_geometries_in_this_process() -> None:
    taken = []

    @examples(50)
    @given(depthwise())
    def law(drawn: Case) -> None:
        for schedule in offered(drawn):
            program = placed(drawn, schedule, {})
            arena = load(new_arena(program), program.inputs, drawn.inputs)
            got = fetch(run_jitted(program, arena), program.outputs[0])
            assert same_bits(got, run(drawn.graph, drawn.inputs)["y"])
            taken.append(schedule)

    law()
    assert len(taken) > 25


@pytest.mark.slow
def test_it_runs_over_its_input_at_the_declared_distances() -> None:
    seen: set[str] = set()

    @examples(20)
    @given(depthwise())
    def law(drawn: Case) -> None:
        for schedule in offered(drawn):
            want = result(drawn, placed(drawn, schedule, {}))
            sizes = drawn.node.output.type.bytes, drawn.node.value(0).type.bytes
            for way, (y, x) in tightest(schedule.overlap[0], *sizes).items():
                got = result(drawn, placed(drawn, schedule, {"y": y, "x": x}))
                assert same_bits(got, want), f"{schedule.name} {way}: output at {y}, input at {x}"
                seen.add(way)

    law()
    assert seen >= {"exact", "forward", "backward"}
