"""ONNX Runtime's own operators on 8-bit integers, one by one, and what its quantisers write beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType

from compiler.errors import ModelError
from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.graph.types import Array
from compiler.importers.onnx import import_onnx
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.ops.block_dense import BlockDense
from compiler.ops.integer_products import ConvInteger, MatMulInteger
from compiler.passes.order import optimize
from tests.support.layer_by_layer import all_tensors, differences, float_products, outputs
from tests.support.quantized_models import NETWORKS, dynamic, in_blocks, samples

RNG = np.random.default_rng(12)


def u8(*shape: int) -> Array:
    return RNG.integers(0, 256, shape, np.uint8)


def i8(*shape: int) -> Array:
    return RNG.integers(-128, 128, shape, np.int8)


def f32(*numbers: float) -> Array:
    return np.array(numbers[0] if len(numbers) == 1 else numbers, np.float32)


def byte(number: int, dtype: str = "uint8") -> Array:
    return np.array(number, dtype)


# Operator, its operands (those at run time marked by their places), its attributes.
Case = tuple[str, tuple[Array | None, ...], tuple[int, ...], dict[str, Any]]
CASES: dict[str, Case] = {
    "sigmoid": ("QLinearSigmoid", (u8(2, 9), f32(0.05), byte(120), f32(1 / 256), byte(0)), (0,), {}),
    "sigmoid without zero points": ("QLinearSigmoid", (i8(2, 9), f32(0.05), None, f32(1 / 128), None), (0,), {}),
    "leaky relu": ("QLinearLeakyRelu", (i8(3, 7), f32(0.1), byte(4, "int8"), f32(0.08), byte(-9, "int8")), (0,),
                   {"alpha": 0.3}),
    "softmax": ("QLinearSoftmax", (u8(4, 11), f32(0.06), byte(99), f32(1 / 256), byte(0)), (0,),
                {"axis": -1, "opset": 13}),
    "softmax of rows": ("QLinearSoftmax", (u8(2, 3, 5), f32(0.06), byte(99), f32(1 / 256), byte(0)), (0,),
                        {"axis": 1, "opset": 11}),
    "average pool": ("QLinearAveragePool", (u8(1, 3, 6, 6), f32(0.1), byte(7), f32(0.07), byte(3)), (0,),
                     {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "average pool, channels last": ("QLinearAveragePool", (u8(1, 6, 6, 3), f32(0.1), byte(7), f32(0.1), byte(7)), (0,),
                                    {"kernel_shape": [2, 2], "strides": [2, 2], "channels_last": 1}),
    "global pool": ("QLinearGlobalAveragePool", (u8(1, 5, 4, 4), f32(0.1), byte(99), f32(0.04), byte(60)), (0,), {}),
    "global pool, last": ("QLinearGlobalAveragePool", (u8(1, 4, 4, 5), f32(0.1), byte(99), f32(0.04), byte(60)), (0,),
                          {"channels_last": 1}),
    "add": ("QLinearAdd", (u8(2, 8), f32(0.1), byte(128), u8(8), f32(0.05), byte(3), f32(0.12), byte(100)), (0, 3), {}),
    "mul": ("QLinearMul", (i8(2, 8), f32(0.1), byte(3, "int8"), i8(2, 8), f32(0.02), byte(0, "int8"), f32(0.15),
                           byte(7, "int8")), (0, 3), {}),
    "where": ("QLinearWhere", (RNG.integers(0, 2, (2, 5)).astype(bool), u8(2, 5), f32(0.1), byte(3), u8(2, 5),
                               f32(0.2), byte(9), f32(0.15), byte(20)), (0, 1, 4), {}),
    "concat": ("QLinearConcat", (f32(0.1), byte(10), u8(2, 3), f32(0.05), byte(3), u8(2, 4), f32(0.1), byte(10)),
               (2, 5), {"axis": 1}),
    "gemm": ("QGemm", (u8(3, 6), f32(0.1), byte(100), u8(4, 6), f32(0.02), byte(120),
                       RNG.integers(-2000, 2000, 4).astype(np.int32), f32(0.4), byte(128)), (0,), {"transB": 1}),
    "gemm to floats": ("QGemm", (i8(3, 6), f32(0.1), byte(5, "int8"), i8(6, 4), f32(0.01, 0.02, 0.03, 0.04),
                                 np.zeros(4, np.int8)), (0,), {"alpha": 0.5}),
}  # fmt: skip


def one_node(case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    op, operands, runtime, attributes = case
    names = ["" if a is None else f"x{i}" for i, a in enumerate(operands)]
    given = {names[i]: operands[i] for i in runtime}
    node = helper.make_node(op, names, ["y"], domain="com.microsoft", **attributes)
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in given.items()
        if a is not None
    ]
    known = [numpy_helper.from_array(a, n) for n, a in zip(names, operands, strict=True) if n and n not in given]
    graph = helper.make_graph([node], "one", inputs, [onnx.ValueInfoProto(name="y")], known)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8), {
        n: a for n, a in given.items() if a is not None
    }


@pytest.mark.parametrize("name", CASES)
def test_one_operator_is_within_one_step_of_onnx_runtime(name: str) -> None:
    model, inputs = one_node(CASES[name])
    (wanted,) = outputs(model, inputs)
    graph = optimize(import_onnx(model, {})).graph
    got = run(graph, inputs)[graph.outputs[0].name]
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    if wanted.dtype == np.float32:
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    else:
        assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1
        assert np.ptp(wanted.astype(int)) > 5
    assert float_products(graph) == []


def test_scales_that_do_not_fit_are_named() -> None:
    op, operands, runtime, attributes = CASES["sigmoid"]
    model, _ = one_node((op, (operands[0], f32(0.1, 0.2), *operands[2:]), runtime, attributes))
    with pytest.raises(ModelError) as caught:
        import_onnx(model, {})
    assert caught.value.code == "E0420"


# -- scales that are found at run time ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_dynamic_quantisation(name: str) -> None:
    """uint8 weights: with int8 ones ONNX Runtime's kernels saturate on processors without VNNI instructions."""
    model = dynamic(name, QuantType.QUInt8)
    graph = optimize(import_onnx(model, {}, name)).graph
    integers = [n for n in graph.nodes if isinstance(n.op, (ConvInteger, MatMulInteger))]
    assert len(integers) == sum(n.op_type in ("ConvInteger", "MatMulInteger") for n in model.graph.node) > 0
    for inputs in samples(model, seed=13, count=2):
        compared = differences(graph, all_tensors(model, inputs), inputs)
        assert [d for d in compared if not d.within()] == []
        got = run(graph, inputs)
        for value, wanted in zip(graph.outputs, outputs(model, inputs, optimized=False), strict=True):
            np.testing.assert_allclose(got[value.name], wanted, rtol=1e-4, atol=1e-5)


