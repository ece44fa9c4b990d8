"""Pools of 8-bit integers for the DSP extension are the operator, bit for bit, for every window that they accept."""

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
from compiler.kernels.base import Schedule, Situation, candidates
from compiler.ops.elementwise import Map, Step
from compiler.ops.pool import AveragePool, MaxPool
from compiler.ops.pool_window import Pool
from compiler.ops.requantize import Requantize
from compiler.ops.sum_integer import SumPool
from compiler.quant.fixed_point import quantize_multipliers
from tests.kernels.test_tuned import placed, result, tightest
from tests.ops.test_lowering import check_in_c, check_jitted
from tests.support.engines import fetch, interpret, load, new_arena, run_jitted, same_bits
from tests.support.op_cases import Case, Draw, examples, windows


def case(op: Pool, x: Array, constants: dict[str, Array]) -> Case:
    rank = x.ndim
    given = Value("x", TensorType.of(str(x.dtype), x.shape, Layout.channels_last(rank)))
    more = tuple(Value(name, TensorType.of(str(a.dtype), a.shape)) for name, a in constants.items())
    made = op.infer(given.type, *(v.type for v in more))
    y = Value("y", TensorType.of(made.dtype, made.shape, Layout.channels_last(rank)))
    node = Node(op, (given, *more), (y,), "node", ("node",), ("",))
    return Case(Graph("case", (given,), (y,), (node,), constants), {"x": x})


@st.composite
def pools(draw: Draw) -> Case:
    n = draw(st.sampled_from([2, 2, 1]))
    g: dict[str, Any] = draw(windows(n))
    size = g.pop("sizes")
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["int8", "int8", "uint8"]))
    info = np.iinfo(kind)
    x = numbers.integers(info.min, info.max + 1, (1, draw(st.sampled_from([4, 8])), *size)).astype(kind)
    if draw(st.integers(0, 3)) == 0:
        x[...] = info.max if draw(st.booleans()) else info.min
    which = draw(st.sampled_from([MaxPool, AveragePool, SumPool]))
    if which is not SumPool:
        return case(which(**g), x, {})
    multiplier, shift = quantize_multipliers(2.0 ** -numbers.uniform(1, 8))
    tail = Map(3, (Step(Requantize("int8", int(numbers.integers(-128, 128))), (0, 1, 2)),))
    zero = int(numbers.integers(info.min, info.max + 1))
    return case(SumPool(**g, zero=zero, tail=tail), x, {"m": multiplier, "s": shift})


def offered(drawn: Case) -> list[Schedule]:
    found = candidates(drawn.node, Situation(drawn.graph, frozenset({"dsp"}), "balanced"))
    return [s for s in found if s.family == "armv7em"]


@pytest.mark.slow
def test_it_is_the_operator_on_every_engine(tmp_path: Path) -> None:
    programs, before, after, kinds = [], [], [], set()

    @examples(30)
    @given(pools())
    def law(drawn: Case) -> None:
        for schedule in offered(drawn):
            program = placed(drawn, schedule, {})
            arena = load(new_arena(program), program.inputs, drawn.inputs)
            left = interpret(program, arena)
            assert same_bits(fetch(left, program.outputs[0]), run(drawn.graph, drawn.inputs)["y"])
            programs.append(program)
            before.append(arena)
            after.append(left)
            kinds.add(type(drawn.node.op))

    law()
    assert kinds == {MaxPool, AveragePool, SumPool}
    check_in_c(programs, before, after, tmp_path)
    check_jitted(programs, before, after)


@pytest.mark.parametrize("value", ["random", "lowest", "highest"])
@pytest.mark.parametrize("kind", ["int8", "uint8"])
@pytest.mark.parametrize("size", [(25, 5), (16, 16), (17, 16), (40, 200)])
def test_global_pools_of_all_sizes(size: tuple[int, int], kind: str, value: str) -> None:
    """Sixteen bits hold 256 places; larger windows are summed row by row."""
    info = np.iinfo(kind)
    x = np.random.default_rng(1).integers(info.min, info.max + 1, (1, 8, *size)).astype(kind)
    if value != "random":
        x[...] = info.min if value == "lowest" else info.max
    drawn = case(AveragePool(kernel=size), x, {})
    (schedule,) = offered(drawn)
    program = placed(drawn, schedule, {})
    arena = load(new_arena(program), program.inputs, drawn.inputs)
    assert same_bits(fetch(run_jitted(program, arena), program.outputs[0]), run(drawn.graph, drawn.inputs)["y"])


@pytest.mark.slow
def test_it_runs_over_its_input_at_the_declared_distances() -> None:
    seen: set[str] = set()

    @examples(40)
    @given(pools())
    def law(drawn: Case) -> None:
        for schedule in offered(drawn):
            want = result(drawn, placed(drawn, schedule, {}))
            sizes = drawn.node.output.type.bytes, drawn.node.value(0).type.bytes
            for index, allowed in schedule.overlap.items():
                assert index == 0
                for way, (y, x) in tightest(allowed, *sizes).items():
                    got = result(drawn, placed(drawn, schedule, {"y": y, "x": x}))
                    assert same_bits(got, want), f"{way}: output at {y}, input at {x}"
                    seen.add(way)

    law()
    assert seen >= {"exact", "forward"}
