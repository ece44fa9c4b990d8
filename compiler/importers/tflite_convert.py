"""A TensorFlow Lite model in ONNX form: its inputs and outputs keep the order of their axes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from compiler.errors import ModelError
from compiler.importers import tflite_control, tflite_conv, tflite_math, tflite_recurrent, tflite_shaping  # noqa: F401 - converters
from compiler.importers.channels import Value
from compiler.importers.onnx_builder import OnnxBuilder, value_info
from compiler.importers.tflite_math import element_type
from compiler.importers.tflite_model import Tensor, TfliteModel
from compiler.importers.tflite_node import Call, Scope, converts
from compiler.importers.tflite_quant import IR_VERSION, OPSET, Dequantized, checked, is_quantized
from compiler.importers.tflite_run import run
from compiler.inspection import OpenTensor, Unsupported


@dataclass(frozen=True)
class Converted:
    """`model` is None when something is unsupported."""

    model: ModelProto | None
    unsupported: list[Unsupported]
    inputs: list[OpenTensor]
    outputs: list[OpenTensor]
    operators: Mapping[str, int]
    parameters: int
    notes: tuple[str, ...]


def convert(model: TfliteModel, name: str) -> Converted:
    """Never raises for an unsupported operator: all are listed."""
    graph = model.main
    scope = Scope(model, graph, OnnxBuilder())
    unsupported: list[Unsupported] = []
    onnx_inputs = []
    for index in graph.inputs:
        tensor = graph.tensors[index]
        element_type(tensor.dtype)
        called = scope.builder.claim(tensor.name)
        onnx_inputs.append(value_info(called, tensor.dtype, tensor.shape))
        scope.values[index] = Value(scope.builder, tensor.shape, tensor.dtype, last=called)
    run(scope, unsupported)
    onnx_outputs = []
    if not unsupported:
        for index in dict.fromkeys(graph.outputs):
            tensor, value = graph.tensors[index], scope.values.get(index)
            if value is None:
                raise ModelError("E0160", f"output '{tensor.name[:80]}' of the model is never computed")
            element_type(tensor.dtype)
            onnx_outputs.append(value_info(value.source, tensor.dtype, tensor.shape))
    quantized = any(is_quantized(t) for g in model.subgraphs for t in g.tensors)
    version = (OPSET, IR_VERSION) if quantized else ()
    made = None if unsupported else scope.builder.model(onnx_inputs, onnx_outputs, name, *version)
    return Converted(
        made,
        unsupported,
        [_open(graph.tensors[i]) for i in graph.inputs],
        [_open(graph.tensors[i]) for i in graph.outputs],
        dict(sorted(Counter(op.kind for g in model.subgraphs for op in g.operators).items())),
        sum(t.data.size for g in model.subgraphs for t in g.tensors if t.data is not None and t.shape),
        tuple(dict.fromkeys(scope.notes)),
    )


def _open(tensor: Tensor) -> OpenTensor:
    return OpenTensor(name=tensor.name, dtype=tensor.dtype, shape=list(tensor.shape))


@converts("DEQUANTIZE")
def dequantize(c: Call) -> Value:
    """What quantised integers, or half-precision weights, stand for."""
    array = c.known(0)
    if array is not None:
        return c.value()
    if not is_quantized(c.tensor()):
        return c.made(c.add("Cast", c.x(), to=element_type("float32")))
    real = Dequantized.of(c.scope.values[c.op.inputs[0]], checked(c.tensor()))
    return c.made_planar(real.planar) if real.only_planar else c.made(real.source)


@converts("QUANTIZE")
def quantize(c: Call) -> Value:
    """Numbers, or numbers stored with another scale, as the result's tensor stores them."""
    if not c.is_quantized():
        raise c.unsupported(f"QUANTIZE to {c.out_tensor().dtype} without a scale is not supported", code="E0175")
    return c.value()


@converts("FAKE_QUANT")
def fake_quant(c: Call) -> Value:
    """Rounded to 2**bits numbers between min and max, which move so that zero is one of them."""
    bits, low, high = c.option("num_bits"), c.number("min"), c.number("max")
    if not 2 <= bits <= 8 or not low <= 0 <= high or low == high or c.option("narrow_range"):
        raise c.unsupported(f"FAKE_QUANT of {bits} bits between {low} and {high} is not supported")
    most = 2**bits - 1
    scale = np.float32((np.float32(high) - np.float32(low)) / np.float32(most))
    zero = int(np.clip(np.floor(-np.float32(low) / scale + np.float32(0.5)), 0, most))
    bounds = [c.const((n - zero) * scale, np.float32) for n in (0, most)]

    def make(x: str) -> str:
        given = [c.const(scale, np.float32), c.const(zero, np.uint8)]
        return c.add("DequantizeLinear", c.add("QuantizeLinear", c.add("Clip", x, *bounds), *given), *given)

    return c.elementwise(make, c.value())