# -- weights of 4 bits ----------------------------------------------------------------------------------------------


def blocks(operators: bool, symmetric: bool) -> tuple[onnx.ModelProto, Graph]:
    model = in_blocks(operators, symmetric)
    return model, optimize(import_onnx(model, {}, "blocks")).graph


@pytest.mark.parametrize("operators", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
def test_weights_in_blocks_stay_integers(operators: bool, symmetric: bool) -> None:
    model, graph = blocks(operators, symmetric)
    layers = [n for n in graph.nodes if isinstance(n.op, BlockDense)]
    assert len(layers) == 2
    assert {n.value(1).type.dtype for n in layers} == {"int4" if symmetric else "uint4"}
    program = Jitted(lower(graph))
    for inputs in samples(model, seed=14, count=2):
        (wanted,) = outputs(model, inputs, optimized=False)
        np.testing.assert_allclose(run(graph, inputs)[graph.outputs[0].name], wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(program.run(inputs)[graph.outputs[0].name], wanted, rtol=1e-4, atol=1e-5)


def test_a_packing_that_is_not_read_is_named() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(in_blocks(True, True))
    for node in model.graph.node:
        for attribute in node.attribute:
            attribute.i = 3 if attribute.name == "bits" else attribute.i
    with pytest.raises(ModelError) as caught:
        import_onnx(model, {})
    assert caught.value.code == "E0421"
