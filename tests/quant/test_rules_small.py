"""Rules for what stands beside products: lone batch norms, narrower ranges, factors, transposed convolutions."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.graph.graph import Graph, Node
from compiler.graph.run import run
from compiler.graph.types import Array
from compiler.importers.onnx import import_onnx
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.ops.conv import Conv
from compiler.ops.conv_transpose import ConvTranspose
from compiler.ops.dense import Dense
from compiler.ops.requantize import Requantize
from compiler.ops.transpose import Copy
from compiler.passes.order import optimize
from tests.support.quantized_models import parsed

SCALES = {"sx": np.float32(0.05), "sw": np.float32(0.02), "sy": np.float32(0.15)}
ZEROS = {"zx": np.int8(7), "zw": np.int8(0), "zy": np.int8(-20)}


def both(text: str, **weights: Array) -> tuple[Graph, list[tuple[Array, Array]]]:
    """The integer graph of a model from int8 x to int8 y; for some inputs its result, and that of the float graph."""
    source = import_onnx(parsed(text, {**SCALES, **ZEROS, **weights}), {})
    graph = optimize(source).graph
    rng = np.random.default_rng(1)
    program, found = Jitted(lower(graph)), []
    for _ in range(3):
        inputs = {"x": rng.integers(-128, 128, source.inputs[0].shape).astype(np.int8)}
        got, wanted = run(graph, inputs)[graph.outputs[0].name], run(source, inputs)[source.outputs[0].name]
        np.testing.assert_array_equal(program.run(inputs)[graph.outputs[0].name], got)
        found.append((got, wanted))
    return graph, found


def only(graph: Graph) -> Node:
    """The only operator, beside copies into another layout."""
    (node,) = (n for n in graph.nodes if not isinstance(n.op, Copy))
    return node


def near(found: list[tuple[Array, Array]]) -> None:
    for got, wanted in found:
        assert got.dtype == wanted.dtype == np.int8
        assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1
        assert len(np.unique(wanted)) > 3


def test_a_lone_batch_norm_is_a_depthwise_convolution() -> None:
    rng = np.random.default_rng(2)
    graph, found = both(
        """g (int8[1,6,4,4] x) => (int8[1,6,4,4] y) {
            r = DequantizeLinear (x, sx, zx)
            n = BatchNormalization (r, scale, shift, mean, var)
            c = Relu (n)
            y = QuantizeLinear (c, sy, zy)
        }""",
        scale=np.array([1, -2, 0.5, 3, -0.01, 1.5], np.float32),
        shift=rng.standard_normal(6).astype(np.float32),
        mean=rng.standard_normal(6).astype(np.float32),
        var=rng.uniform(0.2, 2, 6).astype(np.float32),
    )
    node = only(graph)
    assert isinstance(node.op, Conv)
    assert node.op.groups == 6
    near(found)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("asymmetric", [False, True])
def test_transposed_convolutions(groups: int, asymmetric: bool) -> None:
    rng = np.random.default_rng(3)
    zero = rng.integers(0, 256, 3).astype(np.uint8) if asymmetric else np.full(3, 128, np.uint8)
    graph, found = both(
        f"""g (int8[1,4,5,5] x) => (int8[1,{3 * groups},9,9] y) {{
            r = DequantizeLinear (x, sx, zx)
            w = DequantizeLinear <axis = 1> (stored, scales, zeros)
            t = ConvTranspose <strides = [2,2], pads = [1,1,1,1], group = {groups}> (r, w, b)
            y = QuantizeLinear (t, wide, zy)
        }}""",
        stored=rng.integers(0, 256, (4, 3, 3, 3)).astype(np.uint8),
        scales=np.array([0.01, 0.02, 0.005], np.float32),
        zeros=zero,
        b=rng.standard_normal(3 * groups).astype(np.float32),
        wide=np.float32(0.4),
    )
    node = only(graph)
    assert isinstance(node.op, ConvTranspose)
    assert node.value(1).type.dtype == ("int16" if asymmetric else "int8")
    near(found)


def test_a_narrower_range_is_a_bound_of_the_rounding() -> None:
    rng = np.random.default_rng(4)
    graph, found = both(
        """g (int8[3,8] x) => (int8[3,5] y) {
            r = DequantizeLinear (x, sx, zx)
            w = DequantizeLinear (stored, sw, zw)
            p = MatMul (r, w)
            q = QuantizeLinear (p, sy, zy)
            y = Clip (q, low, high)
        }""",
        stored=rng.integers(-128, 128, (8, 5)).astype(np.int8),
        low=np.int8(-64),
        high=np.int8(60),
    )
    node = only(graph)
    assert isinstance(node.op, Dense)
    assert node.op.tail is not None
    (step,) = node.op.tail.steps
    assert isinstance(step.op, Requantize)
    assert (step.op.low, step.op.high) == (-64, 60)
    near(found)


@pytest.mark.parametrize("spelling", ["Mul (p, factor)", "Mul (factor, p)", "Div (p, factor)"])
def test_a_factor_of_sums_goes_into_their_scale(spelling: str) -> None:
    rng = np.random.default_rng(5)
    graph, found = both(
        f"""g (int8[3,8] x) => (int8[3,5] y) {{
            r = DequantizeLinear (x, sx, zx)
            w = DequantizeLinear (stored, sw, zw)
            p = MatMul (r, w)
            f = {spelling}
            a = Add (f, b)
            y = QuantizeLinear (a, sy, zy)
        }}""",
        stored=rng.integers(-128, 128, (8, 5)).astype(np.int8),
        factor=np.float32(0.7),
        b=rng.standard_normal(5).astype(np.float32),
    )
    assert isinstance(only(graph).op, Dense)
    near(found)


def test_sums_that_could_pass_32_bits_are_left_to_floats() -> None:
    """70,000 products of int8 with weights that need 16 bits."""
    rows = 70_000
    source = import_onnx(
        parsed(
            f"""g (int8[1,{rows}] x) => (int8[1,1] y) {{
                r = DequantizeLinear (x, sx, zx)
                w = DequantizeLinear (stored, sw, zero)
                p = MatMul (r, w)
                y = QuantizeLinear (p, sy, zy)
            }}""",
            {**SCALES, **ZEROS, "stored": np.full((rows, 1), 255, np.uint8), "zero": np.uint8(0)},
        ),
        {},
    )
    graph = optimize(source).graph
    assert all(n.value(0).type.dtype == "float32" for n in graph.nodes if isinstance(n.op, Dense))
    inputs = {"x": np.full((1, rows), 127, np.int8)}
    assert run(graph, inputs)[graph.outputs[0].name] == 127
