"""A graph with all the tensors that somebody wants to see, run on this computer by its own compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from compiler.dump import no_dumps
from compiler.graph.graph import Graph, Value
from compiler.graph.types import Array
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.passes.order import optimize
from compiler.quant.fixed_point import Rounding


class Host:
    """`seen` are tensors of the graph (inputs too), in the order in which `run` returns them."""

    def __init__(self, graph: Graph, seen: Sequence[Value], rounding: Rounding = "single") -> None:
        inputs = {v.name for v in graph.inputs}
        computed = [v for v in seen if v.name not in inputs and v.name not in graph.constants]
        self._seen, self._names = tuple(seen), [v.name for v in computed]
        self._constants = graph.constants
        with no_dumps():
            self._program = lower(
                optimize(replace(graph, outputs=tuple(computed)).without_dead_code(), rounding=rounding).graph
            )
        self._jitted = Jitted(self._program)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The tensors by name, for one sample."""
        answers = self._jitted.run(inputs)
        found = {name: answers[slot.name] for name, slot in zip(self._names, self._program.outputs, strict=True)}
        for v in self._seen:
            if v.name in inputs:
                found[v.name] = inputs[v.name]
            elif v.name in self._constants:
                found[v.name] = self._constants[v.name]
        return found
