"""Opens every ONNX file of a folder under limits and prints what came of it, one JSON line each.

    python -m tests.attacks.run_onnx FOLDER

A process of its own, so that a file that takes the memory or the process down takes nothing else with it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from compiler.errors import DeepMetalError
from compiler.inspect import inspect_model
from compiler.options import CompileOptions
from compiler.source import load

MEMORY = 2 << 30
SECONDS = 120  # of processor time, for all files


def outcome(path: Path) -> dict[str, object]:
    result: dict[str, object] = {"name": path.stem, "inspect": "", "load": ""}
    start = time.process_time()
    for verb, function in (("inspect", inspect_model), ("load", load)):
        try:
            function(path, CompileOptions())
        except DeepMetalError as error:
            result[verb] = f"{error.kind} {error.code}"
        except Exception as error:  # noqa: BLE001 - the finding of this test
            result[verb] = f"raised {type(error).__name__}: {error}"[:300]
    result["seconds"] = round(time.process_time() - start, 2)
    return result


def main(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    for path in sorted(folder.glob("*.onnx")):
        print(json.dumps({"begin": path.stem}), flush=True)
        print(json.dumps(outcome(path)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
