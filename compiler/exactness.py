"""Does the compiled code compute what the integer graph says, bit for bit?

The graph that was compiled is run once more with the operators' definitions in numpy. Every operator gets what the
firmware computed before it, so that the first one that is off is named, and floats between integers cannot pass their
rounding on. Integers made of integers must be equal; what a Quantize makes of floats may be one step off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from compiler.emulator.protocol import VectorRun
from compiler.graph.graph import Graph, Node
from compiler.graph.types import INTEGERS, Array
from compiler.program import Program
from compiler.vectors import Vector


@dataclass
class LayerDistance:
    """One integer output of a layer over all vectors: elements that differ, and the largest difference in steps."""

    layer: str
    op: str
    tensor: str
    allowed: int  # steps
    differing: int = 0
    largest: int = 0

    @property
    def passed(self) -> bool:
        return self.largest <= self.allowed


@dataclass
class Exactness:
    """All integer tensors that the compiled layers write, in order of execution."""

    tensors: list[LayerDistance] = field(default_factory=list)

    @property
    def first_wrong(self) -> LayerDistance | None:
        return next((t for t in self.tensors if not t.passed), None)

    @property
    def bit_exact(self) -> bool:
        return all(t.differing == 0 for t in self.tensors)


def has_integers(program: Program) -> bool:
    """Is any layer's result a quantised tensor?"""
    return any(slot.quant is not None for layer in program.layers for slot in layer.outputs)


def exactness(program: Program, graph: Graph, runs: Sequence[VectorRun], vectors: Sequence[Vector]) -> Exactness:
    """Compare what the firmware computed with `graph`, the one that was lowered to `program`."""
    writers = {slot.name: (i, k) for i, layer in enumerate(program.layers) for k, slot in enumerate(layer.outputs)}
    found: dict[str, LayerDistance] = {}
    for run, vector in zip(runs, vectors, strict=True):
        values: dict[str, Array] = {**graph.constants, **vector}
        for node in graph.nodes:
            for name, wanted in _computed(node, values).items():
                values[name] = wanted
                if name not in writers:
                    continue
                i, k = writers[name]
                got = run.layers[i][k].reshape(wanted.shape)
                values[name] = got
                if str(got.dtype) in INTEGERS:
                    layer = program.layers[i]
                    distance = found.setdefault(name, LayerDistance(layer.name, layer.op, name, _allowed(node)))
                    steps = np.abs(got.astype(np.int64) - wanted.astype(np.int64))
                    distance.differing += int(np.count_nonzero(steps))
                    distance.largest = max(distance.largest, int(steps.max(initial=0)))
    order = sorted(found, key=lambda name: writers[name])
    return Exactness([found[name] for name in order])


def _computed(node: Node, values: Mapping[str, Array]) -> dict[str, Array]:
    arrays = [None if v is None else values[v.name] for v in node.inputs]
    with np.errstate(all="ignore"):
        result = node.op.reference(*arrays)
    results = result if isinstance(result, tuple) else (result,)
    return {v.name: np.asarray(a, v.type.dtype).reshape(v.shape) for v, a in zip(node.outputs, results, strict=True)}


def _allowed(node: Node) -> int:
    """Floats on the way to an integer are computed in another order there and here: one step of rounding."""
    floats = any(v.type.dtype not in INTEGERS and v.type.elements > 1 for v in node.present)
    return 1 if floats else 0
