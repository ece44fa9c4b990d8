"""MLPerf Tiny int8 models on the emulated Cortex-M4: executed instructions, flash, RAM, against bars and peers.

    .venv/bin/python bench/cortex_m4_int8.py [--compilers gcc,clang] [--models kws,vww,ic,ad] [--rounding single,double]
                                             [--layers]

Instructions and bytes are exact and repeat. The peers' figures were measured the same way (QEMU 7.2, mps2-an386,
instructions of one inference) and are written down in ../shared/baselines/cortex_m4.md, sections 1 and 3: CMSIS-NN's
kernels called in a row (with single and with double rounding, gcc -O2), TensorFlow Lite Micro with them, and TinyEngine
for vww, whose numbers differ from the model's. None of them can be installed from a package registry with its runtime,
so they are quoted. Cycles are estimated for NUCLEO-L4R5ZI, with the error that bench/cycles.py finds.
`--layers` prints every layer beside CMSIS-NN's (double rounding). Exit status 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from compiler.options import CompileOptions
from compiler.pipeline import compile_model

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT.parent / "shared" / "models"
RESULTS = ROOT / "bench" / "results"
CODE, STACK = 16 * 1024, 1_024  # bars for every model


@dataclass(frozen=True)
class Peer:
    """The bars, and the peers' figures."""

    instructions: int  # the bar, single rounding
    ram: int  # the bar: arena + static
    single: int  # CMSIS-NN, single rounding
    double: int  # CMSIS-NN, double rounding
    tflm: int  # TensorFlow Lite Micro with CMSIS-NN, double rounding
    flash: int  # the smallest total of any peer
    best_ram: int  # the smallest activations + static + stack of any peer
    layers: tuple[int, ...]  # CMSIS-NN, double rounding


