"""Seconds that `deepmetal inspect` takes: a fresh process each, as the command line and the service start one.

python bench/inspections.py              the corpus, a model of 10 MB, and one of 2,000 nodes
python bench/inspections.py FILE...      these files
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.large_models import ten_megabytes, two_thousand_nodes

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "inspections.json"
SHARED = ROOT.parent / "shared" / "models"
GOAL = 2.0  # seconds for 10 MB
RUNS = 3
# what the file costs beside starting Python and importing the compiler
INSIDE = (
    "import sys, time; from pathlib import Path; from compiler.inspect import inspect_model; "
    "from compiler.options import CompileOptions; start = time.perf_counter(); "
    "found = inspect_model(Path(sys.argv[1]), CompileOptions()); print(time.perf_counter() - start, found.compilable)"
)


def corpus(folder: Path) -> list[Path]:
    made = {"10mb.onnx": ten_megabytes(), "2000_nodes.onnx": two_thousand_nodes()}
    for name, content in made.items():
        (folder / name).write_bytes(content)
    samples = sorted((ROOT / "compiler/samples/data").glob("*.pth"))
    given = sorted(SHARED.glob("*.onnx")) + sorted(SHARED.glob("*_float.tflite")) if SHARED.is_dir() else []
    return [*samples, *given, *(folder / name for name in made)]


def measure(path: Path) -> dict[str, object]:
    whole, inside, compilable = [], [], ""
    for _ in range(RUNS):
        start = time.perf_counter()
        said = subprocess.run(
            [sys.executable, "-c", INSIDE, path], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )
        whole.append(time.perf_counter() - start)
        if said.returncode:
            return {"file": path.name, "error": said.stderr.strip().splitlines()[-1][:200]}
        seconds, compilable = said.stdout.split()
        inside.append(float(seconds))
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "compilable": compilable == "True",
        "process_s": round(statistics.median(whole), 3),
        "inspection_s": round(statistics.median(inside), 3),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(path) for path in [Path(a) for a in sys.argv[1:]] or corpus(Path(folder))]
    print("| file | bytes | compiles | whole process, s | inspection alone, s |\n| --- | ---: | --- | ---: | ---: |")
    for row in rows:
        if "error" in row:
            print(f"| {row['file']} | refused: {row['error']} | | | |")
        else:
            yes = "yes" if row["compilable"] else "no"
            print(f"| {row['file']} | {row['bytes']:,} | {yes} | {row['process_s']:.2f} | {row['inspection_s']:.2f} |")
    print(f"\nMedian of {RUNS} runs. Goal: {GOAL:g} s for a model of 10 MB.")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
