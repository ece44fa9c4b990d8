"""Every model on every target in every language: instructions, cycles, flash, RAM, and whether it computes the same.

    .venv/bin/python bench/targets.py [--models kws,linear] [--targets cortex-m4,rv64gc] [--emitters c,llvm]

Each program is compared with ONNX Runtime layer by layer, and its outputs with those of the C build on this computer,
bit by bit. Cycles are null where the core has no pipeline model, instructions where nothing can be counted, both where
code is built and not run. The whole table takes most of an hour: without an FPU a network takes up to two billion
instructions. Exit status 1 when a program fails its validation or computes other bits.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from compiler import emit
from compiler.emulator.build import build
from compiler.emulator.measure import Measurement, run
from compiler.emulator.native import why_not_run
from compiler.errors import DeepMetalError
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.program import Program
from compiler.samples import KINDS, sample_path
from compiler.source import Source, load
from compiler.targets import target, targets
from compiler.timing import time_run
from compiler.validate import validate
from compiler.vectors import draw_vectors

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT.parent / "shared" / "models"
RESULTS = ROOT / "bench" / "results"
TINY = ("kws", "ic", "ad", "vww")


@dataclass(frozen=True)
class Row:
    model: str
    target: str
    emitter: str
    compiler: str
    macs: int
    instructions: int | None
    cycles: int | None
    cycles_error_percent: float | None
    milliseconds: float | None
    clock_mhz: float | None
    code: int
    weights: int
    flash: int | None
    arena: int
    static: int
    stack: int | None
    verdict: str  # "same bits", "built", or what went wrong

    @property
    def good(self) -> bool:
        return self.verdict in ("same bits", "built")


@cache
def source(model: str) -> Source:
    path = sample_path(model) if model in KINDS else MODELS / f"{model}_float.onnx"
    return load(path, CompileOptions())


@cache
def program(model: str, abilities: frozenset[str]) -> Program:
    return lower(optimize(source(model).graph, native_io=False).graph, abilities)


@cache
def wanted(model: str, abilities: frozenset[str]) -> tuple[bytes, ...]:
    """What the C build on this computer computes."""
    one, options = program(model, abilities), CompileOptions(target="host")
    with tempfile.TemporaryDirectory() as folder:
        built = build(one, emit.get("c").files(one, options), target("host"), options, Path(folder))
        return outputs(run(built, one, draw_vectors(one.inputs, 1)))


def outputs(measured: Measurement) -> tuple[bytes, ...]:
    return tuple(array.tobytes() for array in measured.runs[0].whole)


def measure(model: str, name: str, emitter: str) -> Row:
    processor = target(name)
    one, options = program(model, processor.abilities), CompileOptions(target=name, emit=emitter)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        built = build(one, emit.get(emitter).files(one, options), processor, options, Path(folder), thorough=1)
        measured, timing, verdict = None, None, "built"
        if why_not_run(processor) is None:
            vectors = draw_vectors(one.inputs, 1)
            measured = run(built, one, vectors)
            timing = time_run(built, measured, processor)
            checked = validate(one, source(model).reference(), measured.runs, vectors)
            same = outputs(measured) == wanted(model, processor.abilities)
            verdict = ("same bits" if same else "OTHER BITS") if checked.passed else f"FAILED: {checked.reason}"
    return Row(
        model=model,
        target=name,
        emitter=emitter,
        compiler=f"{built.compiler} {built.compiler_version}",
        macs=sum(layer.macs for layer in one.layers),
        instructions=measured.instructions if measured else None,
        cycles=timing.cycles if timing else None,
        cycles_error_percent=timing.error_percent if timing else None,
        milliseconds=timing.milliseconds if timing else None,
        clock_mhz=processor.clock_mhz,
        code=built.sizes.code,
        weights=built.sizes.weights,
        flash=built.sizes.total,
        arena=one.arena_bytes,
        static=built.sizes.static_ram,
        stack=measured.stack if measured else None,
        verdict=verdict,
    )


HEAD = ("model", "target", "emitter", "instructions", "per MAC", "cycles", "MHz", "ms",
        "code", "weights", "flash", "arena", "static", "stack", "verdict", "compiler")  # fmt: skip


def cells(r: Row) -> tuple[str, ...]:
    per_mac = f"{r.instructions / r.macs:.2f}" if r.instructions is not None and r.macs else "–"
    milliseconds = "–" if r.milliseconds is None else f"{r.milliseconds:,.2f}"
    return (
        r.model, r.target, r.emitter, number(r.instructions), per_mac, number(r.cycles), f"{r.clock_mhz or 0:g}",
        milliseconds,
        number(r.code), number(r.weights), number(r.flash), number(r.arena), number(r.static), number(r.stack),
        r.verdict, r.compiler,
    )  # fmt: skip


def number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def table(rows: Sequence[Row]) -> str:
    lines = [HEAD, *map(cells, rows)]
    widths = [max(len(row[i]) for row in lines) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join((*KINDS, *TINY)))
    parser.add_argument("--targets", default=",".join(targets()))
    parser.add_argument("--emitters", default=",".join(emit.registry()))
    args = parser.parse_args()
    models = args.models.split(",")
    if not MODELS.is_dir():
        print("without the MLPerf Tiny models (../shared/models)")
        models = [model for model in models if model not in TINY]
    rows: list[Row] = []
    failed = False
    for model in models:
        for name in args.targets.split(","):
            for emitter in args.emitters.split(","):
                print(f"{model} on {name} in {emitter}", file=sys.stderr, flush=True)
                try:
                    rows.append(measure(model, target(name).name, emitter))
                except DeepMetalError as error:
                    print(error, file=sys.stderr)
                    failed = True
    print(table(rows))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "targets.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0 if all(row.good for row in rows) and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
