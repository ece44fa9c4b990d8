"""A subgraph of TensorFlow Lite, operator by operator; what is unsupported is listed, what needs it left out."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.importers.channels import Value
from compiler.importers.tflite_fold import folded
from compiler.importers.tflite_lists import Update, find_updates
from compiler.importers.tflite_model import Operator, Tensor
from compiler.importers.tflite_node import ABSENT, CONVERTERS, Call, Scope
from compiler.importers.tflite_quant import SMALL, is_quantized, unpacked
from compiler.inspection import Unsupported

HYBRID = (
    "Weights are integers, activations floats: what a weight stands for is multiplied as it is. TensorFlow Lite's own "
    "kernels round the activations to integers at run time as well, so that its results differ by that rounding."
)
_MOST_CONSTANTS = 1 << 31
_MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError)


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
    updates = find_updates(graph)
    for place, op in enumerate(graph.operators):
        scope.builder.tick()
        if place in updates.skipped:
            continue
        if behind.intersection(op.inputs):
            behind.update(op.outputs)
            continue
        try:
            _one(scope, op, outputs, updates.found.get(place))
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


def _one(scope: Scope, op: Operator, outputs: frozenset[int], update: Update | None) -> None:
    call = Call(scope, op)
    if op.custom or op.kind not in CONVERTERS:
        what = "custom operator" if op.custom else "operator"
        raise call.unsupported(
            f"{what} {op.kind[:80]} has no meaning here",
            "convert the model with TensorFlow Lite's own operators only, without custom ones or Flex",
        )
    array = folded(call) if update is None and not _quantized(call) else None
    if array is not None:
        results: list[Value] = [Value.constant(scope.builder, array)]
    else:
        first = len(scope.builder.nodes)
        found = CONVERTERS[op.kind](call) if update is None else _updated(call, update)
        results = list(found) if not isinstance(found, Value) else [found]
        for place in range(min(len(results), len(op.outputs))):
            if op.outputs[place] != ABSENT:
                results[place] = call.stored(results[place], place)
        for index, value in zip(op.outputs, results, strict=False):
            if index != ABSENT and value.array is None:
                _name(scope, value, index, index in outputs, first)
    for index, value in zip(op.outputs, results, strict=False):
        if index == ABSENT:
            continue
        if index in scope.values:
            raise ModelError("E0160", f"tensor '{scope.graph.tensors[index].name[:80]}' is written twice")
        scope.values[index] = value


def _quantized(call: Call) -> bool:
    ends = (*call.op.inputs, *call.op.outputs)
    return any(is_quantized(call.scope.graph.tensors[i]) for i in ends if i != ABSENT)


def _updated(call: Call, update: Update) -> Value:
    whole, index, row = (_value(call, i) for i in (update.whole, update.index, update.row))
    at = call.add("Reshape", call.add("Cast", index.source, to=TensorProto.INT64), call.const([1, 1]))
    return call.made(call.add("ScatterND", whole.source, at, row.source))


def _value(call: Call, index: int) -> Value:
    found = call.scope.values.get(index)
    if found is None:
        raise ModelError("E0160", "a tensor is used before it is computed")
    return found


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
    """Every tensor with data."""
    total = 0
    for index, tensor in enumerate(scope.graph.tensors):
        if tensor.data is None or index in scope.values:
            continue
        array = _decoded(tensor)
        if array is None:
            continue
        total += array.size * (4 if is_quantized(tensor) else array.itemsize)
        if total > _MOST_CONSTANTS:
            raise ModelError(
                "E0164", "the model's constants take more than 2 GiB", help="No small processor holds them."
            )
        scope.values[index] = Value.constant(scope.builder, array, _short(tensor.name))
    if not all(t.data is not None for t in scope.graph.tensors if is_quantized(t)):
        return
    if any(is_quantized(t) for t in scope.graph.tensors):
        scope.notes.append(HYBRID)


def _decoded(tensor: Tensor) -> Array | None:
    """None for data of a kind that is only refused once somebody reads it."""
    assert tensor.data is not None
    if tensor.dtype in SMALL:
        return unpacked(tensor.data, tensor.dtype, tensor.shape, tensor.name)
    if tensor.dtype == "bfloat16" or tensor.data.shape != tensor.shape:
        return None
    return tensor.data.astype(np.float32) if tensor.dtype == "float16" else tensor.data
