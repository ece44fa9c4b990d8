"""Float models on this computer with 1, 2, ... threads: the object in the zip, called in a loop.

    .venv/bin/python bench/threads.py [--models kws,ic,ad,vww] [--threads 1,2] [--rounds 9]

Each round runs one process per number of threads, in an order that changes. Threads that wait for each other at the
end of a loop suffer most where the processors have other things to do: there the median of the rounds' means is far
above the best run, and more threads than processors only cost. The fingerprint is of all outputs: it must not depend
on the number of threads, or the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from compiler.options import CompileOptions
from compiler.pipeline import compile_model

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT.parent / "shared" / "models"
RESULTS = ROOT / "bench" / "results"

PROGRAM = r"""
#include <stdio.h>
#include <time.h>
#include "model.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* The fastest single run, and the mean of all. */
static double burst(double least, double *mean)
{
    const double start = now();
    double best = 1e12;
    int runs = 0;
    do {
        const double before = now();
        model_run(NULL, NULL);
        const double took = now() - before;
        best = took < best ? took : best;
        runs++;
    } while (now() - start < least);
    *mean = (now() - start) / runs;
    return best;
}

int main(void)
{
    float *const x = model_input(0);
    for (int i = 0; i < MODEL_INPUT_0_ELEMENTS; i++) {
        x[i] = (float)(i % 17) / 8.0f - 1.0f;
    }
    model_run(NULL, NULL);
    const unsigned char *const y = model_output(0);
    unsigned fingerprint = 2166136261u;
    for (int i = 0; i < MODEL_OUTPUT_0_BYTES; i++) {
        fingerprint = (fingerprint ^ y[i]) * 16777619u;
    }
    double mean = 0.0;
    burst(20000.0, &mean);
    const double best = burst(60000.0, &mean);
    printf("%.3f %.3f %08x\n", best, mean, fingerprint);
    return 0;
}
"""


@dataclass(frozen=True)
class Row:
    model: str
    threads: int
    shared_loops: int
    best_us: float  # the fastest run of all rounds: what an idle computer does
    median_us: float  # of the rounds' means: what this computer did just now
    faster: float  # best against best of one thread
    fingerprint: str


def build(model: str, threads: int, folder: Path) -> tuple[Path, int]:
    """The program around the object, and how many of its loops are shared."""
    out = folder / f"{model}-{threads}"
    options = CompileOptions(target="host", threads=threads, run=False)
    files = compile_model(MODELS / f"{model}_float.onnx", options, out).files
    (out / "bench.c").write_text(PROGRAM)
    command = ["gcc", "-O2", "-std=gnu99", "-Iinclude", "bench.c", "lib/host/model.o", "-fopenmp", "-o", "bench"]
    subprocess.run(command, cwd=out, check=True, timeout=120)
    return out / "bench", files["src/model.c"].count(b"    PARALLEL\n")


def measure(model: str, threads: list[int], rounds: int, folder: Path) -> list[Row]:
    built = {n: build(model, n, folder) for n in threads}
    best: dict[int, list[float]] = {n: [] for n in threads}
    mean: dict[int, list[float]] = {n: [] for n in threads}
    prints: dict[int, str] = {}
    for i in range(rounds):
        for n in threads[i % len(threads) :] + threads[: i % len(threads)]:
            said = subprocess.run([built[n][0]], capture_output=True, text=True, check=True, timeout=120).stdout
            one, many, prints[n] = said.split()
            best[n].append(float(one))
            mean[n].append(float(many))
    least = {n: min(times) for n, times in best.items()}
    return [
        Row(model, n, built[n][1], least[n], statistics.median(mean[n]), least[threads[0]] / least[n], prints[n])
        for n in threads
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="kws,ic,ad,vww")
    parser.add_argument("--threads", default=",".join(str(n) for n in (1, 2, 4) if n <= (os.cpu_count() or 1)))
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    if not MODELS.is_dir():
        print(f"needs the models in {MODELS}")
        return 0
    rows: list[Row] = []
    print(f"{'model':6} {'threads':>7} {'shared loops':>12} {'best µs':>10} {'median µs':>10} {'faster':>7}  outputs")
    with tempfile.TemporaryDirectory() as folder:
        for model in args.models.split(","):
            for row in measure(model, [int(n) for n in args.threads.split(",")], args.rounds, Path(folder)):
                rows.append(row)
                print(f"{row.model:6} {row.threads:7} {row.shared_loops:12} {row.best_us:10.1f} {row.median_us:10.1f} "
                      f"{row.faster:6.2f}x  {row.fingerprint}", flush=True)  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "threads.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    same = all(len({r.fingerprint for r in rows if r.model == m}) == 1 for m in {r.model for r in rows})
    print("the same bits with any number of threads" if same else "RESULTS DEPEND ON THE NUMBER OF THREADS")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
