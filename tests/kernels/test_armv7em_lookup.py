"""Tables of 8-bit numbers for the DSP extension, on all entries and in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import TensorType, fill
from compiler.kernels.base import Schedule, Situation, candidates
from compiler.ops.lookup import Lookup
from tests.kernels.test_tuned import placed, result, tightest
from tests.ops.test_lowering import check_in_c, check_jitted
from tests.support.engines import fetch, interpret, load, new_arena, same_bits
from tests.support.op_cases import Case


def case(kind: str, to: str, size: int, constant: bool = False) -> Case:
    """All 256 numbers are among the elements when there are so many."""
    info = np.iinfo(kind)
    x = np.resize(np.arange(info.min, info.max + 1), size).astype(kind)
    table = np.random.default_rng(size).integers(0, 256, 256).astype(np.uint8).view(to)
    if constant:
        table = fill(table[0], to, (256,))
    values = Value("x", TensorType.of(kind, x.shape)), Value("t", TensorType.of(to, (256,)))
    y = Value("y", TensorType.of(to, x.shape))
    node = Node(Lookup(), values, (y,), "node", ("node",), ("",))
    return Case(Graph("case", values[:1], (y,), (node,), {"t": table}), {"x": x})


def offered(drawn: Case) -> list[Schedule]:
    found = candidates(drawn.node, Situation(drawn.graph, frozenset({"dsp"}), "balanced"))
    return [s for s in found if s.family == "armv7em"]


@pytest.mark.slow
def test_it_is_the_operator_on_every_engine(tmp_path: Path) -> None:
    programs, before, after = [], [], []
    drawn = [case(kind, to, size) for kind in ("int8", "uint8") for to in ("int8", "uint8") for size in (4, 7, 259)]
    for one in (*drawn, case("int8", "int8", 9, constant=True)):
        (schedule,) = offered(one)
        program = placed(one, schedule, {})
        arena = load(new_arena(program), program.inputs, one.inputs)
        left = interpret(program, arena)
        assert same_bits(fetch(left, program.outputs[0]), run(one.graph, one.inputs)["y"])
        programs.append(program)
        before.append(arena)
        after.append(left)
    check_in_c(programs, before, after, tmp_path)
    check_jitted(programs, before, after)


@pytest.mark.parametrize("size", [5, 8, 30])
def test_it_runs_over_its_operand(size: int) -> None:
    drawn = case("int8", "int8", size)
    (schedule,) = offered(drawn)
    want = result(drawn, placed(drawn, schedule, {}))
    ways = tightest(schedule.overlap[0], size, size)
    assert set(ways) == {"exact", "forward"}
    for y, x in ways.values():
        assert same_bits(result(drawn, placed(drawn, schedule, {"y": y, "x": x})), want)
