"""Keras' three spellings of a model as one list of calls: Sequential, and Functional of Keras 2 and of Keras 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from compiler.errors import ModelError

MAX_LAYERS = 20_000
MAX_CALLS = 100_000

Tensor = tuple[str, int, int]  # layer, which of its calls, which of that call's results


@dataclass(frozen=True)
class LayerConfig:
    kind: str
    name: str
    config: Mapping[str, Any]
    custom: str  # the name of a class that is not Keras' own, or ""

    @property
    def is_model(self) -> bool:
        return self.kind in ("Sequential", "Functional", "Model") and not self.custom


@dataclass(frozen=True)
class CallConfig:
    layer: str
    index: int  # which call of the layer this is
    inputs: tuple[Tensor, ...]
    numbers: tuple[tuple[int, float], ...]  # operands that are plain numbers, by place
    arguments: Mapping[str, Any]
    unknown: str = ""  # an argument that is a tensor and means nothing here (a mask)


@dataclass(frozen=True)
class ModelConfig:
    name: str
    layers: tuple[LayerConfig, ...]
    calls: tuple[CallConfig, ...]  # in the order of the file, which need not be that of computation
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def malformed(finding: str) -> ModelError:
    return ModelError(
        "E0165", f"the configuration of the Keras model is malformed: {finding}",
        help="Save the model again with model.save(...).",
    )  # fmt: skip


def read_model(kind: str, config: Any) -> ModelConfig:
    if kind == "Sequential":
        return _sequential(config)
    if kind in ("Functional", "Model"):
        return _functional(config)
    raise ModelError(
        "E0166", f"the model is of the class {str(kind)[:80]!r}, whose code is not in the file",
        help="Build it as a Sequential or Functional model, or export it to ONNX or as a SavedModel.",
    )  # fmt: skip


def _layers(found: Any) -> list[tuple[LayerConfig, Mapping[str, Any]]]:
    if not isinstance(found, list) or len(found) > MAX_LAYERS:
        raise malformed("it has no list of layers, or a very long one")
    result: list[tuple[LayerConfig, Mapping[str, Any]]] = []
    names = set()
    for place, entry in enumerate(found):
        if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
            raise malformed(f"layer {place} has no configuration")
        config = entry["config"]
        kind, name = entry.get("class_name"), entry.get("name") or config.get("name") or f"layer_{place}"
        if not isinstance(kind, str) or not isinstance(name, str):
            raise malformed(f"layer {place} has no class or no name")
        if name in names:
            raise malformed(f"two layers are called '{name[:80]}'")
        names.add(name)
        result.append((LayerConfig(kind, name, config, _custom(entry)), entry))
    return result


def _custom(entry: Mapping[str, Any]) -> str:
    """Keras 3 says where a class comes from; Keras 2 does not, and a custom class has an unknown name."""
    module, registered = entry.get("module"), entry.get("registered_name")
    if isinstance(registered, str) and ">" in registered and not registered.startswith("keras"):
        return registered
    if isinstance(module, str) and module.split(".")[0] not in ("keras", "tf_keras", "tensorflow"):
        return f"{module}.{entry.get('class_name')}"
    return ""


def _sequential(config: Any) -> ModelConfig:
    """A chain. Its input is a layer of its own, or only a shape of the first layer or of the model."""
    entries = config.get("layers") if isinstance(config, dict) else config
    name = config.get("name", "sequential") if isinstance(config, dict) else "sequential"
    layers = [layer for layer, _ in _layers(entries)]
    if not layers:
        raise malformed("it has no layers")
    if layers[0].kind != "InputLayer":
        first: Any = layers[0]
        shape = first.config.get("batch_input_shape") or first.config.get("batch_shape")
        while shape is None and first.is_model and isinstance(first.config.get("layers"), list):
            inner = _layers(first.config["layers"])
            if not inner:
                break
            first = inner[0][0]
            shape = first.config.get("batch_input_shape") or first.config.get("batch_shape")
        if shape is None and isinstance(config, dict):
            shape = config.get("build_input_shape")
        if shape is None:
            raise ModelError(
                "E0165", "the model was saved before the shape of its input was known",
                help="Call the model once, or start it with keras.Input(...), and save it again.",
            )  # fmt: skip
        dtype = layers[0].config.get("dtype") if layers[0].kind == "Embedding" else "float32"
        dtype = "int32" if layers[0].kind == "Embedding" else dtype
        taken = {layer.name for layer in layers}
        given = next(n for n in ("input", "model_input", "the_input_of_the_model") if n not in taken)
        layers.insert(0, LayerConfig("InputLayer", given, {"batch_shape": shape, "dtype": dtype}, ""))
    calls = tuple(CallConfig(layer.name, 0, ((before.name, 0, 0),), (), {}) for before, layer in pairwise(layers))
    return ModelConfig(str(name), tuple(layers), calls, ((layers[0].name, 0, 0),), ((layers[-1].name, 0, 0),))


def _functional(config: Any) -> ModelConfig:
    if not isinstance(config, dict):
        raise malformed("the model has no configuration")
    entries = _layers(config.get("layers"))
    calls: list[CallConfig] = []
    for layer, entry in entries:
        nodes = entry.get("inbound_nodes") or []
        if not isinstance(nodes, list):
            raise malformed(f"layer '{layer.name[:80]}' has no list of calls")
        for index, node in enumerate(nodes):
            if len(calls) >= MAX_CALLS:
                raise malformed("layers are called too often")
            calls.append(_call(layer.name, index, node))
    ends = [tuple(_ends(config.get(key))) for key in ("input_layers", "output_layers")]
    name = str(config.get("name", "model"))
    return ModelConfig(name, tuple(layer for layer, _ in entries), tuple(calls), ends[0], ends[1])


def _ends(found: Any) -> Iterator[Tensor]:
    """[["a", 0, 0], ["b", 0, 0]], or only ["a", 0, 0], or either by name."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list) and len(found) == 3 and isinstance(found[0], str):
        found = [found]
    if not isinstance(found, list) or not found:
        raise malformed("its inputs or outputs are not listed")
    for item in found:
        yield from ([_tensor(item)] if _is_tensor(item) else _ends(item))


