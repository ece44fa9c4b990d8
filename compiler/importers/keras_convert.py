"""A Keras model in ONNX form: its inputs and outputs keep the order of their axes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from onnx import ModelProto

from compiler.errors import ModelError
from compiler.importers import keras_attention, keras_conv, keras_layers, keras_recurrent  # noqa: F401 - converters
from compiler.importers.channels import Value
from compiler.importers.keras_file import KerasFile
from compiler.importers.keras_graph import CallConfig, LayerConfig, ModelConfig, Tensor, malformed, read_model
from compiler.importers.keras_node import CONVERTERS, Layer, Result
from compiler.importers.keras_operations import operation
from compiler.importers.keras_weights import Weights, for_model
from compiler.importers.onnx_builder import OnnxBuilder, value_info
from compiler.inspection import OpenTensor, Unsupported

Shapes = Mapping[str, tuple[int, ...]]
_DTYPES = ("float32", "float16", "float64", "bfloat16", "int32", "int64", "uint8", "bool")
_MAX_DEPTH = 20  # models inside each other
_MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError)
_LAMBDA = ("Lambda", "TFOpLambda", "SlicingOpLambda")


@dataclass
class Converted:
    """`model` is None when something is unsupported, or when a shape is missing."""

    model: ModelProto | None = None
    unsupported: list[Unsupported] = field(default_factory=list)
    inputs: list[OpenTensor] = field(default_factory=list)
    outputs: list[OpenTensor] = field(default_factory=list)
    open_inputs: dict[str, list[int | None]] = field(default_factory=dict)
    operators: Counter[str] = field(default_factory=Counter)
    parameters: int = 0


def convert(file: KerasFile, shapes: Shapes, name: str) -> Converted:
    """Never raises for an unsupported layer: all are listed."""
    kind = file.config.get("class_name")
    main = read_model(str(kind), file.config.get("config"))
    found = Converted()
    scope = _Scope(main, OnnxBuilder(), for_model(file.weights, _listed(main)), file.version, found)
    infos, values = [], []
    for tensor in main.inputs:
        label, dtype, dims = _declared(main, tensor)
        given = shapes.get(label, shapes.get("") if len(main.inputs) == 1 else None)
        size = _sizes(label, dims, given)
        found.inputs.append(OpenTensor(name=label, dtype=dtype, shape=list(size)))
        if any(n is None for n in size):
            found.open_inputs[label] = size
            continue
        shape = tuple(int(n) for n in size if n is not None)
        called = scope.builder.claim(label)
        infos.append(value_info(called, dtype, shape))
        values.append(Value(scope.builder, shape, dtype, last=called))
    unknown = [n for n in shapes if n and n not in {t.name for t in found.inputs}]
    if unknown:
        names = ", ".join(t.name for t in found.inputs)
        raise ModelError("E1004", f"--shape names the input '{unknown[0][:80]}', which the model does not have",
                         facts={"inputs": names[:400]})  # fmt: skip
    if found.open_inputs:
        return found
    results = run(scope, values)
    if found.unsupported:
        return found
    ends = []
    for tensor, value in zip(main.outputs, results, strict=True):
        assert value is not None
        called = scope.builder.claim(tensor[0] if tensor[0] not in scope.builder.taken else f"{tensor[0]}/output")
        scope.builder.rename(value.source, called, _producer(scope.builder, value.source))
        value.last = called
        ends.append(value_info(called, value.dtype, value.shape))
        found.outputs.append(OpenTensor(name=called, dtype=value.dtype, shape=list(value.shape)))
    found.model = scope.builder.model(infos, ends, name)
    return found


def _listed(model: ModelConfig) -> list[tuple[str, str]]:
    return [(layer.name, layer.kind) for layer in model.layers]


def _declared(model: ModelConfig, tensor: Tensor) -> tuple[str, str, list[int | None]]:
    layer = next((x for x in model.layers if x.name == tensor[0]), None)
    shape: Any = None
    if layer is not None:
        shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
    if layer is None or layer.kind != "InputLayer" or not isinstance(shape, list) or len(shape) > 8:
        raise malformed(f"input '{tensor[0][:80]}' has no shape")
    if not all(n is None or (type(n) is int and 0 <= n < 1 << 31) for n in shape):
        raise malformed(f"input '{tensor[0][:80]}' has an impossible shape")
    dtype = layer.config.get("dtype") or "float32"
    dtype = dtype if dtype in _DTYPES else "float32"
    return layer.name, "float32" if dtype in ("float16", "bfloat16", "float64") else dtype, shape


def _sizes(label: str, dims: list[int | None], given: Sequence[int] | None) -> list[int | None]:
    if given is None:
        return [1 if n is None and axis == 0 else n for axis, n in enumerate(dims)]
    fits = len(given) == len(dims) and all(n is None or n == g for n, g in zip(dims, given, strict=True))
    if not fits or prod(given) > 1 << 28:
        raise ModelError(
            "E1004", f"--shape {label[:80]}={','.join(map(str, given))} does not fit the model's {dims}",
            help="only open dimensions can be chosen",
        )  # fmt: skip
    return list(given)


def _producer(builder: OnnxBuilder, name: str) -> int:
    """The place of the node that makes a value; behind all of them where it is an input."""
    return next((i for i, node in enumerate(builder.nodes) if name in node.output), len(builder.nodes))


# -- a model, layer by layer --------------------------------------------------------------------------------------


@dataclass
class _Scope:
    model: ModelConfig
    builder: OnnxBuilder
    weights: Weights
    version: int
    found: Converted
    depth: int = 0
    cached: dict[str, list[Value]] = field(default_factory=dict)  # weights of layers that are called more than once
    inner: dict[str, _Scope] = field(default_factory=dict)  # of nested models, for the same reason


def run(scope: _Scope, inputs: Sequence[Value]) -> list[Value | None]:
    """The results of a model for these inputs; None behind something unsupported."""
    model = scope.model
    if len(inputs) != len(model.inputs):
        raise malformed(f"a model with {len(model.inputs)} inputs gets {len(inputs)}")
    layers = {layer.name: layer for layer in model.layers}
    known: dict[Tensor, Value | None] = dict(zip(model.inputs, inputs, strict=True))
    waiting = list(model.calls)
    while waiting:
        later = []
        for call in waiting:
            if call.layer not in layers:
                raise malformed("a call of a layer that is not there")
            if layers[call.layer].kind == "InputLayer":
                continue
            if any(tensor not in known for tensor in call.inputs):
                later.append(call)
                continue
            _call(scope, layers[call.layer], call, known)
        if len(later) == len(waiting):
            raise malformed("layers need each other's results")
        waiting = later
    missing = [t for t in model.outputs if t not in known]
    if missing:
        raise malformed(f"output '{missing[0][0][:80]}' is never computed")
    return [known[t] for t in model.outputs]


def _call(scope: _Scope, layer: LayerConfig, call: CallConfig, known: dict[Tensor, Value | None]) -> None:
    scope.builder.tick()
    if not layer.is_model:
        scope.found.operators[layer.kind] += 1
    operands = [known[t] for t in call.inputs]
    results: Sequence[Value | None] = []
    values = [v for v in operands if v is not None]
    if len(values) == len(operands):
        try:
            found = _nested(scope, layer, values) if layer.is_model else _converted(scope, layer, call, values)
            results = [found] if isinstance(found, Value) else found
        except ModelError as error:
            _refuse(scope, layer, error)
        except _MALFORMED as error:
            text = f"the layer is malformed ({type(error).__name__}: {str(error)[:120]})"
            _refuse(scope, layer, ModelError("E0165", text))
    for place, value in enumerate(results):
        known[(layer.name, call.index, place)] = value
    for place in range(len(results), 64):  # whoever reads a result of a refused layer is left out as well
        known.setdefault((layer.name, call.index, place), None)


def _refuse(scope: _Scope, layer: LayerConfig, error: ModelError) -> None:
    if not any(u.node == layer.name for u in scope.found.unsupported):
        scope.found.unsupported.append(
            Unsupported(node=layer.name, op=layer.kind, code=error.code, reason=error.title, help=error.help)
        )


def _converted(scope: _Scope, layer: LayerConfig, call: CallConfig, values: list[Value]) -> Result:
    if layer.custom or layer.kind in _LAMBDA:
        what = f"layer of the class {layer.custom[:80]!r}" if layer.custom else f"{layer.kind} layer"
        raise ModelError(
            "E0166", f"a {what} runs code of its own, which is never executed here",
            help="replace it by Keras' own layers, or export the model to ONNX or as a SavedModel",
        )  # fmt: skip
    from_operations = call.numbers or len(values) > 1 or layer.kind not in CONVERTERS
    is_operation = "trainable" not in layer.config and from_operations
    make = operation(layer.kind) if is_operation else CONVERTERS.get(layer.kind)
    if make is None:
        raise ModelError(
            "E0166", f"layer {layer.kind[:80]!r} is not supported",
            help="replace it by layers that are, or export the model to ONNX or as a SavedModel",
        )  # fmt: skip
    if call.unknown:
        raise ModelError("E0166", f"a {layer.kind} layer with the tensor '{call.unknown[:80]}' is not supported")
    if "Quantized" in str(layer.config.get("dtype")):
        raise ModelError("E0166", "a quantised layer is not supported", help="save the model before quantising it")
    operands = list(values)
    for place, number in call.numbers if is_operation else ():
        operands.insert(place, Value.constant(scope.builder, np.asarray(number, np.float32)))
    if layer.name not in scope.cached:
        arrays = scope.weights.of(layer.name)
        scope.found.parameters += sum(a.size for a in arrays)
        scope.cached[layer.name] = [Value.constant(scope.builder, a) for a in arrays]
    weights = scope.cached[layer.name]
    first = len(scope.builder.nodes)
    c = Layer(layer.kind, layer.name, layer.config, scope.builder, operands, call.arguments, weights, scope.version)
    result = make(c)
    if c.used != len(weights):
        raise ModelError(
            "E0168", f"the file has {len(weights)} arrays of weights for the layer, {c.used} are meant",
            help="Save the whole model again: model.save(...).",
        )  # fmt: skip
    _name(scope, layer.name, result, first)
    return result


def _name(scope: _Scope, name: str, result: Result, first: int) -> None:
    """The first result is called after the layer."""
    value = result if isinstance(result, Value) else result[0]
    if value.array is not None or len(scope.builder.nodes) == first:
        return
    old = value.last or value.first
    if not any(old in node.output for node in scope.builder.nodes[first:]):
        return
    called = scope.builder.claim(name)
    scope.builder.rename(old, called, first)
    if value.last:
        value.last = called
    else:
        value.first = called


def _nested(scope: _Scope, layer: LayerConfig, values: list[Value]) -> list[Value]:
    if scope.depth >= _MAX_DEPTH:
        raise malformed("models are nested too deeply")
    model = read_model(layer.kind, layer.config)
    weights = for_model(scope.weights.inside(layer.name), _listed(model))
    inner = scope.inner.setdefault(
        layer.name, _Scope(model, scope.builder, weights, scope.version, scope.found, scope.depth + 1)
    )
    before = len(scope.found.unsupported)
    results = run(inner, values)
    if len(scope.found.unsupported) > before or any(v is None for v in results):
        raise ModelError("E0166", "the model inside holds layers that are not supported")
    return [v for v in results if v is not None]
