"""How far a quantised graph is from the float one, on samples, computed by the exact integer kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from compiler.graph.graph import Graph, Value
from compiler.graph.types import Array
from compiler.ops.softmax import Softmax
from compiler.quant.fixed_point import Rounding
from compiler.quant.host import Host
from compiler.quant.insert import Choice, insert
from compiler.quant.points import Points

BEST = 120.0  # dB; more is not told apart from equal


@dataclass
class Noise:
    """Collected over samples: signal and noise power, and what the cosine needs."""

    signal: float = 0.0
    noise: float = 0.0
    product: float = 0.0
    power: float = 0.0

    def add(self, exact: Array, rough: Array) -> None:
        a, b = exact.ravel().astype(np.float64), rough.ravel().astype(np.float64)
        difference = a - b
        self.signal += float(a @ a)
        self.noise += float(difference @ difference)
        self.product += float(a @ b)
        self.power += float(b @ b)

    @property
    def sqnr_db(self) -> float:
        if self.noise <= self.signal * 10 ** (-BEST / 10):
            return BEST
        return 10 * float(np.log10(self.signal / self.noise)) if self.signal else -BEST

    @property
    def cosine(self) -> float | None:
        norm = float(np.sqrt(self.signal) * np.sqrt(self.power))
        return max(-1.0, min(1.0, self.product / norm)) if norm else None


@dataclass
class Measured:
    """`tensors`: the noise of each point; `outputs`: of what the model is judged by, together."""

    tensors: dict[str, Noise] = field(default_factory=dict)
    outputs: Noise = field(default_factory=Noise)
    agreed: int = 0  # samples with the same largest output
    samples: int = 0

    @property
    def agreement(self) -> float | None:
        return self.agreed / self.samples if self.samples else None


def judged(graph: Graph) -> list[Value]:
    """The outputs; of a final softmax its operand, because probabilities near 0 and 1 hide differences."""
    found = []
    for v in graph.outputs:
        last = graph.producer(v)
        found.append(last.value(0) if last is not None and isinstance(last.op, Softmax) else v)
    return [v for v in found if v.type.dtype == "float32"]


class FloatSide:
    """The float graph's tensors, computed once for the samples that everything is measured on."""

    def __init__(
        self,
        graph: Graph,
        points: Points,
        samples: Sequence[Mapping[str, Array]],
        host: Host | None = None,
        rounding: Rounding = "single",
    ) -> None:
        self.graph, self.samples, self.rounding = graph, samples, rounding
        self.judged = judged(graph)
        self.host = host or Host(graph, wanted(graph, points))
        self.tensors = [self.host.run(s) for s in samples]


def wanted(graph: Graph, points: Points) -> list[Value]:
    """All tensors that measuring looks at."""
    return list(dict.fromkeys([*points.tensors, *judged(graph), *graph.outputs]))


def measure(floats: FloatSide, points: Points, choice: Choice, every: bool = False) -> Measured:
    """`every` looks at all points, not at the outputs only."""
    graph = floats.graph
    inserted = insert(graph, points, choice)
    names = {v.name for v in points.tensors}
    looked_at = [v for v in (*floats.judged, *graph.outputs) if v.name in names]
    chosen = list(points.tensors) if every else list(dict.fromkeys(looked_at))
    stored = {v.name: inserted.stored[v.name] for v in chosen}
    plain = [v for v in (*floats.judged, *graph.outputs) if v.name not in names]
    host = Host(inserted.graph, list(dict.fromkeys([*stored.values(), *plain])), floats.rounding)
    result = Measured(tensors={v.name: Noise() for v in chosen} if every else {})
    for sample, exact in zip(floats.samples, floats.tensors, strict=True):
        answers = host.run(sample)

        def rough(v: Value, answers: Mapping[str, Array] = answers) -> Array:
            if v.name in stored:
                return choice.grids[v.name].real(answers[stored[v.name].name])
            return answers[v.name]

        for name, noise in result.tensors.items():
            noise.add(exact[name], choice.grids[name].real(answers[stored[name].name]))
        for v in floats.judged:
            result.outputs.add(exact[v.name], rough(v))
        if graph.outputs and graph.outputs[0].type.elements > 1:
            y = floats.judged[0] if floats.judged else graph.outputs[0]
            result.samples += 1
            result.agreed += int(np.argmax(exact[y.name]) == np.argmax(rough(y)))
    return result
