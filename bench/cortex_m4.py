"""MLPerf Tiny float models on the emulated Cortex-M4: executed instructions, flash, RAM, against bars and peers.

    .venv/bin/python bench/cortex_m4.py [--compilers gcc,clang] [--models kws,ic,ad,vww]

Instructions and bytes are exact and repeat. The peers' figures were measured the same way (QEMU 7.2, mps2-an386,
instructions of one inference) and are written down in ../shared/baselines/cortex_m4.md; none of those peers can be
installed from a package registry, but for the code generators whose runtime would be missing, so they are quoted.
Cycles are estimated for NUCLEO-L4R5ZI (120 MHz, 5 wait states), with the error that bench/cycles.py finds.
"Unfused" peers multiply and add separately, as we do: same rounding, fewer cycles per operation on this core.
Exit status 1 when a bar is missed.
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


@dataclass(frozen=True)
class Peer:
    """The bar of the issue, and the best figures of any peer."""

    instructions: int  # the bar
    ram: int  # the bar: arena + static
    unfused: int  # best peer, unfused multiply-add
    unfused_by: str
    fused: int  # best peer, fused multiply-add
    fused_by: str
    best_ram: int  # best peer: activations + static + stack


PEERS = {
    "kws": Peer(13_500_000, 66_008, 13_502_983, "onnx2c clang", 11_258_068, "onnx2c clang", 66_221),
    "ic": Peer(56_000_000, 201_760, 55_663_251, "IREE", 43_838_281, "IREE", 202_609),
    "ad": Peer(1_020_000, 3_072, 1_019_180, "IREE", 754_988, "IREE", 3_180),
    "vww": Peer(37_000_000, 258_040, 36_826_857, "IREE", 29_432_441, "IREE", 258_592),
}
STACK = 1_024


@dataclass(frozen=True)
class Row:
    model: str
    compiler: str
    macs: int
    instructions: int
    cycles: int  # estimated, for the board below
    cycles_error_percent: float
    arena: int
    static: int
    stack: int
    code: int
    weights: int
    other: int
    max_rel_error: float
    passed: bool
    within_bars: bool


def measure(model: str, compiler: str) -> Row:
    options = CompileOptions(compiler=compiler, vectors=2)
    with tempfile.TemporaryDirectory() as folder:
        report = compile_model(MODELS / f"{model}_float.onnx", options, Path(folder) / "out").report
    totals, peer = report.totals, PEERS[model]
    assert totals.instructions is not None and totals.ram.static is not None and totals.ram.stack is not None
    assert totals.cycles is not None and totals.cycles_error_percent is not None
    assert report.validation is not None
    within = (
        totals.instructions <= peer.instructions
        and totals.ram.arena + totals.ram.static <= peer.ram
        and totals.ram.stack <= STACK
        and report.validation.passed
    )
    return Row(
        model=model,
        compiler=f"{report.toolchain.compiler} {report.toolchain.compiler_version}",
        macs=totals.macs,
        instructions=totals.instructions,
        cycles=totals.cycles,
        cycles_error_percent=totals.cycles_error_percent,
        arena=totals.ram.arena,
        static=totals.ram.static,
        stack=totals.ram.stack,
        code=totals.flash.code or 0,
        weights=totals.flash.weights or 0,
        other=totals.flash.other or 0,
        max_rel_error=report.validation.max_rel_error,
        passed=report.validation.passed,
        within_bars=within,
    )


def table(rows: list[Row]) -> str:
    head = ("model", "compiler", "instructions", "per MAC", "cycles (est.)", "within", "bar", "best unfused peer",
            "ours/it", "best fused peer", "ours/it", "RAM", "bar", "best peer", "stack", "code", "weights", "error",
            "bars")  # fmt: skip
    lines = [head]
    for r in rows:
        p = PEERS[r.model]
        lines.append((
            r.model, r.compiler, f"{r.instructions:,}", f"{r.instructions / r.macs:.2f}", f"{r.cycles:,}",
            f"±{r.cycles_error_percent:g} %", f"{p.instructions:,}",
            f"{p.unfused:,} ({p.unfused_by})", f"{r.instructions / p.unfused:.2f}",
            f"{p.fused:,} ({p.fused_by})", f"{r.instructions / p.fused:.2f}",
            f"{r.arena + r.static:,}", f"{p.ram:,}", f"{p.best_ram:,}", f"{r.stack:,}", f"{r.code:,}",
            f"{r.weights:,}", f"{r.max_rel_error:.1e}", "met" if r.within_bars else "MISSED",
        ))  # fmt: skip
    widths = [max(len(row[i]) for row in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compilers", default="gcc,clang")
    parser.add_argument("--models", default=",".join(PEERS))
    args = parser.parse_args()
    if not MODELS.is_dir():
        print("skipped: the MLPerf Tiny models are not there (../shared/models)")
        return 0
    rows = [measure(m, c) for m in args.models.split(",") for c in args.compilers.split(",")]
    print(table(rows))
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps([asdict(r) for r in rows], indent=1) + "\n"
    (RESULTS / "cortex_m4.json").write_text(text)
    return 0 if all(r.within_bars for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
