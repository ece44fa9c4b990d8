"""Sums of 8-bit tensors for the DSP extension are the operator, bit for bit, for all pairs of operands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import TensorType
from compiler.kernels.base import Schedule, Situation, candidates
from compiler.ops.integer_arithmetic import AddInteger, Factor
from tests.kernels.test_tuned import placed, result, tightest
from tests.ops.test_lowering import check_in_c, check_jitted
from tests.support.engines import fetch, interpret, load, new_arena, run_jitted, same_bits
from tests.support.op_cases import Case, Draw, examples


def added(numbers: np.random.Generator, rounding: str, kinds: tuple[str, str, str], subtract: bool) -> AddInteger:
    """An operator as quantised networks have them: scales of any ratio, any zero points, perhaps a clamp."""
    to = kinds[2]
    x, y = 2.0 ** -numbers.uniform(0, 5, 2)
    result = max(x, y) * 2.0 ** numbers.uniform(-1.5, 1)
    limits = {"int8": (-128, 127), "uint8": (0, 255)}
    zeros = [int(numbers.integers(limits[kind][0], limits[kind][1] + 1)) for kind in kinds]
    low, high = limits[to]
    return AddInteger(
        zeros[0], zeros[1], Factor.of(2 * max(x, y) / (2**20 * result)), to, zeros[2],
        low + int(numbers.choice([0, 0, 7])), high - int(numbers.choice([0, 0, 40])), rounding,  # type: ignore[arg-type]
        x_factor=Factor.of(x / (2 * max(x, y))), y_factor=Factor.of(y / (2 * max(x, y))), subtract=subtract,
    )  # fmt: skip


def case(op: AddInteger, kinds: tuple[str, str, str], x: np.ndarray, y: np.ndarray) -> Case:
    values = [Value(name, TensorType.of(kind, x.shape)) for name, kind in zip("abc", kinds, strict=True)]
    made = Value("y", values[2].type)
    node = Node(op, (values[0], values[1]), (made,), "node", ("node",), ("",))
    return Case(Graph("case", (values[0], values[1]), (made,), (node,)), {"a": x, "b": y})


def offered(drawn: Case) -> list[Schedule]:
    found = candidates(drawn.node, Situation(drawn.graph, frozenset({"dsp"}), "balanced"))
    return [s for s in found if s.family == "armv7em"]


@st.composite
def sums(draw: Draw) -> Case:
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = tuple(draw(st.sampled_from(["int8", "int8", "uint8"])) for _ in range(3))
    op = added(numbers, draw(st.sampled_from(["single", "single", "double"])), kinds, draw(st.booleans()))
    size = draw(st.sampled_from([1, 3, 4, 9, 14]))
    x, y = (numbers.integers(np.iinfo(kind).min, np.iinfo(kind).max + 1, size).astype(kind) for kind in kinds[:2])
    return case(op, kinds, x, y)


def test_every_pair_of_operands_and_nearly_every_operator() -> None:
    """In this process all 65,536 pairs; with one rounding an expression is found for (nearly) every operator."""
    numbers, taken = np.random.default_rng(3), []
    x, y = (a.reshape(-1).astype(np.int8) for a in np.mgrid[-128:128, -128:128])
    for i in range(12):
        op = added(numbers, "single" if i < 8 else "double", ("int8", "int8", "int8"), bool(i % 2))
        drawn = case(op, ("int8", "int8", "int8"), x, y)
        for schedule in offered(drawn):
            program = placed(drawn, schedule, {})
            arena = load(new_arena(program), program.inputs, drawn.inputs)
            assert same_bits(fetch(run_jitted(program, arena), program.outputs[0]), run(drawn.graph, drawn.inputs)["y"])
            taken.append(op.rounding)
    assert taken.count("single") >= 7
    assert taken.count("double") >= 1


@pytest.mark.slow
def test_it_is_the_operator_on_every_engine(tmp_path: Path) -> None:
    programs, before, after = [], [], []

    @examples(25)
    @given(sums())
    def law(drawn: Case) -> None:
        for schedule in offered(drawn):
            program = placed(drawn, schedule, {})
            arena = load(new_arena(program), program.inputs, drawn.inputs)
            left = interpret(program, arena)
            assert same_bits(fetch(left, program.outputs[0]), run(drawn.graph, drawn.inputs)["y"])
            programs.append(program)
            before.append(arena)
            after.append(left)

    law()
    assert len(programs) > 10
    check_in_c(programs, before, after, tmp_path)
    check_jitted(programs, before, after)


def test_it_runs_over_either_operand() -> None:
    seen: set[tuple[int, str]] = set()

    @examples(12)
    @given(sums())
    def law(drawn: Case) -> None:
        for schedule in offered(drawn):
            want = result(drawn, placed(drawn, schedule, {}))
            for index, allowed in schedule.overlap.items():
                size = drawn.node.value(index).type.bytes
                for way, (y, x) in tightest(allowed, drawn.node.output.type.bytes, size).items():
                    got = result(drawn, placed(drawn, schedule, {"y": y, drawn.node.value(index).name: x}))
                    assert same_bits(got, want), f"{way}: output at {y}, operand {index} at {x}"
                    seen.add((index, way))

    law()
    assert seen >= {(0, "exact"), (1, "exact")}