def _is_tensor(found: Any) -> bool:
    return (
        isinstance(found, list | tuple)
        and len(found) in (3, 4)
        and isinstance(found[0], str)
        and type(found[1]) is int
        and type(found[2]) is int
    )


def _tensor(found: Any) -> Tensor:
    if not _is_tensor(found):
        raise malformed("a tensor is not named by layer, call and place")
    return found[0], found[1], found[2]


def _call(layer: str, index: int, node: Any) -> CallConfig:
    if isinstance(node, dict):
        return _call3(layer, index, node)
    rows = [node] if _is_tensor(node) else node
    if not isinstance(rows, list):
        raise malformed(f"a call of layer '{layer[:80]}' cannot be read")
    inputs: list[Tensor] = []
    arguments: dict[str, Any] = {}
    unknown = ""
    for row in rows:
        inputs.append(_tensor(row))
        given = row[3] if len(row) == 4 and isinstance(row[3], dict) else {}
        for key in _in_order(given):  # more tensors, by the name of the argument
            if _is_tensor(given[key]):
                inputs.append(_tensor(given[key]))
                unknown = unknown or ("" if key in _TENSORS else key)
            else:
                arguments[key] = given[key]
    return CallConfig(layer, index, tuple(inputs), (), arguments, unknown)


# Arguments that are tensors, in the order in which converters expect them.
_TENSORS = ("inputs", "x", "x1", "query", "sequence", "sequences", "value", "x2", "y", "key", "initial_state")


def _in_order(given: Mapping[str, Any]) -> list[str]:
    return sorted(given, key=lambda name: (_TENSORS.index(name) if name in _TENSORS else len(_TENSORS), name))


def _call3(layer: str, index: int, node: Mapping[str, Any]) -> CallConfig:
    """Keras 3: arguments in which tensors are objects of a class of their own."""
    inputs: list[Tensor] = []
    numbers: list[tuple[int, float]] = []

    def collect(item: Any) -> bool:
        """Tensors in the order they are given; True when there was one."""
        if isinstance(item, dict) and item.get("class_name") == "__keras_tensor__":
            config = item.get("config")
            inputs.append(_tensor(config.get("keras_history") if isinstance(config, dict) else None))
            return True
        if isinstance(item, list):
            return any([collect(child) for child in item])  # noqa: C419 - all of them, not only up to the first
        if isinstance(item, int | float) and not isinstance(item, bool):
            numbers.append((len(inputs) + len(numbers), float(item)))
        return False

    collect(node.get("args", []))
    kwargs = node.get("kwargs") or {}
    if not isinstance(kwargs, dict):
        raise malformed(f"a call of layer '{layer[:80]}' cannot be read")
    arguments: dict[str, Any] = {}
    unknown = ""
    for key in _in_order(kwargs):
        before = len(numbers)
        if collect(kwargs[key]):
            unknown = unknown or ("" if key in _TENSORS else key)
        else:
            del numbers[before:]
            arguments[key] = kwargs[key]
    return CallConfig(layer, index, tuple(inputs), tuple(numbers), arguments, unknown)
