"""A TensorFlow Lite model in ONNX form: its inputs and outputs keep the order of their axes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto, helper

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers import tflite_conv, tflite_math, tflite_recurrent, tflite_shaping  # noqa: F401 - converters
from compiler.importers.channels import Value
from compiler.importers.onnx_builder import OnnxBuilder, value_info
from compiler.importers.tflite_fold import folded
from compiler.importers.tflite_math import element_type
from compiler.importers.tflite_model import Operator, Quantization, Subgraph, Tensor, TfliteModel
from compiler.importers.tflite_node import ABSENT, CONVERTERS, Call, Scope, converts
from compiler.inspection import OpenTensor, Unsupported

_INTEGER_DATA = frozenset({"int8", "uint8", "int16", "int32"})
_MOST_CONSTANTS = 1 << 31
_MAX_DEPTH = 20  # subgraphs inside each other
_MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError)

INT8 = (
    "the model is quantised to integers, which arrives with int8 support",
    "convert the model without quantisation: TFLiteConverter without optimizations",
)


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
    if any(_is_quantized(graph.tensors[i]) for i in (*graph.inputs, *graph.outputs)):
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


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.quantization is not None and tensor.dtype in _INTEGER_DATA


def run(scope: Scope, unsupported: list[Unsupported]) -> None:
    """Convert the operators of a subgraph, whose inputs have values."""
    graph = scope.graph
    scope.names = {
        i: scope.builder.claim(_short(graph.tensors[i].name))
        for op in graph.operators
        for i in op.outputs
        if i != ABSENT
    }
    _constants(scope)
    behind: set[int] = set()  # tensors that depend on something unsupported
    outputs = frozenset(graph.outputs)
    for place, op in enumerate(graph.operators):
        scope.builder.tick()
        if behind.intersection(op.inputs):
            behind.update(op.outputs)
            continue
        try:
            _one(scope, op, outputs)
        except ModelError as error:
            problem = error
        except _MALFORMED as error:
            problem = ModelError("E0160", f"the operator is malformed ({type(error).__name__}: {str(error)[:120]})")
        else:
            continue
        label = next((_short(graph.tensors[i].name) for i in op.outputs if i != ABSENT), "") or f"operator {place}"
        unsupported.append(
            Unsupported(node=label, op=op.kind, code=problem.code, reason=problem.title, help=problem.help)
        )
        behind.update(op.outputs)


def _short(name: str) -> str:
    """The converter joins the names of everything that it fused; the first says what the tensor is."""
    return name.split(";")[0]


def _one(scope: Scope, op: Operator, outputs: frozenset[int]) -> None:
    call = Call(scope, op)
    if op.custom or op.kind not in CONVERTERS:
        what = "custom operator" if op.custom else "operator"
        raise call.unsupported(
            f"{what} {op.kind[:80]} has no meaning here",
            "convert the model with TensorFlow Lite's own operators only, without custom ones or Flex",
        )
    for index in (*op.inputs, *op.outputs):
        if index != ABSENT and _is_quantized(scope.graph.tensors[index]) and index not in scope.values:
            raise call.unsupported(INT8[0], INT8[1], code="E0162")
    array = folded(call)
    if array is not None:
        results: list[Value] = [Value.constant(scope.builder, array)]
    else:
        first = len(scope.builder.nodes)
        found = CONVERTERS[op.kind](call)
        results = list(found) if not isinstance(found, Value) else [found]
        for index, value in zip(op.outputs, results, strict=False):
            if index != ABSENT and value.array is None:
                _name(scope, value, index, index in outputs, first)
    for index, value in zip(op.outputs, results, strict=False):
        if index == ABSENT:
            continue
        if index in scope.values:
            raise ModelError("E0160", f"tensor '{scope.graph.tensors[index].name[:80]}' is written twice")
        scope.values[index] = value


def _name(scope: Scope, value: Value, index: int, is_output: bool, first: int) -> None:
    """The value is called what the source calls the tensor, in the order of axes that it was made in."""
    name = scope.names[index]
    if value.only_planar and not is_output:
        scope.builder.rename(value.first, name, first)
        value.first = name
        return
    scope.builder.rename(value.source, name, first)
    value.last = name


# -- constants ----------------------------------------------------------------------------------------------------


def _constants(scope: Scope) -> None:
    """Every tensor with data; integers with a scale become what they stand for."""
    total = 0
    for index, tensor in enumerate(scope.graph.tensors):
        if tensor.data is None or index in scope.values:
            continue
        array = _decoded(scope, tensor)
        if array is None:
            continue
        total += array.nbytes
        if total > _MOST_CONSTANTS:
            raise ModelError(
                "E0164", "the model's constants take more than 2 GiB", help="No small processor holds them."
            )
        scope.values[index] = Value.constant(scope.builder, array, _short(tensor.name))


def _decoded(scope: Scope, tensor: Tensor) -> Array | None:
    """None for data of a kind that is only refused once somebody reads it."""
    assert tensor.data is not None
    if tensor.dtype in ("int4", "int2", "uint4", "bfloat16") or tensor.data.shape != tensor.shape:
        return None
    if tensor.quantization is not None and tensor.dtype in _INTEGER_DATA:
        if tensor.dtype == "int32" or not _is_hybrid(scope.graph):
            return None
        scope.notes.append("weights stored as integers are used as the floats that they stand for")
        return dequantized(tensor.data, tensor.quantization)
    if tensor.dtype == "float16":
        return tensor.data.astype(np.float32)
    return tensor.data


def _is_hybrid(graph: Subgraph) -> bool:
    """Weights are integers, activations floats: the quantised tensors all have data."""
    return all(t.data is not None for t in graph.tensors if _is_quantized(t))


def dequantized(data: Array, quantization: Quantization) -> Array:
    shape = [1] * data.ndim
    if quantization.scale.size > 1:
        shape[quantization.axis] = -1
    elif not shape:
        shape = []
    zero, scale = quantization.zero_point.reshape(shape), quantization.scale.reshape(shape)
    result: Array = ((data.astype(np.int64) - zero) * scale).astype(np.float32)
    return result


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


# -- control flow -------------------------------------------------------------------------------------------------


@converts("IF")
def if_(c: Call) -> list[Value]:
    """A condition that is known chooses at compile time; else both branches become ONNX' If."""
    branches = [_branch(c, f"{name}_subgraph") for name in ("then", "else")]
    operands = c.values()[1:]
    condition = c.known(0)
    if condition is not None:
        return _inlined(c, branches[0] if condition.reshape(()) else branches[1], operands)
    bodies = [_body(c, branch, operands, []) for branch in branches]
    count = len(c.op.outputs)
    names = c.builder.add_many("If", [c.x()], count, then_branch=bodies[0], else_branch=bodies[1])
    return [c.made(name, i) for i, name in enumerate(names)]


