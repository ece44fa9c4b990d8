"""Einsum: transposes, reductions and a matrix product where they suffice, else `Contract`, which says all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import FLOATS, INTEGERS, Array, TensorType
from compiler.loop.nodes import Expr, const
from compiler.ops.base import Op, Reader, Spelling, expect
from compiler.ops.dense import MatMul
from compiler.ops.numbers import require, rounded, wide
from compiler.ops.reduce import Reduce
from compiler.ops.shaping import Reshape
from compiler.ops.transpose import Transpose

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View

Labels = tuple[int, ...]


@dataclass(frozen=True)
class Contract(Op):
    """y[result] = sum over all other labels of a[operands[0]] * b[operands[1]] * ...

    A label names an axis; axes of one label have one length, or length one. float16 and smaller are summed in float32.
    """

    operands: tuple[Labels, ...] = ()
    result: Labels = ()

    def sizes(self, shapes: Sequence[tuple[int, ...]]) -> dict[int, int]:
        sizes: dict[int, int] = {}
        for labels, shape in zip(self.operands, shapes, strict=True):
            for label, n in zip(labels, shape, strict=True):
                known = sizes.setdefault(label, n)
                expect(n in (1, known) or known == 1, "E0301", f"an axis of Einsum has length {known} and {n}")
                sizes[label] = n if known == 1 else known
        return sizes

    def infer(self, *types: TensorType) -> TensorType:
        fits = len(types) == len(self.operands) and all(
            t.rank == len(o) for t, o in zip(types, self.operands, strict=True)
        )
        expect(fits and len({t.dtype for t in types}) == 1, "E0301", f"Einsum of {', '.join(map(str, types))}")
        sizes = self.sizes([t.shape for t in types])
        expect(set(self.result) <= set(sizes), "E0303", "a result of Einsum has an axis that no operand has")
        return types[0].with_shape(tuple(sizes[label] for label in self.result))

    def reference(self, *arrays: Array) -> Array:
        sizes = self.sizes([a.shape for a in arrays])
        given: list[object] = []
        for labels, a in zip(self.operands, arrays, strict=True):
            shape = tuple(sizes[label] for label in labels)
            given += [np.broadcast_to(wide(a), shape), list(labels)]
        return rounded(np.asarray(np.einsum(*given, list(self.result))), str(arrays[0].dtype))  # type: ignore[call-overload]

    def lower(self, k: Kernel, *views: View) -> None:
        *operands, y = views
        sizes = self.sizes([v.shape for v in operands])
        summed = [label for label in sorted(sizes) if label not in self.result]
        with k.grid(y.shape) as at:
            acc = k.sum(const(0, y.type))
            with k.grid([sizes[label] for label in summed], "rstuvwxyz") as inner:
                index = dict(zip((*self.result, *summed), (*at, *inner), strict=True))
                term: Expr | None = None
                for v, labels in zip(operands, self.operands, strict=True):
                    value = v[tuple(index[label] for label in labels)]
                    term = value if term is None else term * value
                assert term is not None
                acc += term
            k.store(y, at, acc.value)

    def macs(self, inputs: Sequence[Value | None], outputs: Sequence[Value]) -> int:
        sizes = self.sizes([v.shape for v in inputs if v is not None])
        return prod(sizes.values()) * max(1, len(inputs) - 1)


@dataclass(frozen=True)
class Einsum(Spelling):
    """A sum of products, by an equation such as bij,bjk->bik."""

    onnx = ("Einsum",)

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        require(r, FLOATS | INTEGERS, *range(len(r.inputs)))
        values = [r.value(i) for i in range(len(r.inputs))]
        operands, result = parse(str(r.attr("equation", "")), [v.type.rank for v in values])
        while len(values) > 2:  # two at a time; labels that somebody still needs are kept
            needed = set(result).union(*operands[2:])
            kept = tuple(dict.fromkeys(c for c in (*operands[0], *operands[1]) if c in needed))
            merged = _contract(r, values[:2], operands[:2], kept)
            values, operands = [merged, *values[2:]], [kept, *operands[2:]]
        return _contract(r, values, operands, result)


def parse(equation: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels]:
    """The labels of operands and result as numbers; axes under an ellipsis get negative ones."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    legal = all(c.isalpha() and c.isascii() for c in (left + right).replace("...", "").replace(",", ""))
    legal = legal and len(terms) == len(ranks) and "," not in right and len(equation) < 1000
    expect(legal, "E0303", f"the equation '{equation[:80]}' for {len(ranks)} operands")
    operands = [_term(t, rank) for t, rank in zip(terms, ranks, strict=True)]
    every = [label for o in operands for label in o]
    hidden = sorted({label for label in every if label < 0})
    if arrow:
        widest = len(hidden) if "..." in right else 0
        result = _term(right, len(right.replace("...", "")) + widest)
    else:
        result = (*hidden, *sorted(label for label in set(every) if label >= 0 and every.count(label) == 1))
    expect(len(set(result)) == len(result), "E0303", f"the equation '{equation[:80]}' repeats an axis of the result")
    return operands, result


def _term(text: str, rank: int) -> Labels:
    before, dots, after = text.partition("...")
    hidden = rank - len(before) - len(after)
    expect(hidden >= 0 and (bool(dots) or hidden == 0), "E0303", f"'{text[:40]}' does not describe {rank} axes")
    return (*map(ord, before), *range(-hidden, 0), *map(ord, after))


def _contract(r: Reader, values: Sequence[Value], operands: Sequence[Labels], result: Labels) -> Value:
    op = Contract(tuple(operands), result)
    sizes = op.sizes([v.shape for v in values])
    plain = all(
        len(set(o)) == len(o) and v.shape == tuple(sizes[c] for c in o) for v, o in zip(values, operands, strict=True)
    )
    if not plain:  # a diagonal, or an axis that is repeated
        return r.add(op, *values)
    if len(values) == 1:
        return _arranged(r, *_summed(r, values[0], operands[0], set(result)), result)
    a, left = _summed(r, values[0], operands[0], set(result) | set(operands[1]))
    b, right = _summed(r, values[1], operands[1], set(result) | set(operands[0]))
    batch = tuple(c for c in result if c in left and c in right)
    inner = tuple(c for c in left if c in right and c not in result)
    rows = tuple(c for c in result if c in left and c not in right)
    columns = tuple(c for c in result if c in right and c not in left)

    def matrices(v: Value, have: Labels, first: Labels, second: Labels) -> Value:
        shape = (*(sizes[c] for c in batch), prod(sizes[c] for c in first), prod(sizes[c] for c in second))
        return r.add(Reshape(shape), _arranged(r, v, have, (*batch, *first, *second)))

    y = r.add(MatMul(), matrices(a, left, rows, inner), matrices(b, right, inner, columns))
    order = (*batch, *rows, *columns)
    return _arranged(r, r.add(Reshape(tuple(sizes[c] for c in order)), y), order, result)


def _summed(r: Reader, v: Value, labels: Labels, needed: set[int]) -> tuple[Value, Labels]:
    """The operand without the axes that nobody needs."""
    axes = tuple(a for a, c in enumerate(labels) if c not in needed)
    if not axes:
        return v, labels
    kept = tuple(c for c in labels if c in needed)
    shape = tuple(n for n, c in zip(v.shape, labels, strict=True) if c in needed)
    return r.add(Reshape(shape), r.add(Reduce("sum", axes), v)), kept


def _arranged(r: Reader, v: Value, labels: Labels, wanted: Labels) -> Value:
    return v if labels == wanted else r.add(Transpose(tuple(labels.index(c) for c in wanted)), v)
