"""`<name>_config.json`: a compiled model's architecture for programs.

Layers are those that run, after the passes; operators have the names and attributes of `compiler/ops`. Places are
bytes in the arena, strides are in elements. `quantization` is null where numbers are what they seem.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.options import CompileOptions
from compiler.program import Layer, Program, Slot
from compiler.version import VERSION

SCHEMA = "deepmetal.config/1"
Entry = dict[str, Any]


def architecture(program: Program, graph: Graph, options: CompileOptions) -> bytes:
    """The JSON text for a program and the graph that it was lowered from."""
    nodes = {n.output.name: n for n in graph.nodes}
    content = {
        "schema": SCHEMA,
        "deepmetal_version": VERSION,
        "name": options.name,
        "model": program.source,
        "target": options.target,
        "precision": options.precision,
        "io_layout": options.io_layout,
        "arena_bytes": program.arena_bytes,
        "macs": sum(layer.macs for layer in program.layers),
        "parameters": graph.parameters(),
        "inputs": [s.name for s in program.inputs],
        "outputs": [s.name for s in program.outputs],
        "tensors": [_tensor(s) for s in _slots(program)],
        "weights": [_weight(symbol, array) for symbol, array in program.constants.items()],
        "layers": [_layer(layer, nodes[layer.outputs[0].name]) for layer in program.layers],
    }
    return (json.dumps(content, indent=1, ensure_ascii=True) + "\n").encode()


def _slots(program: Program) -> list[Slot]:
    """Every tensor once, in the order of first use."""
    found: dict[str, Slot] = {s.name: s for s in program.inputs}
    for layer in program.layers:
        found |= {s.name: s for s in (*layer.inputs, *layer.outputs) if s.name not in found}
    return list((found | {s.name: s for s in program.outputs if s.name not in found}).values())


def _tensor(s: Slot) -> Entry:
    return {
        "name": s.name,
        "dtype": s.dtype,
        "shape": list(s.shape),
        "strides": list(s.strides),
        "offset": s.offset,
        "bytes": s.size,
        "quantization": None,
    }


def _weight(symbol: str, array: np.ndarray[Any, Any]) -> Entry:
    """As it lies in flash: packed in the order that its kernel reads it."""
    return {"symbol": symbol, "dtype": str(array.dtype), "shape": list(array.shape), "bytes": array.nbytes}


def _layer(layer: Layer, node: Node) -> Entry:
    return {
        "name": layer.name,
        "operator": type(node.op).__name__,
        "attributes": _plain(node.op),
        "title": layer.op,
        "source_nodes": list(layer.source_nodes),
        "inputs": [s.name for s in layer.inputs],
        "outputs": [s.name for s in layer.outputs],
        "weights": {a.param: a.constant for a in layer.arguments if a.constant is not None},
        "parameters": layer.parameters,
        "macs": layer.macs,
        "kernel": layer.kernel,
        "schedule": layer.schedule,
    }


def _plain(value: object) -> Any:
    """Attributes as JSON: dataclasses by their fields, infinities and NaN as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _part(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [_part(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _part(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _part(value: object) -> Any:
    """A field's value; an operator inside an operator says which one it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"operator": type(value).__name__, **_plain(value)}
    return _plain(value)
