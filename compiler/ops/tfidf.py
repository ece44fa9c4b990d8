"""TfIdfVectorizer: how often each n-gram of a pool occurs in a row of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.graph.types import Array, TensorType
from compiler.loop.nodes import F32, Expr, const, select
from compiler.ops.base import Op, Reader, expect
from compiler.ops.indexing import safe_index

if TYPE_CHECKING:
    from compiler.graph.graph import Value
    from compiler.loop.builder import Kernel, View


@dataclass(frozen=True)
class TfIdf(Op):
    """y[row, places[g]] = occurrences of n-gram g, with up to `skips` elements between its own.

    `grams` are (n, first element in the pool, first n-gram's number, n-grams) for each length that counts. Operands: x,
    the pool, each n-gram's place in the result, a weight for each result. `scale` says what becomes of a count.
    """

    grams: tuple[tuple[int, int, int, int], ...] = ()
    skips: int = 0
    width: int = 1
    scale: str = "TF"
    onnx = ("TfIdfVectorizer",)

    def infer(self, x: TensorType, pool: TensorType, places: TensorType, weights: TensorType) -> TensorType:
        fits = x.rank <= 2 and x.dtype == pool.dtype and x.dtype in ("int32", "int64")
        fits = fits and weights.shape == (self.width,) and places.rank == pool.rank == 1
        expect(fits, "E0301", f"TfIdfVectorizer of {x} with a pool {pool}")
        return TensorType.of("float32", (x.shape[0], self.width) if x.rank == 2 else (self.width,))

    def reference(self, x: Array, pool: Array, places: Array, weights: Array) -> Array:
        rows = x.reshape(x.shape[0] if x.ndim == 2 else 1, x.shape[-1] if x.ndim else 1)
        y = np.zeros((len(rows), self.width), np.float32)
        for n, start, number, count in self.grams:
            wanted = pool[start : start + n * count].reshape(count, n)
            for step in range(1, 2 + (self.skips if n > 1 else 0)):
                for first in range(rows.shape[1] - (n - 1) * step):
                    given = rows[:, first : first + (n - 1) * step + 1 : step]
                    for g in range(count):
                        y[:, places[number + g]] += (given == wanted[g]).all(axis=1)
        if self.scale == "IDF":
            y = (y > 0).astype(np.float32)
        y = y if self.scale == "TF" else y * weights
        return y.reshape((*x.shape[:-1], self.width) if x.ndim == 2 else (self.width,))

    def lower(self, k: Kernel, x: View, pool: View, places: View, weights: View, y: View) -> None:
        length = x.shape[-1] if x.shape else 1
        rows = x.size // length if length else y.size // self.width
        with k.loop(rows, "r") as r:
            with k.loop(self.width, "i") as i:
                k.store_at(y, r * self.width + i, const(0.0, F32))
            for n, start, number, count in self.grams:
                for step in range(1, 2 + (self.skips if n > 1 else 0)):
                    windows = length - (n - 1) * step
                    if windows > 0 and count:
                        with k.loop(windows, "w") as w, k.loop(count, "g") as g:
                            same: Expr | None = None
                            for m in range(n):
                                given = x.at(r * length + w + m * step)
                                test = given.eq(pool[g * n + (start + m)])
                                same = test if same is None else same & test
                            assert same is not None
                            with k.when(same):
                                at = k.let("at", r * self.width + safe_index(k, places[g + number], self.width))
                                k.store_at(y, at, y.at(at) + 1.0)
            if self.scale != "TF":
                with k.loop(self.width, "i") as i:
                    value = k.let("v", y.at(r * self.width + i))
                    seen = select(value > 0.0, const(1.0, F32), const(0.0, F32)) if self.scale == "IDF" else value
                    k.store_at(y, r * self.width + i, seen * weights[i])

    @classmethod
    def from_onnx(cls, r: Reader) -> Value | tuple[Value, ...]:
        x, pool = r.type(), r.attr("pool_int64s")
        if not pool:
            raise r.unsupported("TfIdfVectorizer of strings", "turn words into numbers in front of the model")
        starts, places = [int(n) for n in r.attr("ngram_counts")], [int(n) for n in r.attr("ngram_indexes")]
        least, most = int(r.attr("min_gram_length")), int(r.attr("max_gram_length"))
        ends = [*starts[1:], len(pool)]
        fits = 0 < least <= most and all(0 <= a <= b <= len(pool) for a, b in zip(starts, ends, strict=True))
        grams, number = [], 0
        for n, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
            count = (end - start) // n
            if least <= n <= most and count:
                grams.append((n, start, number, count))
            number += count
        skips, width = int(r.attr("max_skip_count", 0)), max(places, default=0) + 1
        fits = fits and number <= len(places) and min(places, default=-1) >= 0 and 0 <= skips < 64 and width <= 2**24
        expect(fits and len(starts) <= 64, "E0303", "the n-grams of TfIdfVectorizer contradict each other")
        given, weights = r.attr("weights"), np.ones(width, np.float32)
        if given:
            for place, weight in zip(places, given, strict=False):
                weights[place] = weight
        op = cls(tuple(grams), skips, width, str(r.attr("mode", "TF")))
        if op.scale not in ("TF", "IDF", "TFIDF"):
            raise r.unsupported(f"TfIdfVectorizer with mode '{op.scale[:20]}'")
        tables = (np.asarray(pool, x.dtype), np.asarray(places, np.int32), weights)
        return r.add(op, r.inputs[0], *(r.const(t) for t in tables))
