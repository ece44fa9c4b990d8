"""Run a graph with numpy: the oracle that every other engine is compared with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compiler.graph.graph import Graph
from compiler.graph.types import Array


def run(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor of the graph by name, computed by the operators' own `reference`, in logical axis order."""
    values: dict[str, Array] = {**graph.constants, **inputs}
    for node in graph.nodes:
        arrays = [None if v is None else values[v.name] for v in node.inputs]
        with np.errstate(all="ignore"):
            result = node.op.reference(*arrays)
        results = result if isinstance(result, tuple) else (result,)
        for value, array in zip(node.outputs, results, strict=True):
            values[value.name] = np.asarray(array, dtype=value.type.dtype).reshape(value.shape)
    return values
