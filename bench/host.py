"""Float models on this computer, in process: our kernels through LLVM against ONNX Runtime, one thread each.

    .venv/bin/python bench/host.py [--models ad,kws,ic,vww] [--rounds 15]

Both are called from Python with numpy arrays. Bursts of some 20 ms alternate between the two, in an order that changes
with each round, so that a busy computer slows both; what counts is the ratio of the medians. Ours multiplies and adds
separately (same bits on every target), ONNX Runtime fuses where the processor can.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from compiler import targets
from compiler.jit import Jitted
from compiler.lower import lower
from compiler.options import CompileOptions
from compiler.passes.order import optimize
from compiler.source import load

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT.parent / "shared" / "models"
RESULTS = ROOT / "bench" / "results"
BURST = 0.02  # seconds


@dataclass(frozen=True)
class Row:
    model: str
    macs: int
    ours_us: float
    onnxruntime_us: float
    ratio: float
    compile_s: float
    largest_difference: float


def burst(call: Callable[[], object]) -> float:
    """Seconds of one call, the mean over a burst."""
    started = time.perf_counter()
    calls = 0
    while time.perf_counter() - started < BURST:
        call()
        calls += 1
    return (time.perf_counter() - started) / calls


def measure(model: str, rounds: int) -> Row:
    import onnxruntime

    path = MODELS / f"{model}_float.onnx"
    options = CompileOptions(target="host")
    features = frozenset(targets.target("host").features)
    graph = optimize(load(path, options).graph, rounding=options.rounding).graph
    program = lower(graph, features, options.optimize, options.name)
    started = time.perf_counter()
    ours = Jitted(program, options)
    compile_seconds = time.perf_counter() - started
    one_thread = onnxruntime.SessionOptions()
    one_thread.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), one_thread, providers=["CPUExecutionProvider"])
    chance = np.random.default_rng(0)
    given = {s.name: chance.standard_normal(s.shape, np.float32) for s in program.inputs}
    want = session.run(None, given)
    got = list(ours.run(given).values())
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: ours.run(given),
        "theirs": lambda: session.run(None, given),
    }
    for turn in range(rounds):
        for name in sorted(calls, reverse=bool(turn % 2)):
            seconds[name].append(burst(calls[name]))
    mine, theirs = statistics.median(seconds["ours"]), statistics.median(seconds["theirs"])
    return Row(
        model=model,
        macs=sum(layer.macs for layer in program.layers),
        ours_us=mine * 1e6,
        onnxruntime_us=theirs * 1e6,
        ratio=mine / theirs,
        compile_s=compile_seconds,
        largest_difference=max(float(np.abs(a - b).max()) for a, b in zip(got, want, strict=True)),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="ad,kws,ic,vww")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    if not MODELS.is_dir():
        print("skipped: the MLPerf Tiny models are not there (../shared/models)")
        return 0
    import onnxruntime

    rows = [measure(m, args.rounds) for m in args.models.split(",")]
    print(f"features of this computer: {', '.join(targets.target('host').features)}")
    print(f"{'model':6} {'ours':>9} {'ONNX Runtime ' + onnxruntime.__version__:>22} {'ours/it':>8} {'compile':>8}")
    for r in rows:
        print(f"{r.model:6} {r.ours_us:6.0f} us {r.onnxruntime_us:19.0f} us {r.ratio:8.2f} {r.compile_s:6.2f} s")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "host.json").write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
