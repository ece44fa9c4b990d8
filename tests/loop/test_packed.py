"""Constants of 4 and 2 bits lie several to a byte, and kernels read the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import TensorType
from compiler.loop.storage import NARROW, packed
from compiler.lower import lower
from compiler.ops.conv import Conv
from compiler.ops.dense import Dense
from tests.support.engines import fetch, interpret, load, new_arena
from tests.support.op_cases import examples

narrow = pytest.mark.parametrize("dtype", sorted(NARROW))


@narrow
def test_the_first_element_lies_in_the_low_bits(dtype: str) -> None:
    bits = NARROW[dtype][1]
    found = packed(dtype, np.array([1, 0, 1], np.int8).astype(dtype))
    assert found is not None
    storage, array = found
    assert storage.per_byte == 8 // bits
    assert array.tolist() == ([1, 1] if bits == 4 else [1 | 1 << 4])


def test_other_types_are_left_alone() -> None:
    assert packed("int8", np.zeros(4, np.int8)) is None


@narrow
@given(st.data())
@examples(15)
def test_layers_read_them(dtype: str, data: st.DataObject) -> None:
    inputs, outputs = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 5))
    chance = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    bits = NARROW[dtype][1]
    low = -(1 << (bits - 1)) if dtype.startswith("int") else 0
    w = chance.integers(low, low + (1 << bits), (outputs, inputs)).astype(dtype)
    x = chance.integers(-128, 128, (1, inputs)).astype(np.int8)
    convolve = data.draw(st.booleans())
    shape = (1, inputs, 1, 1) if convolve else (1, inputs)
    weights = w.reshape(outputs, inputs, 1, 1) if convolve else w
    given_x, given_w = Value("x", TensorType.of("int8", shape)), Value("w", TensorType.of(dtype, weights.shape))
    op = Conv() if convolve else Dense()
    y = Value("y", op.infer(given_x.type, given_w.type))
    graph = Graph("g", (given_x,), (y,), (Node(op, (given_x, given_w, None), (y,), "n"),), {"w": weights})
    program = lower(graph)
    (constant,) = program.constants.values() or [np.zeros(0)]
    if w.size > 1:
        assert constant.nbytes == -(-w.size * bits // 8)
    given_inputs = {"x": x.reshape(shape)}
    arena = load(new_arena(program), program.inputs, given_inputs)
    got = fetch(interpret(program, arena), program.outputs[0])
    np.testing.assert_array_equal(got.reshape(y.shape), run(graph, given_inputs)["y"])
    np.testing.assert_array_equal(got.reshape(-1), w.astype(np.int32) @ x[0].astype(np.int32))
