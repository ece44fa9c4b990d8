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
from compiler.importers.tflite_run import INT8, is_quantized, run
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
    if any(is_quantized(graph.tensors[i]) for i in (*graph.inputs, *graph.outputs)):
        unsupported.append(Unsupported(node="model", op="int8", code="E0162", reason=INT8[0], help=INT8[1]))
    else:
        run(scope, unsupported)
    onnx_outputs = []
    if not unsupported:
        for index in dict.fromkeys(graph.outputs):
            tensor, value = graph.tensors[index], scope.values.get(index)
            if value is None:
                raise ModelError("E0160", f"output '{tensor.name[:80]}' of the model is never computed")
            onnx_outputs.append(value_info(value.source, tensor.dtype, tensor.shape))
    made = None if unsupported else scope.builder.model(onnx_inputs, onnx_outputs, name)
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
    """Of constants only: half-precision and integer weights are floats already."""
    array = c.known(0)
    if array is None or array.dtype != np.float32:
        raise c.unsupported(INT8[0], INT8[1], code="E0162")
    return Value.constant(c.builder, array)


@converts("QUANTIZE", "FAKE_QUANT")
def quantize(c: Call) -> Value:
    raise c.unsupported(INT8[0], INT8[1], code="E0162")
