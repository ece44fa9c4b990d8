"""Is a graph that was read from a file one that the importers could have made? Nothing of it is believed before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from compiler.errors import CompilerBug, ModelError
from compiler.graph.graph import Graph, Node
from compiler.graph.types import Layout
from compiler.graph.verify import verify

# What operators raise on attributes or shapes that their own readers would never have let through.
_CRASHES = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError, RuntimeError,
)  # fmt: skip
MOST_MACS = 2**22  # of a node that is tried on zeros; the larger ones are contractions, whose `infer` checks everything
MOST_ELEMENTS = 2**28  # of all results together


def check(graph: Graph) -> None:
    """Raise ModelError E0183 (E0184 when checking would take too long) at the first thing that cannot be.

    Types must be what the operators infer. Beyond that each node is run on zeros: operators check some of their
    attributes where they read other formats, not when they infer, and kernels of wrong ones would read past buffers.
    """
    _Checker().graph(graph, outer=True)


class _Checker:
    def __init__(self) -> None:
        self.elements = 0

    def graph(self, graph: Graph, *, outer: bool) -> None:
        _check_ends(graph, outer)
        for node in graph.nodes:
            for inner in _subgraphs(node.op):
                self.graph(inner, outer=False)
        try:
            verify(graph, "reading the file")
        except CompilerBug as error:
            raise _wrong(error.title.removeprefix("invalid graph after reading the file: ")) from error
        except ModelError as error:
            raise _wrong(error.title) from error
        except _CRASHES as error:
            raise _wrong(
                f"an operator does not fit its operands ({type(error).__name__}: {str(error)[:120]})"
            ) from error
        for node in graph.nodes:
            self._try(node)

    def _try(self, node: Node) -> None:
        self.elements += sum(v.type.elements for v in node.outputs)
        if self.elements > MOST_ELEMENTS:
            raise ModelError("E0184", f"the tensors of the graph have more than {MOST_ELEMENTS} elements together")
        try:
            if node.macs > MOST_MACS:
                return
            zeros = [None if v is None else np.broadcast_to(np.zeros((), v.type.dtype), v.shape) for v in node.inputs]
            with np.errstate(all="ignore"):
                result = node.op.reference(*zeros)
        except (*_CRASHES, ModelError) as error:
            reason = error.title if isinstance(error, ModelError) else f"{type(error).__name__}: {str(error)[:120]}"
            raise _wrong(f"{type(node.op).__name__} cannot be computed ({reason})", node) from error
        results = result if isinstance(result, tuple) else (result,)
        found = [np.shape(r) for r in results]
        if [np.prod(s, dtype=object) for s in found] != [v.type.elements for v in node.outputs]:
            raise _wrong(f"{type(node.op).__name__} computes {found}, not {[v.shape for v in node.outputs]}", node)


def _check_ends(graph: Graph, outer: bool) -> None:
    written = [v.name for n in graph.nodes for v in n.outputs]
    names = [v.name for v in graph.inputs] + written
    if len(set(names)) != len(names):
        raise _wrong("a tensor is written twice, or is an input listed twice")
    if clash := sorted(set(names) & graph.constants.keys()):
        raise _wrong(f"{clash[0]!r} is a constant and also written")
    if not graph.outputs:
        raise _wrong("it has no outputs")
    ends = [v.name for v in graph.outputs]
    if outer and (len(set(ends)) != len(ends) or set(ends) - set(written)):
        raise _wrong("an output is a constant, an input, or listed twice")
    for node in graph.nodes:
        if outer and len(node.equals) != len(node.outputs):
            raise _wrong("'equals' has no name for an output", node)
        for value in node.present:
            if value.name in graph.constants and value.type.layout != Layout.row_major(value.type.rank):
                raise _wrong(f"the constant {value.name!r} does not lie row by row", node)


def _subgraphs(item: Any) -> Iterator[Graph]:
    """Graphs that an operator holds, wherever in its fields."""
    if isinstance(item, Graph):
        yield item
    elif isinstance(item, tuple):
        for part in item:
            yield from _subgraphs(part)
    elif is_dataclass(item):
        for f in fields(item):
            yield from _subgraphs(getattr(item, f.name))


def _wrong(finding: str, node: Node | None = None) -> ModelError:
    return ModelError(
        "E0183",
        f"the graph is not valid: {finding}",
        where=f"node '{node.name[:80]}'" if node else "",
        help="write the file again with `deepmetal convert`, or undo the last change made by hand",
    )
