"""The models that every target compiles: the samples, and the float models of MLPerf Tiny where they are at hand.

Importing a sample takes seconds and an emulated run is compared with one on this computer, so both are kept for the
whole test process.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compiler import emit
from compiler.emulator.build import build
from compiler.emulator.measure import Measurement, run
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.program import Program
from compiler.samples import KINDS, sample_path
from compiler.source import Source, load
from compiler.targets import target
from compiler.validate import validate
from compiler.vectors import Vector, draw_vectors
from tests.support.needs import SHARED

TINY = ("kws", "ic", "ad", "vww")
CORPUS = (*KINDS, *TINY)
HOST = target("host")


def path_of(name: str) -> Path:
    return sample_path(name) if name in KINDS else SHARED / "models" / f"{name}_float.onnx"


@cache
def source(name: str) -> Source:
    return load(path_of(name), CompileOptions())


@dataclass(frozen=True)
class Lowered:
    """A model's program for processors with some features, and what it computes, bit by bit, on this computer."""

    program: Program
    vectors: tuple[Vector, ...]
    outputs: tuple[bytes, ...]  # of the first vector

    @classmethod
    @cache
    def of(cls, name: str, abilities: frozenset[str]) -> Lowered:
        """Lowered once; its C code runs here, and is compared with ONNX Runtime layer by layer."""
        graph = optimize(source(name).graph, native_io=False).graph
        program = lower(graph, abilities)
        vectors = tuple(draw_vectors(program.inputs, 1))
        options = CompileOptions(target="host")
        with tempfile.TemporaryDirectory() as folder:
            built = build(program, emit.get("c").files(program, options), HOST, options, Path(folder))
            measured = run(built, program, vectors)
        checked = validate(program, source(name).reference(), measured.runs, vectors)
        assert checked.passed, checked.reason
        return cls(program, vectors, outputs(measured))


def outputs(measured: Measurement) -> tuple[bytes, ...]:
    """The bytes of the outputs of the first vector."""
    return tuple(array.tobytes() for array in measured.runs[0].whole)
