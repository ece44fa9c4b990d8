"""Fuzz every importer for a while and say what came of it; exit status 1 when something was found.

    .venv/bin/python bench/fuzz.py [--seconds 20] [--kinds onnx,graph,...] [--seed 0] [--engine auto|atheris|random]

Each kind of file is fuzzed in a process of its own (tests/fuzz/run.py): good files are damaged, then detected,
inspected and imported. With atheris, libFuzzer chooses by the coverage of the importers' byte code, which is "edges".
Inputs of findings stay in bench/results/fuzz/KIND/; once the cause is known they become a case of tests/attacks.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
START = 300  # seconds that imports and seeds may take beside the fuzzing itself


@dataclass(frozen=True)
class Outcome:
    kind: str
    result: dict[str, Any]
    edges: int | None  # None: without atheris
    ended: str  # "" or how the process died

    @property
    def findings(self) -> dict[str, dict[str, str]]:
        died = {self.ended: {"text": "the process ended", "input": "input"}} if self.ended else {}
        return {**self.result.get("findings", {}), **died}


def fuzz(kind: str, seconds: float, seed: int, engine: str) -> Outcome:
    out = RESULTS / "fuzz" / kind
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    words = [sys.executable, "-m", "tests.fuzz.run", kind, "--out", str(out), "--seconds", str(seconds)]
    words += ["--seed", str(seed), "--engine", engine]
    ended, said = "", ""
    try:
        done = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=seconds + START, check=False
        )
        said = done.stderr
        if done.returncode != 0:
            ended = f"exit status {done.returncode}"
            (out / "stderr.txt").write_text(said)
    except subprocess.TimeoutExpired as error:
        ended = "did not end"
        said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else ""
    file = out / "result.json"
    result = json.loads(file.read_text()) if file.is_file() else {}
    edges = re.findall(r"\bcov: (\d+)", said)
    return Outcome(kind, result, int(edges[-1]) if edges else None, ended)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="for each kind of file")
    parser.add_argument("--kinds", help="names with commas; all that this version reads without it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("auto", "atheris", "random"), default="auto")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from tests.fuzz.targets import available

    kinds = args.kinds.split(",") if args.kinds else available()
    head = f"{'kind':12} {'inputs':>8} {'per s':>6} {'edges':>6} {'accepted':>8} {'slowest':>8} {'peak':>9}  findings"
    print(head)
    rows = []
    for kind in kinds:
        outcome = fuzz(kind, args.seconds, args.seed, args.engine)
        r = outcome.result
        count, seconds = r.get("executions", 0), max(r.get("seconds", 0), 0.1)
        accepted = r.get("outcomes", {}).get("accepted", 0)
        print(
            f"{kind:12} {count:8} {count / seconds:6.0f} {outcome.edges or '–':>6} "
            f"{accepted:8} {r.get('slowest_s', 0):6.2f} s {r.get('peak_mib', 0):5} MiB  "
            f"{len(outcome.findings) or 'none'}",
            flush=True,
        )
        for signature, found in outcome.findings.items():
            print(f"             {signature}: {found['text']}  (bench/results/fuzz/{kind}/{found['input']})")
        rows.append({**r, "kind": kind, "edges": outcome.edges, "findings": outcome.findings})
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "fuzz.json").write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if any(row["findings"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
