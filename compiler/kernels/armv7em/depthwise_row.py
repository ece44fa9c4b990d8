"""The functions that depthwise kernels call: shared by all layers with the same window, whatever their size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from compiler.kernels.armv7em.finish import Finish
from compiler.kernels.armv7em.instructions import (
    load_word,
    pkhbt,
    pkhtb,
    smlabb,
    smlad,
    smlatt,
    smmla,
    sxtb16,
    sxtb16_odd,
    uxtb16,
    uxtb16_odd,
)
from compiler.kernels.armv7em.more_instructions import saturated
from compiler.loop.builder import Cell, Kernel, View
from compiler.loop.nodes import I32, Buffer, Cast, Expr, Function, Type, Var, maximum, minimum
from compiler.loop.storage import compute_type
from compiler.ops.requantize import Requantize

_LANES = 4
_WIDEST = {"int8": (-128, 127), "uint8": (0, 255)}


@dataclass(frozen=True)
class Way:
    """How sums become results: by one shift for all channels, by the table's entries, or in the operator's own words.

    Multiplier, and for the slower ways further numbers, differ from channel to channel; they lie behind the weights.
    """

    op: Requantize
    shift: int = 0
    finish: Finish | None = None

    @property
    def columns(self) -> int:
        """Numbers of each channel."""
        return 1 if self.shift else 2 if self.finish is None else 3

    @property
    def name(self) -> str:
        if self.finish is not None:
            return self.finish.name
        op = self.op
        whole = (op.low, op.high) == _WIDEST[op.to]
        numbers = (() if whole else (op.low, op.high)) if self.shift else (op.zero, op.low, op.high)
        clamp = "".join(f"_{n}" for n in numbers).replace("-", "m")
        return f"{op.to}_by_{self.shift}{clamp}" if self.shift else f"{op.to}_{op.rounding}{clamp}"

    def value(self, k: Kernel, total: Expr, columns: list[Expr], start: Expr) -> Expr:
        """`start` is added to upper words where the shift is the same for all."""
        op, kind = self.op, compute_type(self.op.to)
        if not self.shift and self.finish is None:
            return op.scalar(k, total, *columns)
        if self.finish is not None:
            multiplier, addend, shift = columns
            return self.finish.value(k, total, multiplier, addend, shift, kind)
        value = saturated(smmla(total, columns[0], start), self.shift, op.to == "int8")
        if (op.low, op.high) != _WIDEST[op.to]:
            value = minimum(maximum(k.let("q", value), op.low), op.high)
        return Cast(value, kind)


@cache
def filling() -> Function:
    """`words` words of memory become `value`."""
    words, value = Var("words", I32), Var("value", I32)
    to = Buffer("to", I32)
    k = Kernel()
    k.reserve("to", "words", "value")
    with k.loop(words, "i") as i:
        k.store_at(View(I32, (0,), (1,), to), i, value)
    return replace(k.function("fill_words", (to,)), scalars=(words, value))


def unroll_of(groups: int) -> int:
    """Groups of channels that are copied at a time."""
    return next((u for u in (4, 2) if groups and groups % u == 0), 1)


@cache
def copying(x: Type, rest: int, unroll: int) -> Function:
    """Columns of an image row into a row of the ring: `groups` groups of four channels, and one of `rest`."""
    columns, groups, plane = (Var(n, I32) for n in ("columns", "groups", "plane"))
    image, ring = Buffer("x", x), Buffer("to", I32)
    k = Kernel()
    k.reserve("x", "to", "columns", "groups", "plane")
    with k.loop(columns, "column") as column:
        source = k.window("source", View(x, (0,), (1,), image), column * (groups * _LANES + rest))
        target = k.window("target", View(I32, (0,), (1,), ring), column)
        with k.loop(groups, "g", step=unroll) as g:
            for u in range(unroll):
                k.store_at(target, (g + u) * plane, load_word(source, (g + u) * _LANES))
        if rest:
            parts = [(Cast(source.at(groups * _LANES + i), I32) & 0xFF) << (8 * i) for i in range(rest)]
            word = parts[0]
            for part in parts[1:]:
                word = word | part
            k.store_at(target, groups * plane, word)
    kind = "" if x == compute_type("int8") else f"_{x}"
    name = f"copy_channels_by{unroll}{f'_and_{rest}' if rest else ''}{kind}"
    return replace(k.function(name, (image, ring)), scalars=(columns, groups, plane))


@cache
def row_function(rows: int, columns: int, dilation: int, way: Way, partly: bool, x: Type, y: Type) -> Function:
    """One output row. `plane` is the distance in the ring from a group of channels to the next, `step` from a pixel's
    window to the next one's. With `partly`, the last group has fewer channels than four."""
    ring = [Buffer(f"row{i}", I32) for i in range(rows)]
    # Not constant: a compiler that knew it to be would load all weights before the loop over pixels, onto the stack.
    weights, result = Buffer("w", I32), Buffer("y", y)
    names = ("groups", "pixels", "plane", "step", "channels", "start")
    scalars = groups, pixels, plane, step, channels, start = tuple(Var(n, I32) for n in names)
    taps = [(r, c * dilation) for r in range(rows) for c in range(columns)]
    size = 2 * _LANES + _LANES * (len(taps) // 2) + 2 * (len(taps) % 2) + (way.columns - 1) * _LANES
    k = Kernel()
    k.reserve("w", "y", *names, *(b.name for b in ring))
    views = [View(I32, (0,), (1,), b) for b in ring]
    with k.loop(groups, "c") as c:
        w = k.window("weights", View(I32, (0,), (1,), weights), c * size)
        lines = [k.window("line", v, c * plane) for v in views]
        out = k.window("out", View(y, (0,), (1,), result), c * _LANES)
        with k.loop(pixels, "p") as p:
            acc = [k.cell("acc", w.at(lane)) for lane in range(_LANES)]
            at = _LANES
            for first, second in zip(taps[0::2], taps[1::2], strict=False):
                a, b = (lines[r].at(p * step + o) for r, o in (first, second))
                _two_taps(k, acc, (a, b), w, at, x.kind == "i")
                at += _LANES
            if len(taps) % 2:
                r, o = taps[-1]
                _one_tap(k, acc, lines[r].at(p * step + o), w, at, x.kind == "i")
                at += 2
            for lane in range(_LANES):
                numbers = [w.at(at + i * _LANES + lane) for i in range(way.columns)]
                value = way.value(k, acc[lane].value, numbers, start)
                if partly and lane:
                    with k.when(c * _LANES + lane < channels):
                        k.store_at(out, p * channels + lane, value)
                else:
                    k.store_at(out, p * channels + lane, value)
    more = f"_{dilation}" if dilation > 1 else ""
    rest = "_partly" if partly else ""
    kinds = "" if (x, y) == (compute_type("int8"),) * 2 else f"_{x}_{y}"
    base = f"depthwise_{rows}x{columns}{more}{kinds}{rest}_{way.name}"
    return replace(
        k.function(base, (*ring, weights, result)),
        scalars=scalars if way.shift else scalars[:-1],
        doc=("One row of the output.",),
    )


def _two_taps(k: Kernel, acc: list[Cell], x: tuple[Expr, Expr], w: View, at: int, signed: bool) -> None:
    even, odd = (sxtb16, sxtb16_odd) if signed else (uxtb16, uxtb16_odd)
    a, b = (k.let("x", word) for word in x)
    halves = k.let("low", pkhbt(a, b)), k.let("high", pkhtb(a, b))
    for first, half in zip((0, 2), halves, strict=True):
        weights = [k.let("wt", w.at(at + first + i)) for i in (0, 1)]  # neighbours: one load of two words
        for i, spread in enumerate((even, odd)):
            acc[first + i].set(smlad(spread(half), weights[i], acc[first + i].value))


def _one_tap(k: Kernel, acc: list[Cell], x: Expr, w: View, at: int, signed: bool) -> None:
    even, odd = (sxtb16, sxtb16_odd) if signed else (uxtb16, uxtb16_odd)
    word = k.let("x", x)
    weights = [k.let("wt", w.at(at + i)) for i in (0, 1)]
    for i, spread in enumerate((even, odd)):
        pair = k.let("pair", spread(word))
        acc[i].set(smlabb(pair, weights[i], acc[i].value))
        acc[i + 2].set(smlatt(pair, weights[i], acc[i + 2].value))
