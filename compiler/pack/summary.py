"""What report.html and report.md both say: totals with their origin, layers with their shares, options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.pack.figures import NONE, count, percent, short, size
from compiler.report import Layer, Report

FROM_ELF = "exact, from the linked ELF"
FROM_OBJECT = "exact, from the object file"
PLANNED = "exact, planned at compile time"
ON_QEMU = "measured on QEMU"
SHAPES = "exact, from the shapes"
COUNTED = {"plugin": ", counted by the emulator's plugin", "timer": ", counted by the emulated timer"}
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Total:
    """One row of the totals: a figure, the exact value behind it, and how it was obtained."""

    name: str
    figure: str
    exact: str
    origin: str
    detail: bool = False  # part of the row above it


def totals(report: Report) -> list[Total]:
    t = report.totals
    counting = COUNTED.get(report.toolchain.counting or "", "")
    binary = FROM_ELF if t.flash.total is not None else FROM_OBJECT
    rows = [
        _bytes("Flash", t.flash.total, binary),
        _bytes("code", t.flash.code, binary, detail=True),
        _bytes("weights", t.flash.weights, binary, detail=True),
        _bytes("start-up and libc", t.flash.other, binary, detail=True),
        _bytes("RAM", t.ram.total, f"sum; the stack is {ON_QEMU}"),
        _bytes("arena", t.ram.arena, PLANNED, detail=True),
        _bytes("static", t.ram.static, binary, detail=True),
        _bytes("stack", t.ram.stack, f"{ON_QEMU}, by painting", detail=True),
        Total(
            "Instructions",
            short(t.instructions),
            count(t.instructions),
            f"{ON_QEMU}, entry to return of the run function{counting}" if t.instructions is not None else NOT_MEASURED,
        ),
        Total(
            "Cycles",
            short(t.cycles),
            count(t.cycles),
            _cycles_origin(report),
        ),
        Total(
            "Latency",
            f"{t.latency_ms:.3g} ms" if t.latency_ms is not None else NONE,
            f"at {t.clock_mhz:g} MHz" if t.latency_ms is not None and t.clock_mhz else "",
            "estimated from the cycles" if t.latency_ms is not None else NOT_MEASURED,
        ),
        Total("Multiply-accumulates", short(t.macs), count(t.macs), f"{SHAPES}, after optimisation"),
    ]
    if t.instructions is not None and t.macs:
        rows.append(Total("Instructions per MAC", f"{t.instructions / t.macs:.2f}", "", "quotient of the two"))
    return rows


def _bytes(name: str, value: int | None, origin: str, *, detail: bool = False) -> Total:
    if value is None:
        return Total(name, NONE, "", NOT_MEASURED, detail)
    return Total(name, size(value), f"{count(value)} B", origin, detail)


def _cycles_origin(report: Report) -> str:
    if report.totals.cycles is None:
        return f"{NOT_MEASURED}: QEMU counts instructions, not cycles" if report.toolchain.emulator else NOT_MEASURED
    error = report.totals.cycles_error_percent
    return "estimated by the pipeline model" + (f", ±{error:g} %" if error is not None else ", uncalibrated")


@dataclass(frozen=True)
class Share:
    """A layer with its share of the whole inference."""

    index: int
    layer: Layer
    weight: int
    percent: float | None


def shares(report: Report) -> list[Share]:
    """Every layer in order, with its share of what `share_of` says."""
    field = share_of(report)
    weights = [getattr(layer, field.lower()) for layer in report.layers]
    whole = sum(w or 0 for w in weights)
    return [
        Share(i, layer, w or 0, percent(w, whole))
        for i, (layer, w) in enumerate(zip(report.layers, weights, strict=True))
    ]


def share_of(report: Report) -> str:
    """What a layer's share is of: the nearest to time that is known of every layer."""
    for field in ("cycles", "instructions"):
        if report.layers and all(getattr(layer, field) is not None for layer in report.layers):
            return field
    return "MACs"


def heaviest(rows: list[Share], most: int) -> list[Share]:
    """The `most` layers with the largest share, in the order in which they run."""
    return sorted(sorted(rows, key=lambda s: (-s.weight, s.index))[:most], key=lambda s: s.index)


def fitting(report: Report) -> int:
    """How many boards the model surely fits."""
    return sum(board.fits is True for board in report.boards)


def options(report: Report) -> list[tuple[str, str]]:
    """Option names and values as text; what was left empty is not shown."""
    return [(name, _value(value)) for name, value in report.options.items() if value not in (None, {}, [], "")]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{k or 'input'}={_value(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return "×".join(_value(v) for v in value)
    if isinstance(value, float) and value.is_integer():
        return f"{int(value):,}"
    return str(value)


def toolchain(report: Report) -> Iterator[tuple[str, str]]:
    t = report.toolchain
    yield "DeepMetal", report.deepmetal_version
    yield "Compiler", f"{t.compiler} {t.compiler_version}"
    yield "Flags", " ".join(t.flags)
    if t.emulator:
        yield "Emulator", f"{t.emulator} {t.emulator_version or ''}".strip()
    if t.counting:
        yield "Instruction counting", t.counting
    if t.sandbox:
        yield "Sandbox", t.sandbox
