"""What operators with sub-graphs share: a sub-graph's nodes as loops inside one kernel, and their working memory.

The body has no constants of its own: they are operands of the operator that holds it (`closed`), so that weights of a
loop's body lie in flash as all others do. Its tensors lie row-major in scratch buffers, one for each type, where those
that do not live at the same time share their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from compiler.graph.graph import Graph, Node, Value
from compiler.graph.run import run
from compiler.graph.types import Array, TensorType
from compiler.loop.builder import View
from compiler.loop.nodes import Const, Type
from compiler.loop.storage import compute_type, memory_type, storage_of

if TYPE_CHECKING:
    from compiler.loop.builder import Kernel
    from compiler.ops.base import Reader

Scratch = tuple[tuple[Type, int], ...]


def closed(r: Reader, body: Graph) -> tuple[Graph, tuple[Value, ...]]:
    """The body with its constants as further inputs, and the values to give for them."""
    used = {v.name: v for n in body.nodes for v in n.present if v.name in body.constants}
    values = tuple(r.const(body.constants[name], "body") for name in used)
    return replace(body, inputs=(*body.inputs, *used.values()), constants={}), values


def call(body: Graph, arrays: Sequence[Array]) -> list[Array]:
    """The body's outputs, by the operators' meaning."""
    tensors = run(body, {v.name: a.reshape(v.shape) for v, a in zip(body.inputs, arrays, strict=True)})
    return [tensors[v.name] for v in body.outputs]


def copied(k: Kernel, source: View, target: View) -> None:
    with k.over(target) as at:
        k.store(target, at, source[at])


@dataclass(frozen=True)
class Places:
    """Where the tensors of a body lie: element offsets into the scratch buffer of their type."""

    offsets: dict[str, int]  # by value name; what an operator works in is under its output's name and a number
    sizes: dict[Type, int]

    @property
    def scratch(self) -> Scratch:
        return tuple((kind, n) for kind, n in sorted(self.sizes.items(), key=lambda item: str(item[0])) if n)


def places(body: Graph) -> Places:
    """Each tensor takes the first gap among those that live at the same time."""
    last = {v.name: i for i, n in enumerate(body.nodes) for v in n.present}
    last |= {v.name: len(body.nodes) for v in body.outputs}
    live: list[tuple[int, Type, int, int]] = []  # last use, type, offset, elements
    found = Places({}, {})

    def place(name: str, kind: Type, count: int, until: int) -> None:
        at = 0
        for _, other, offset, size in sorted(live, key=lambda one: one[2]):
            if other == kind and at < offset + size and offset < at + count:
                at = offset + size
        live.append((until, kind, at, count))
        found.offsets[name] = at
        found.sizes[kind] = max(found.sizes.get(kind, 0), at + count)

    for now, node in enumerate(body.nodes):
        live[:] = [one for one in live if one[0] >= now]
        for v in node.outputs:
            place(v.name, memory_type(v.type.dtype), max(1, v.type.elements), last.get(v.name, now))
        for i, (kind, count) in enumerate(_scratch_of(node)):
            place(_scratch_name(node, i), kind, count, now)
    return found


def lower_body(k: Kernel, body: Graph, inputs: Sequence[View], scratch: Sequence[View]) -> list[View]:
    """The body's loops; gives views of its outputs, which lie in scratch or are inputs."""
    where = places(body)
    pools = dict(zip((kind for kind, _ in where.scratch), scratch, strict=True))
    views = {v.name: view for v, view in zip(body.inputs, inputs, strict=True)}
    for node in body.nodes:
        for v in node.outputs:
            views[v.name] = _placed(v.type, pools[memory_type(v.type.dtype)], where.offsets[v.name])
        own = []
        for i, (kind, count) in enumerate(_scratch_of(node)):
            pool = pools[kind]
            own.append(replace(pool, shape=(count,), base=pool.base + where.offsets[_scratch_name(node, i)]))
        operands = [None if v is None else views[v.name] for v in node.inputs]
        node.op.lower(k, *operands, *(views[v.name] for v in node.outputs), *own)
    return [views[v.name] for v in body.outputs]


def _placed(t: TensorType, pool: View, offset: int) -> View:
    dtype = t.dtype
    return View(
        compute_type(dtype), t.shape, t.strides, pool.buffer, pool.base + Const(offset), storage=storage_of(dtype)
    )


def _scratch_of(node: Node) -> Scratch:
    inputs = [None if v is None else v.type for v in node.inputs]
    return node.op.scratches(inputs, [v.type for v in node.outputs])


def _scratch_name(node: Node, index: int) -> str:
    return f"{node.output.name}:scratch{index}"
