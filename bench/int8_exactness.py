"""Quantised MLPerf Tiny models: what every engine computes, byte by byte, against three references.

    .venv/bin/python bench/int8_exactness.py [--models kws,ic,vww,ad] [--inputs 1000] [--slow 60]

First table: our engines against the published integer arithmetic, written once more in numpy (tests/support/
tflite_oracle.py): `single` is CMSIS-NN with single rounding, `double` is TensorFlow Lite Micro and CMSIS-NN as they
come. Every layer's tensor counts. Numpy and the emulator take the first `--slow` inputs, the others all.
Second table: the same against TensorFlow Lite's interpreter, whose kernels round in ways of their own. For each, the
first layer that differs; "own" counts the bytes that this rounding makes otherwise from the interpreter's own operands,
and the last column those that remain when the layers round as the interpreter was found to.
Inputs: a third uniform, a third photographs or smooth spectra, a third at the ends of the range.
Exit status 1 when an engine differs from the oracle, or a difference to the interpreter is not explained.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import tflite_oracle
from tests.support.tflite_engines import ENGINES
from tests.support.tflite_layers import KERNELS, Interpreted, drawn, own_differences
from tests.support.tflite_oracle import Model, Step

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT.parent / "shared" / "models"
RESULTS = ROOT / "bench" / "results"
MODES = ("single", "double")
SLOW = frozenset({"numpy", "Cortex-M4"})
CHUNK = 50  # inferences at once


@dataclass
class Against:
    """Bytes of one engine that differ from a reference."""

    model: str
    rounding: str
    engine: str
    reference: str
    inputs: int = 0
    bytes: int = 0
    differing: int = 0
    output_bytes: int = 0
    output_differing: int = 0
    output_steps: int = 0
    logits_steps: int = 0  # before a softmax; else of the output
    beyond: int = 0  # inputs whose logits are more than one step off
    layers: dict[str, int] = field(default_factory=dict)  # differing bytes, in order of execution
    own: dict[str, int] = field(default_factory=dict)  # per operator, from the reference's own operands
    unexplained: int = 0  # the same with the rounding that the reference was found to have

    @property
    def first(self) -> str:
        return next((f"{name}: {n:,}" for name, n in self.layers.items() if n), "none")


def compare(row: Against, model: Model, found: dict[int, Any], wanted: dict[int, Any]) -> None:
    row.inputs += len(wanted[model.inputs[0]])
    for place, step in enumerate(model.steps):
        if step.output not in found:
            continue
        steps = np.abs(found[step.output].astype(np.int16) - wanted[step.output])
        differing, largest = int(np.count_nonzero(steps)), int(steps.max(initial=0))
        name = f"{place} {step.kind}"
        row.layers[name] = row.layers.get(name, 0) + differing
        row.bytes += steps.size
        row.differing += differing
        if step.output == model.outputs[0]:
            row.output_bytes += steps.size
            row.output_differing += differing
            row.output_steps = max(row.output_steps, largest)
        if step is logits(model):
            row.logits_steps = max(row.logits_steps, largest)
            row.beyond += int(np.count_nonzero(steps.reshape(len(steps), -1).max(axis=1) > 1))


def logits(model: Model) -> Step:
    last = model.steps[-1]
    return model.steps[-2] if last.kind == "SOFTMAX" else last


def explain(row: Against, model: Model, values: dict[int, Any], reference: Interpreted) -> None:
    for step in model.steps:
        row.own[step.kind] = row.own.get(step.kind, 0) + own_differences(model, step, values, row.rounding)
        row.unexplained += own_differences(model, step, values, reference.rounding(step))


def chunks(x: Any) -> Iterator[Any]:
    for start in range(0, len(x), CHUNK):
        yield x[start : start + CHUNK]


def measure(name: str, count: int, slow: int, folder: Path) -> list[Against]:
    path = MODELS / f"{name}_int8.tflite"
    data = path.read_bytes()
    model = tflite_oracle.read(data)
    kinds = drawn(model.tensors[model.inputs[0]], count)
    # one of each kind after the other: the first few are of all kinds
    x = np.concatenate(list(kinds.values()))[np.argsort(np.concatenate([np.arange(len(k)) for k in kinds.values()]))]
    rows = []
    for rounding in MODES:
        theirs = {kernels: Interpreted(data, kernels) for kernels in KERNELS}
        external = {k: Against(name, rounding, "host JIT", k) for k in theirs}
        for engine, make in ENGINES.items():
            compute = make(path, model, rounding, folder / f"{name}_{rounding}_{engine.replace(' ', '_')}")
            row = Against(name, rounding, engine, "oracle")
            for part in chunks(x[:slow] if engine in SLOW else x):
                found = compute(part)
                compare(row, model, found, tflite_oracle.run(model, [part], rounding))
                if engine != "host JIT":
                    continue
                for kernels, interpreter in theirs.items():
                    values = interpreter.run(part)
                    compare(external[kernels], model, found, values)
                    explain(external[kernels], model, values, interpreter)
            rows.append(row)
        rows += external.values()
    return rows


def ours(rows: Sequence[Against]) -> list[tuple[str, ...]]:
    """model x engine x mode x equality with the oracle."""
    table: list[tuple[str, ...]] = [("model", "rounding", *ENGINES, "layers")]
    for name, rounding in dict.fromkeys((r.model, r.rounding) for r in rows):
        found = {r.engine: r for r in rows if (r.model, r.rounding, r.reference) == (name, rounding, "oracle")}
        cells = [f"{r.differing:,} of {r.bytes:,} bytes ({r.inputs:,} inputs)" for r in found.values()]
        table.append((name, rounding, *cells, str(len(found["numpy"].layers))))
    return table


def interpreters(rows: Sequence[Against]) -> list[tuple[str, ...]]:
    head = ("model", "rounding", "interpreter", "output bytes that differ", "steps", "of logits", "inputs beyond 1",
            "first layer: bytes", "own", "unexplained")  # fmt: skip
    table: list[tuple[str, ...]] = [head]
    for r in rows:
        if r.reference != "oracle":
            own = ", ".join(f"{kind} {n:,}" for kind, n in r.own.items() if n) or "none"
            table.append((
                r.model, r.rounding, r.reference, f"{r.output_differing:,} of {r.output_bytes:,}", str(r.output_steps),
                str(r.logits_steps), f"{r.beyond} of {r.inputs:,}", r.first, own, str(r.unexplained),
            ))  # fmt: skip
    return table


def text(table: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="kws,ic,vww,ad")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=60, help="inputs for numpy and the emulator")
    args = parser.parse_args()
    if not MODELS.is_dir():
        print("skipped: the MLPerf Tiny models are not there (../shared/models)")
        return 0
    rows: list[Against] = []
    with tempfile.TemporaryDirectory(prefix="int8-exactness-") as folder:
        for name in args.models.split(","):
            rows += measure(name, args.inputs, args.slow, Path(folder))
    print(text(ours(rows)), "\n")
    print(text(interpreters(rows)))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "int8_exactness.json").write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n")
    differ = [r for r in rows if r.reference == "oracle" and r.differing]
    return 1 if differ or any(r.unexplained for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
