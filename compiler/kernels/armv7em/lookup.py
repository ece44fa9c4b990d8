"""Tables of 256 bytes, four elements at a time.

Bytes of a word are unsigned, so the table of a signed operand starts with the entry for 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from compiler.graph.graph import Node
from compiler.kernels.armv7em.instructions import FEATURE, load_word
from compiler.kernels.base import Overlap, Schedule, Situation, in_place
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import I32, U8, Buffer, Call, Cast, Const, Function, Type, Var
from compiler.ops.lookup import ENTRIES, Lookup

_BYTES = frozenset({"int8", "uint8"})


def schedules(node: Node, situation: Situation) -> list[Schedule]:
    if FEATURE not in situation.features or not isinstance(node.op, Lookup):
        return []
    x, y, table = node.value(0).type, node.output.type, situation.constant(node, 1)
    if table is None or y.dtype not in _BYTES or (x.shape, x.strides) != (y.shape, y.strides) or y.elements < 4:
        return []
    if x.dtype == "int8":
        table = np.roll(table, -(ENTRIES // 2))
    overlap = in_place(node, Overlap(exact=True, forward=0))
    lower = _LookupKernel().lower
    return [Schedule("words", lower, packed={1: table}, overlap=overlap, cost=4.3 * y.elements, family="armv7em")]


@dataclass(frozen=True)
class _LookupKernel:
    def lower(self, k: Kernel, x: View, table: View, y: View) -> None:
        if table.buffer is None:  # all entries are the same
            with k.loop(y.size, "i") as i:
                k.store_at(y, i, table.at(0))
            return
        assert x.buffer is not None and y.buffer is not None
        buffers = ((x.buffer, x.base), (table.buffer, Const(0)), (y.buffer, y.base))
        k.emit(Call(_words(x.type, table.type), buffers, (Const(y.size // 4),)))
        with k.loop(y.size, "i", start=y.size // 4 * 4) as i:
            k.store_at(y, i, table.at(Cast(Cast(x.at(i), U8), I32)))


@cache
def _words(x: Type, kind: Type) -> Function:
    words = Var("words", I32)
    buffers = Buffer("x", x), Buffer("table", kind), Buffer("y", kind)
    given, table, result = (View(b.type, (0,), (1,), b) for b in buffers)
    k = Kernel()
    k.reserve("x", "table", "y", "words")
    with k.loop(words, "i") as i:
        word = k.let("word", load_word(given, i * 4))
        for lane in range(4):
            entry = k.let("at", (word >> (8 * lane)) & 0xFF)
            k.store_at(result, i * 4 + lane, table.at(entry))
    return replace(k.function(f"lookup_{x}_{kind}", buffers, ("y = table[x]",)), scalars=(words,))
