"""What the reports say about the instruction mix: which classes a layer's instructions belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.anatomy.classes import CLASSES
from compiler.pack.figures import percent
from compiler.report import Layer, Report


@dataclass(frozen=True)
class Part:
    """A class with its share of a layer's instructions; `start` is the sum of the shares before it, both in percent."""

    name: str
    executed: int
    start: float
    percent: float


@dataclass(frozen=True)
class LayerMix:
    index: int
    layer: Layer
    parts: tuple[Part, ...]

    @property
    def largest(self) -> list[Part]:
        """The three classes with most instructions."""
        return sorted(self.parts, key=lambda p: -p.executed)[:3]


def layer_mixes(report: Report) -> list[LayerMix]:
    """Layers whose instructions were told apart; empty where nothing was counted."""
    return [LayerMix(i, layer, parts_of(layer.mix)) for i, layer in enumerate(report.layers) if layer.mix]


def total_mix(report: Report) -> tuple[Part, ...]:
    """All layers together."""
    total: Counter[str] = Counter()
    for layer in report.layers:
        total.update(layer.mix or {})
    return parts_of(total)


def used(report: Report) -> list[str]:
    """Classes that occur, in the order of the bars."""
    return [part.name for part in total_mix(report)]


def parts_of(mix: Mapping[str, int]) -> tuple[Part, ...]:
    whole = sum(mix.values())
    parts, start = [], 0.0
    for name in CLASSES:
        if share := percent(mix.get(name, 0), whole):
            parts.append(Part(name, mix[name], start, share))
            start += share
    return tuple(parts)
