"""What rounding one tensor alone does to the outputs: the float graph with a switch at each tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.types import Array, TensorType
from compiler.ops.arithmetic import Add, Mul, Sub
from compiler.ops.base import Op
from compiler.ops.quantize import Dequantize, Quantize
from compiler.passes.rule import redirect
from compiler.quant.grid import Grid
from compiler.quant.host import Host
from compiler.quant.measure import FloatSide, Noise
from compiler.quant.points import Points

SAMPLES = 4


def sensitivity(floats: FloatSide, points: Points, grids: Mapping[str, Grid]) -> dict[str, float]:
    """For each tensor the outputs' SQNR in dB when it alone is rounded to its grid."""
    graph, switches, rounded = _switched(floats.graph, points, grids)
    judged = [rounded.get(v.name, v) for v in floats.judged]
    host = Host(graph, judged)
    off: dict[str, Array] = {s.name: np.zeros((), np.float32) for s in switches.values()}
    result = {}
    for name, switch in switches.items():
        noise = Noise()
        for sample, exact in list(zip(floats.samples, floats.tensors, strict=True))[:SAMPLES]:
            answers = host.run({**sample, **off, switch.name: np.ones((), np.float32)})
            for v, seen in zip(floats.judged, judged, strict=True):
                noise.add(exact[v.name], answers[seen.name])
        result[name] = round(noise.sqnr_db, 2)
    return result


def _switched(
    graph: Graph, points: Points, grids: Mapping[str, Grid]
) -> tuple[Graph, dict[str, Value], dict[str, Value]]:
    """v becomes v + switch * (rounded(v) - v) for everybody who reads it; the switches are further inputs.

    Returns the graph, and by the tensor's name its switch and what takes its place.
    """
    constants = dict(graph.constants)
    switches: dict[str, Value] = {}
    instead: dict[str, Value] = {}
    for v in points.tensors:
        grid = grids[v.name]
        switch = switches[v.name] = Value(f"{v.name}:switch", TensorType.of("float32", ()))
        scale, zero = (
            Value(f"{v.name}:s", TensorType.of("float32", ())),
            Value(f"{v.name}:z", TensorType.of(grid.dtype, ())),
        )
        constants |= {scale.name: np.asarray(grid.scale, np.float32), zero.name: np.asarray(grid.zero, grid.dtype)}
        made: list[Node] = []

        def add(op: Op, *inputs: Value, part: str, of: TensorType, made: list[Node] = made) -> Value:
            y = Value(f"{made[0].name if made else ''}{part}", of)
            made.append(Node(op, inputs, (y,), y.name, (), ("",)))
            return y

        q = add(Quantize(grid.dtype), v, scale, zero, part=f"{v.name}:q", of=replace(v.type, dtype=grid.dtype))
        d = add(Dequantize(), q, scale, zero, part=":d", of=v.type)
        e = add(Sub(), d, v, part=":e", of=v.type)
        m = add(Mul(), e, switch, part=":m", of=v.type)
        y = instead[v.name] = add(Add(), v, m, part=":y", of=v.type)
        behind = redirect(graph, {v.name: y})
        producer = graph.producer(v)
        place = 0 if producer is None else 1 + next(i for i, n in enumerate(graph.nodes) if n.output.name == v.name)
        nodes = list(behind.nodes)
        nodes[place:place] = made
        graph = replace(behind, nodes=tuple(nodes))
    inputs = (*graph.inputs, *switches.values())
    return replace(graph, inputs=inputs, constants=constants), switches, instead