PEERS = {
    "kws": Peer(
        6_000_000, 16_000, 7_317_099, 7_694_531, 7_698_243, 48_240, 16_628,
        (1_118_172, 560_975, 1_069_024, 560_974, 1_069_024, 560_974, 1_069_024, 560_974, 1_069_025, 50_752, 2_182,
         3_460),
    ),
    "vww": Peer(
        18_000_000, 55_296, 22_895_695, 24_091_952, 24_101_520, 244_880, 55_932,
        (3_045_019, 1_469_171, 1_954_960, 700_530, 1_168_736, 1_351_991, 1_589_600, 338_210, 801_281, 653_578,
         1_226_752, 163_489, 635_457, 311_248, 1_079_360, 311_248, 1_079_360, 311_248, 1_079_360, 311_248, 1_079_360,
         311_249, 1_079_361, 77_853, 635_200, 142_685, 1_164_609, 17_489, 1_202, 1_182),
    ),
    "ic": Peer(
        24_000_000, 49_728, 28_994_779, 29_858_648, 29_863_535, 97_298, 50_388,
        (2_110_079, 5_493_135, 5_493_136, 1_331_473, 2_520_661, 4_543_884, 563_625, 669_720, 2_189_000, 4_155_748,
         421_393, 334_728, 26_420, 1_842, 3_842),
    ),
    "ad": Peer(
        500_000, 768, 576_011, 579_222, 582_339, 274_582, 1_036,
        (160_081, 37_204, 37_220, 37_209, 2_455, 8_349, 37_213, 37_191, 37_176, 185_742),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class LayerRow:
    name: str
    op: str
    schedule: str
    macs: int
    instructions: int


@dataclass(frozen=True)
class Row:
    model: str
    compiler: str
    rounding: str
    macs: int
    instructions: int
    cycles: int  # estimated, for the board below
    cycles_error_percent: float
    arena: int
    static: int
    stack: int
    code: int  # with what it pulls in from the compiler's libraries
    weights: int
    exact: bool  # the firmware equals the numpy definition of the integer graph, bit for bit
    within_bars: bool
    layers: tuple[LayerRow, ...]

    @property
    def flash(self) -> int:
        return self.code + self.weights


def measure(model: str, compiler: str, rounding: str) -> Row:
    options = CompileOptions(compiler=compiler, rounding=rounding, vectors=2)
    with tempfile.TemporaryDirectory() as folder:
        report = compile_model(MODELS / f"{model}_int8.tflite", options, Path(folder) / "out").report
    totals, peer = report.totals, PEERS[model]
    assert totals.instructions is not None and totals.ram.static is not None and totals.ram.stack is not None
    assert totals.cycles is not None and totals.cycles_error_percent is not None
    assert report.validation is not None
    code = (totals.flash.code or 0) + (totals.flash.other or 0)
    within = (
        (rounding == "double" or totals.instructions <= peer.instructions)
        and totals.ram.arena + totals.ram.static <= peer.ram
        and totals.ram.stack <= STACK
        and code <= CODE
        and report.validation.passed
    )
    return Row(
        model=model,
        compiler=f"{report.toolchain.compiler} {report.toolchain.compiler_version}",
        rounding=rounding,
        macs=totals.macs,
        instructions=totals.instructions,
        cycles=totals.cycles,
        cycles_error_percent=totals.cycles_error_percent,
        arena=totals.ram.arena,
        static=totals.ram.static,
        stack=totals.ram.stack,
        code=code,
        weights=totals.flash.weights or 0,
        exact=report.validation.passed,
        within_bars=within,
        layers=tuple(
            LayerRow(layer.name, layer.op, layer.schedule, layer.macs, layer.instructions or 0)
            for layer in report.layers
        ),
    )


def aligned(lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in lines)


def table(rows: list[Row]) -> str:
    head = ("model", "compiler", "rounding", "instructions", "per MAC", "bar", "CMSIS-NN", "ours/it", "TFLM",
            "ours/it", "cycles (est.)", "within", "RAM", "bar", "best peer", "stack", "code", "flash", "best peer",
            "exact", "bars")  # fmt: skip
    lines = [head]
    for r in rows:
        p = PEERS[r.model]
        same = p.single if r.rounding == "single" else p.double
        lines.append((
            r.model, r.compiler, r.rounding, f"{r.instructions:,}", f"{r.instructions / r.macs:.2f}",
            f"{p.instructions:,}" if r.rounding == "single" else "",
            f"{same:,}", f"{r.instructions / same:.2f}", f"{p.tflm:,}", f"{r.instructions / p.tflm:.2f}",
            f"{r.cycles:,}", f"±{r.cycles_error_percent:g} %", f"{r.arena + r.static:,}", f"{p.ram:,}",
            f"{p.best_ram - r.stack:,}", f"{r.stack:,}", f"{r.code:,}", f"{r.flash:,}", f"{p.flash:,}",
            "yes" if r.exact else "NO", "met" if r.within_bars else "MISSED",
        ))  # fmt: skip
    return aligned(lines)


def layer_table(row: Row) -> str:
    """Ours beside CMSIS-NN's, in the order of execution; layouts that only we have are left out there."""
    lines: list[tuple[str, ...]] = [("layer", "operator", "schedule", "MACs", "instructions", "per MAC", "CMSIS-NN",
                                     "ours/it")]  # fmt: skip
    theirs = PEERS[row.model].layers
    ours = [layer for layer in row.layers if not layer.op.startswith("Copy")]
    known = len(ours) == len(theirs)
    for i, layer in enumerate(ours):
        peer = theirs[i] if known else None
        lines.append((
            layer.name[:24], layer.op, layer.schedule, f"{layer.macs:,}", f"{layer.instructions:,}",
            f"{layer.instructions / layer.macs:.2f}" if layer.macs else "",
            f"{peer:,}" if peer else "", f"{layer.instructions / peer:.2f}" if peer else "",
        ))  # fmt: skip
    return aligned(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compilers", default="gcc,clang")
    parser.add_argument("--models", default=",".join(PEERS))
    parser.add_argument("--rounding", default="single,double")
    parser.add_argument("--layers", action="store_true", help="print every layer of the first row of each model")
    args = parser.parse_args()
    if not MODELS.is_dir():
        print("skipped: the MLPerf Tiny models are not there (../shared/models)")
        return 0
    rows = [
        measure(m, c, r) for m in args.models.split(",") for c in args.compilers.split(",")
        for r in args.rounding.split(",")
    ]  # fmt: skip
    print(table(rows))
    if args.layers:
        for first in {r.model: r for r in reversed(rows)}.values():
            print(f"\n{first.model}, {first.compiler}, {first.rounding} rounding\n{layer_table(first)}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cortex_m4_int8.json").write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n")
    return 0 if all(r.within_bars for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
