"""One choice of rounding reaches every operator."""

from __future__ import annotations

import numpy as np

from compiler.ops.dense import Dense
from compiler.ops.elementwise import Map, Step
from compiler.ops.integer_arithmetic import AddInteger
from compiler.ops.requantize import Requantize
from compiler.quant.rounding import in_rounding
from tests.support.quantized import QuantizedBuild


def test_operators_chains_and_tails_take_the_mode() -> None:
    b = QuantizedBuild()
    x, w = b.integers("int8", 2, 3), b.const(np.ones((3, 3), np.int8))
    factor, shift = b.const(np.full(3, 1 << 30, np.int32)), b.const(np.zeros(3, np.int32))
    tail = Map(3, (Step(Requantize(), (0, 1, 2)),))
    y = b.add(Dense(tail), x, w, None, factor, shift)
    graph = b.graph(b.add(Map(2, (Step(AddInteger(), (0, 1)),)), b.add(AddInteger(), x, y), y))
    changed = in_rounding(graph, "double")
    assert changed != graph
    assert _modes(changed) == ["double"] * 3
    assert _modes(in_rounding(changed, "single")) == ["single"] * 3
    assert in_rounding(graph, "single").nodes == graph.nodes


def _modes(graph) -> list[str]:  # type: ignore[no-untyped-def]
    dense, add, chain = (n.op for n in graph.nodes)
    return [dense.tail.steps[0].op.rounding, add.rounding, chain.steps[0].op.rounding]
