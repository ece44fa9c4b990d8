"""What a schedule is: one way to run an operator, with everything the planner must know before it is lowered.

A file in this folder (or in a family's sub-folder) defines `schedules(node, graph, features)`; it is found by itself.
`generic.py` is always there and always right; the others offer faster ways for some operators and processors.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

from compiler.graph.graph import Graph, Node
from compiler.graph.types import Array
from compiler.loop.nodes import Type


@dataclass(frozen=True)
class Overlap:
    """How an output may share memory with an input; distances in bytes from one's start to the other's.

    `exact`: both at the very same place. `forward`: the input starts at least so far behind the output, so that a
    kernel running upwards writes only what it has read. `backward`: the output starts at least so far behind the
    input, for a kernel running downwards. None: not possible.
    """

    exact: bool = False
    forward: int | None = None
    backward: int | None = None

    def allows(self, output: int, source: int) -> bool:
        return (
            (self.exact and output == source)
            or (self.forward is not None and source - output >= self.forward)
            or (self.backward is not None and output - source >= self.backward)
        )

    def both(self, other: Overlap) -> Overlap:
        """What satisfies two uses of the same memory."""

        def larger(a: int | None, b: int | None) -> int | None:
            return None if a is None or b is None else max(a, b)

        return Overlap(
            self.exact and other.exact, larger(self.forward, other.forward), larger(self.backward, other.backward)
        )


@dataclass(frozen=True)
class Schedule:
    """One way to run a node.

    `lower(k, *views)` gets the node's inputs in order (None where absent), then its outputs, then the
    `scratch` buffers. `backward` is the same kernel running from the last element to the first, for the plans
    that need it. `packed` replaces constant inputs by arrays in the order the kernel reads them. `overlap` says for
    each input how the output may share its memory.
    """

    name: str
    lower: Callable[..., None]
    packed: Mapping[int, Array] = field(default_factory=dict)
    scratch: tuple[tuple[Type, int], ...] = ()  # element type and number of elements of each buffer
    overlap: Mapping[int, Overlap] = field(default_factory=dict)
    backward: Callable[..., None] | None = None
    cost: float = 1e9  # estimated instructions; the smallest wins
    family: str = "generic"


@dataclass(frozen=True)
class Situation:
    """What a kernel file may look at to decide what it can offer."""

    graph: Graph
    features: frozenset[str]
    objective: str

    def constant(self, node: Node, index: int) -> Array | None:
        return self.graph.constant(node.inputs[index]) if index < len(node.inputs) else None


def in_place(node: Node, how: Overlap) -> dict[int, Overlap]:
    """`how` for every operand that the operator reads element by element and that lies like the result."""
    y = node.output.type
    if len(node.outputs) != 1:
        return {}
    alike = (y.shape, y.strides, y.itemsize)
    read = [i for i in node.op.in_place() if i < len(node.inputs)]
    types = {i: v.type for i in read if (v := node.inputs[i]) is not None}
    return {i: how for i, t in types.items() if (t.shape, t.strides, t.itemsize) == alike}


@cache
def _families() -> tuple[ModuleType, ...]:
    import compiler.kernels as package

    found = []
    for info in pkgutil.walk_packages(package.__path__, "compiler.kernels."):
        module = importlib.import_module(info.name)
        if hasattr(module, "schedules"):
            found.append(module)
    return tuple(sorted(found, key=lambda m: m.__name__))


def candidates(node: Node, situation: Situation) -> list[Schedule]:
    """Every way to run the node, best first."""
    offered: list[Schedule] = []
    for module in _families():
        offered += module.schedules(node, situation)
    return sorted(offered, key=lambda s: (s.cost, s.name))
