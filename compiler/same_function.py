"""Do two graphs compute the same? Both are run on the same vectors, by numpy or as compiled kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.compare import IRRECONCILABLE, Difference, shake, tolerance
from compiler.errors import Mismatch
from compiler.graph.graph import Graph
from compiler.graph.run import run
from compiler.graph.types import Array, Shape
from compiler.passes.order import apply
from compiler.report import PassInfo
from compiler.vectors import Vector, draw_vectors, load_vectors

DIFFERENT, CHANGED_BY_PASS = "E0188", "E0189"


@dataclass(frozen=True)
class _Input:
    name: str
    dtype: str
    shape: Shape


@dataclass(frozen=True)
class Output:
    """One output of both graphs, over all vectors."""

    name: str
    difference: Difference


@dataclass(frozen=True)
class Expected:
    """What a graph answers to some vectors, and how much its answers sway with their inputs."""

    graph: Graph
    vectors: Sequence[Vector]
    outputs: Sequence[Sequence[Array]]
    swayed: Sequence[Sequence[Array]]

    @staticmethod
    def of(graph: Graph, vectors: Sequence[Vector]) -> Expected:
        return Expected(graph, vectors, [_run(graph, v) for v in vectors], [_run(graph, v) for v in shake(vectors)])

    def compare(self, graph: Graph) -> list[Output]:
        """The other graph by numpy, its inputs and outputs in the same order."""
        return self.against([_run(graph, self._renamed(graph, v)) for v in self.vectors])

    def compare_compiled(self, graph: Graph) -> list[Output]:
        """The other graph's kernels, in this process through LLVM."""
        from compiler.jit import Jitted
        from compiler.lower import lower
        from compiler.options import CompileOptions
        from compiler.passes.order import optimize

        engine = Jitted(lower(optimize(graph).graph, frozenset()), CompileOptions())
        return self.against([list(engine.run(self._renamed(graph, v)).values()) for v in self.vectors])

    def against(self, answers: Sequence[Sequence[Array]]) -> list[Output]:
        found = [Output(v.name, Difference(v.type.dtype)) for v in self.graph.outputs]
        for got, wanted, swayed in zip(answers, self.outputs, self.swayed, strict=True):
            for output, g, w, s in zip(found, got, wanted, swayed, strict=True):
                output.difference.add(g, w, s)
        return found

    def _renamed(self, graph: Graph, vector: Vector) -> Mapping[str, Array]:
        return {b.name: vector[a.name] for a, b in zip(self.graph.inputs, graph.inputs, strict=True)}


def _run(graph: Graph, vector: Mapping[str, Array]) -> list[Array]:
    values = run(graph, vector)
    return [values[v.name] for v in graph.outputs]


def vectors_for(graph: Graph, file: Path | None, count: int) -> Sequence[Vector]:
    """From an NPZ file, or drawn."""
    inputs = [_Input(v.name, v.type.dtype, v.shape) for v in graph.inputs]
    return load_vectors(file, inputs) if file is not None else draw_vectors(inputs, count)


def expect_same_ends(a: Graph, b: Graph, names: tuple[str, str]) -> None:
    """Mismatch E0188 when the two cannot be one function: other inputs, or other outputs."""
    for role, ours, theirs in (("inputs", a.inputs, b.inputs), ("outputs", a.outputs, b.outputs)):
        left, right = [[(v.type.dtype, v.shape) for v in ends] for ends in (ours, theirs)]
        if left != right:
            shown = [", ".join(f"{v.name} {v.type.dtype}{list(v.shape)}" for v in ends) for ends in (ours, theirs)]
            raise Mismatch(
                DIFFERENT,
                f"the two have different {role}",
                facts=dict(zip(names, shown, strict=True)),
                help="they are compared in the order of their inputs and outputs, whose types and shapes must be equal",
            )


def require_same(outputs: Sequence[Output], code: str, title: str, where: str) -> None:
    """Mismatch for the first output that is further off than rounding explains."""
    for output in outputs:
        if not output.difference.passed:
            raise Mismatch(code, title, where=where, facts=_facts(output))


def _facts(output: Output) -> dict[str, str]:
    d = output.difference
    if d.max_abs >= IRRECONCILABLE:
        return {"output": output.name, "difference": "a NaN or an infinity on one side only, or another size"}
    return {
        "output": output.name,
        "largest difference": f"{d.max_abs:.3g}",
        "share of the range": f"{d.relative:.3g}",
        "tolerance": f"{tolerance(d.dtype):.3g}",
    }


@dataclass(frozen=True)
class Step:
    """A pass that ran; `info` is None when it had nothing to do."""

    name: str
    graph: Graph
    info: PassInfo | None


def passes_one_by_one(graph: Graph, names: Sequence[str], native_io: bool, expected: Expected | None) -> Iterator[Step]:
    """Run the passes; with `expected`, Mismatch E0189 at the first after which the graph computes something else."""
    for name in names:
        graph, info = apply(graph, name, native_io)
        if expected is not None and info is not None:
            require_same(
                expected.compare(graph), CHANGED_BY_PASS, f"the pass {name} changes what the graph computes", name
            )
        yield Step(name, graph, info)