@converts("WHILE")
def while_(c: Call) -> list[Value]:
    """ONNX' Loop: the condition is computed before it, and at the end of each round."""
    condition, body = _branch(c, "cond_subgraph"), _branch(c, "body_subgraph")
    operands = c.values()
    if not len(body.inputs) == len(body.outputs) == len(operands) == len(condition.inputs):
        raise ModelError("E0160", "WHILE with a body for other operands")
    (first,) = _inlined(c, condition, operands)
    scope = _inner(c, body)
    infos = [value_info(scope.builder.claim(f"{c.builder.fresh('loop')}"), v.dtype, v.shape) for v in operands]
    count_in, keep_in = c.builder.fresh("round"), c.builder.fresh("keep")
    for index, info, v in zip(body.inputs, infos, operands, strict=True):
        scope.values[index] = Value(scope.builder, v.shape, v.dtype, last=info.name)
    _finish(c, scope)
    after = [_result(scope, i) for i in body.outputs]
    check = Scope(
        scope.model, condition, scope.builder, dict(zip(condition.inputs, after, strict=True)), depth=scope.depth
    )
    _finish(c, check)
    outputs = [scope.builder.add("Identity", v.source) for v in (_result(check, condition.outputs[0]), *after)]
    heads = [value_info(count_in, "int64", ()), value_info(keep_in, "bool", ())]
    shapes: list[tuple[str, tuple[int, ...]]] = [("bool", ()), *((v.dtype, v.shape) for v in operands)]
    ends = [value_info(n, dtype, shape) for n, (dtype, shape) in zip(outputs, shapes, strict=True)]
    graph = _graph(scope, heads + infos, ends)
    names = c.builder.add_many(
        "Loop", ["", _scalar(c, first), *(v.source for v in operands)], len(operands), body=graph
    )
    return [c.made(name, i) for i, name in enumerate(names)]


def _scalar(c: Call, value: Value) -> str:
    return value.source if not value.shape else c.add("Reshape", value.source, c.const(np.zeros(0)))


def _branch(c: Call, option: str) -> Subgraph:
    index = c.option(option)
    if not 0 <= index < len(c.scope.model.subgraphs):
        raise ModelError("E0160", f"{c.op.kind} refers to a graph that is not there")
    if c.scope.depth >= _MAX_DEPTH:
        raise ModelError("E0164", "graphs are nested too deeply, or call themselves")
    return c.scope.model.subgraphs[index]


def _inner(c: Call, graph: Subgraph) -> Scope:
    """A scope with nodes of its own; names and constants are shared with the graph around it."""
    outer = c.builder
    builder = OnnxBuilder([], outer.tensors, outer.arrays, outer.taken, outer.small, outer.counter)
    return Scope(c.scope.model, graph, builder, {}, c.scope.notes, c.scope.depth + 1)


def _finish(c: Call, scope: Scope) -> None:
    problems: list[Unsupported] = []
    run(scope, problems)
    if problems:
        first = problems[0]
        raise ModelError(first.code, f"{first.op} in a graph of {c.op.kind}: {first.reason}", help=first.help)


def _result(scope: Scope, index: int) -> Value:
    found = scope.values.get(index)
    if found is None:
        raise ModelError("E0160", "the result of a graph is never computed")
    return found


def _inlined(c: Call, graph: Subgraph, operands: list[Value]) -> list[Value]:
    if len(graph.inputs) != len(operands):
        raise ModelError("E0160", f"{c.op.kind} with a graph for other operands")
    scope = Scope(c.scope.model, graph, c.builder, {}, c.scope.notes, c.scope.depth + 1)
    scope.values.update(zip(graph.inputs, operands, strict=True))
    _finish(c, scope)
    return [_result(scope, i) for i in graph.outputs]


def _body(c: Call, graph: Subgraph, operands: list[Value], heads: list[Any]) -> Any:
    if len(graph.inputs) != len(operands):
        raise ModelError("E0160", f"{c.op.kind} with a graph for other operands")
    scope = _inner(c, graph)
    for index, value in zip(graph.inputs, operands, strict=True):
        scope.values[index] = Value(scope.builder, value.shape, value.dtype, last=value.source, array=value.array)
    _finish(c, scope)
    outputs = []
    for index in graph.outputs:
        value, tensor = _result(scope, index), graph.tensors[index]
        outputs.append(value_info(scope.builder.add("Identity", value.source), tensor.dtype, tensor.shape))
    return _graph(scope, heads, outputs)


def _graph(scope: Scope, inputs: list[Any], outputs: list[Any]) -> Any:
    return helper.make_graph(scope.builder.nodes, scope.builder.fresh("graph"), inputs, outputs)
