"""A row of a tensor replaced inside a loop, which the converter spells as the rows before it, the row, and those after.

concat(x[:t], row, x[t+1:]) has parts whose sizes are known only at run time; as a whole it is an update in place. Keras
collects the outputs of recurrent layers in this way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from compiler.graph.types import Array
from compiler.importers.tflite_model import Operator, Subgraph


@dataclass(frozen=True)
class Update:
    """Row `index` of tensor `whole` becomes `row`; all three are numbers of tensors."""

    whole: int
    index: int
    row: int


@dataclass
class Updates:
    """By place of the operator that joins the parts; `skipped` are the places of those that cut them out."""

    found: dict[int, Update] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)


def find_updates(graph: Subgraph) -> Updates:
    result = Updates()
    finder = _Finder(graph)
    for place, op in enumerate(graph.operators):
        if op.kind != "CONCATENATION" or len(op.inputs) != 3 or op.custom or op.options["axis"] != 0:
            continue
        match = finder.update(op)
        if match is not None:
            result.found[place], skipped = match
            result.skipped |= skipped
    return result


class _Finder:
    def __init__(self, graph: Subgraph) -> None:
        self.graph = graph
        self.made_by = {i: place for place, op in enumerate(graph.operators) for i in op.outputs}
        self.readers = Counter(i for op in graph.operators for i in op.inputs)
        self.readers.update(graph.outputs)

    def update(self, op: Operator) -> tuple[Update, set[int]] | None:
        head, row, tail = op.inputs
        before, after = self._made(head, "SLICE"), self._made(tail, "SLICE")
        if before is None or after is None or before.inputs[0] != after.inputs[0]:
            return None
        whole = self.graph.tensors[before.inputs[0]]
        if len(op.outputs) != 1 or self.graph.tensors[op.outputs[0]].shape != whole.shape or not whole.shape:
            return None
        if self.graph.tensors[row].shape != (1, *whole.shape[1:]):
            return None
        index, following = self._first(before.inputs[2], -1), self._first(after.inputs[1], 0)
        at_start, to_end = self._data(before.inputs[1]), self._data(after.inputs[2])
        if index is None or following is None or at_start is None or to_end is None:
            return None
        if np.any(at_start != 0) or np.any(to_end != -1) or not self._is_next(following, index):
            return None
        if any(self.readers[i] != 1 for i in (head, tail)):
            return None
        return Update(before.inputs[0], index, row), {self.made_by[head], self.made_by[tail]}

    def _made(self, tensor: int, kind: str) -> Operator | None:
        place = self.made_by.get(tensor)
        op = None if place is None else self.graph.operators[place]
        wanted = {"SLICE": 3, "CONCATENATION": 2, "ADD": 2, "RESHAPE": 2}[kind]
        return op if op is not None and op.kind == kind and len(op.inputs) == wanted and not op.custom else None

    def _data(self, tensor: int) -> Array | None:
        return self.graph.tensors[tensor].data if tensor >= 0 else None

    def _first(self, bounds: int, rest: int) -> int | None:
        """The scalar t when the bounds are (t, rest, rest, ...)."""
        joined = self._made(bounds, "CONCATENATION")
        if joined is None:
            return None
        scalar, others = self._made(joined.inputs[0], "RESHAPE"), self._data(joined.inputs[1])
        if scalar is None or others is None or np.any(others != rest):
            return None
        index = scalar.inputs[0]
        return index if index >= 0 and self.graph.tensors[index].shape == () else None

    def _is_next(self, tensor: int, index: int) -> bool:
        """Is it `index` + 1?"""
        added = self._made(tensor, "ADD")
        if added is None or index not in added.inputs:
            return False
        other = self._data(added.inputs[1] if added.inputs[0] == index else added.inputs[0])
        return other is not None and other.shape == () and int(other) == 1
