"""The graph IR: frozen nodes in execution order, typed values, constants beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from compiler.graph.types import Array, TensorType

if TYPE_CHECKING:
    from compiler.ops.base import Op


@dataclass(frozen=True)
class Value:
    """A tensor of the graph; its name is unique in the graph."""

    name: str
    type: TensorType

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    def __str__(self) -> str:
        return f"%{self.name}: {self.type}"


@dataclass(frozen=True)
class Node:
    """`outputs = op(inputs)`. An absent optional input is None."""

    op: Op
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    name: str
    sources: tuple[str, ...] = ()  # names of the source model's nodes that ended up here
    equals: tuple[str, ...] = ()  # for each output: the source model's tensor it equals, or ""

    @property
    def output(self) -> Value:
        return self.outputs[0]

    def value(self, index: int) -> Value:
        """An input that must be present."""
        value = self.inputs[index]
        assert value is not None, f"{self.name}: input {index} is absent"
        return value

    @property
    def macs(self) -> int:
        return self.op.macs(self.inputs, self.outputs)

    @property
    def present(self) -> tuple[Value, ...]:
        return tuple(v for v in self.inputs if v is not None)


@dataclass(frozen=True)
class Graph:
    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}: {len(self.nodes)} nodes"

    @cached_property
    def _producers(self) -> dict[str, Node]:
        return {v.name: n for n in self.nodes for v in n.outputs}

    @cached_property
    def _readers(self) -> dict[str, list[Node]]:
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for value in node.present:
                readers.setdefault(value.name, []).append(node)
        return readers

    @cached_property
    def _output_names(self) -> frozenset[str]:
        return frozenset(v.name for v in self.outputs)

    def producer(self, value: Value | None) -> Node | None:
        return None if value is None else self._producers.get(value.name)

    def readers(self, value: Value) -> list[Node]:
        """One entry for each use, so a node that reads a value twice is listed twice."""
        return self._readers.get(value.name, [])

    def is_output(self, value: Value) -> bool:
        return value.name in self._output_names

    def only_reader(self, value: Value) -> Node | None:
        """The single use of a value that is no output of the graph."""
        readers = self.readers(value)
        return readers[0] if len(readers) == 1 and not self.is_output(value) else None

    def constant(self, value: Value | None) -> Array | None:
        return None if value is None else self.constants.get(value.name)

    def with_nodes(self, nodes: Iterable[Node], constants: Mapping[str, Array] | None = None) -> Graph:
        return replace(self, nodes=tuple(nodes), constants=self.constants if constants is None else constants)

    def swapped(
        self, node: Node, by: tuple[Node, ...], removed: tuple[Node, ...], constants: Mapping[str, Array] | None = None
    ) -> Graph:
        """`by` in the place of `node`, without `removed`.

        Producers and readers are carried over: rules apply thousands of times to graphs of thousands of nodes.
        """
        gone = {id(n) for n in (node, *removed)}
        nodes: list[Node] = []
        for n in self.nodes:
            if n is node:
                nodes.extend(by)
            elif id(n) not in gone:
                nodes.append(n)
        result = self.with_nodes(nodes, constants)
        producers, readers = dict(self._producers), dict(self._readers)
        for n in (node, *removed):
            for v in n.outputs:
                producers.pop(v.name, None)
        producers.update((v.name, n) for n in by for v in n.outputs)
        for name in {v.name for n in (node, *removed, *by) for v in n.present}:
            kept = [n for n in readers.get(name, ()) if id(n) not in gone]
            readers[name] = kept + [n for n in by for v in n.present if v.name == name]
        result.__dict__.update(_producers=producers, _readers=readers, _output_names=self._output_names)
        return result

    def without_dead_code(self) -> Graph:
        """Nodes and constants that no output depends on are dropped; graph inputs stay."""
        needed = {v.name for v in self.outputs}
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if any(v.name in needed for v in node.outputs):
                kept.append(node)
                needed.update(v.name for v in node.present)
        return self.with_nodes(reversed(kept), {k: a for k, a in self.constants.items() if k in needed})

    def macs(self) -> int:
        return sum(n.macs for n in self.nodes)

    def parameters(self) -> int:
        return sum(int(a.size) for a in self.constants.values())
