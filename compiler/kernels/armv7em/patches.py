"""Patches: what the windows of a few neighbouring positions see, widened to pairs of 16 bits in scratch memory.

A window's rows are runs of consecutive bytes. Four bytes are read as one word and become two pairs, (0, 2) and (1, 3),
which is what sxtb16 makes of them; what is left of all runs goes in pairs of single bytes. Weights are packed in that
order.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.kernels.armv7em.gemm import Pair, padded
from compiler.kernels.armv7em.instructions import load_word, pkhbt, sxtb16, sxtb16_odd, uxtb16, uxtb16_odd
from compiler.loop.builder import Kernel, View
from compiler.loop.nodes import I32, Cast, Const, Expr

_WRITTEN_OUT = 6  # words; more are a loop


@dataclass(frozen=True)
class Runs:
    """`count` runs of `length` bytes; in memory the first one lies at `start` and they are `step` apart, among the
    weights of a channel at `first` and `stride`."""

    count: int
    length: int
    step: int
    stride: int
    start: int = 0
    first: int = 0

    @property
    def words(self) -> int:
        return self.length // 4


@dataclass(frozen=True)
class Patch:
    """All that one window sees; windows of neighbouring positions lie `apart` bytes from each other."""

    runs: tuple[Runs, ...]
    apart: int

    @staticmethod
    def of(rows: int, columns: int, channels: int, dilation: int, line: int, apart: int) -> Patch:
        """A window on rows that are `line` bytes apart; `dilation` is that of its columns."""
        across = columns * channels
        if dilation > 1 and columns > 1:
            every = range(columns)
            runs = (Runs(rows, channels, line, across, c * dilation * channels, c * channels) for c in every)
            return Patch(tuple(runs), apart)
        one = Runs(1, rows * across, 0, 0) if rows == 1 or line == across else Runs(rows, across, line, across)
        return Patch((one,), apart)

    @property
    def words(self) -> int:
        return sum(runs.count * runs.words for runs in self.runs)

    def _rest(self) -> list[tuple[int, int]]:
        """Bytes behind the last words: their places in memory and among the weights."""
        return [
            (s.start + r * s.step + i, s.first + r * s.stride + i)
            for s in self.runs
            for r in range(s.count)
            for i in range(s.words * 4, s.length)
        ]

    def pairs(self) -> list[Pair]:
        """The weights' elements in the order in which `gather` leaves the inputs'."""
        result: list[Pair] = []
        for s in self.runs:
            for e in (s.first + r * s.stride + word * 4 for r in range(s.count) for word in range(s.words)):
                result += [(e, e + 2), (e + 1, e + 3)]
        rest = [place for _, place in self._rest()]
        if len(rest) % 2:
            rest.append(-1)
        return padded([*result, *zip(rest[::2], rest[1::2], strict=True)])

    def cost(self) -> float:
        """Instructions to gather one position."""
        return 5.5 * self.words + 2.5 * len(self._rest()) + 2 * sum(s.count for s in self.runs)

    def gather(self, k: Kernel, x: View, at: Expr, positions: int, patch: View) -> None:
        """The patches of positions from the window at element `at` of x on, as pairs [pair][position]."""
        source, n = k.window("from", x, at), 0
        for s in self.runs:
            if s.count * s.words <= _WRITTEN_OUT:
                for r in range(s.count):
                    for word in range(s.words):
                        to = Const((n + r * s.words + word) * 2 * positions)
                        self._word(k, source, Const(s.start + r * s.step + word * 4), positions, patch, to)
            elif s.words:
                self._loop(k, s, source, positions, patch, n)
            n += s.count * s.words
        rest = [place for place, _ in self._rest()]
        for i in range(len(self.pairs()) - 2 * n):
            for p in range(positions):
                halves = [Cast(source.at(place + p * self.apart), I32) for place in rest[2 * i : 2 * i + 2]]
                value = pkhbt(*halves) if len(halves) == 2 else halves[0] if halves else Const(0, I32)
                k.store_at(patch, (2 * n + i) * positions + p, value)

    def _loop(self, k: Kernel, s: Runs, source: View, positions: int, patch: View, n: int) -> None:
        with k.loop(s.count, "r") as r:
            line = k.window("line", source, r * s.step + s.start)
            into = k.window("into", patch, (r * s.words + n) * (2 * positions))
            if s.words <= _WRITTEN_OUT // 2:
                for word in range(s.words):
                    self._word(k, line, Const(word * 4), positions, into, Const(word * 2 * positions))
                return
            with k.loop(s.words, "i") as i:
                self._word(k, line, i * 4, positions, into, i * (2 * positions))

    def _word(self, k: Kernel, source: View, offset: Expr, positions: int, patch: View, to: Expr) -> None:
        even, odd = (uxtb16, uxtb16_odd) if source.type.kind == "u" else (sxtb16, sxtb16_odd)
        for p in range(positions):
            word = k.let("four", load_word(source, offset + p * self.apart))
            k.store_at(patch, to + p, even(word))
            k.store_at(patch, to + positions + p, odd(word))
