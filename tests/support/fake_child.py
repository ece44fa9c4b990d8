"""A job's process whose "model" says what it shall do: `{"do": "compile", "seconds": 0.5}` as JSON.

Chosen by DEEPMETAL_CHILD_MODULE in tests of the service alone; it uses the real guard, limits and pipes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

from compiler.inspection import Inspection
from compiler.report import (
    FlashTotals,
    MemoryInfo,
    ModelInfo,
    RamTotals,
    Report,
    Toolchain,
    Totals,
    Validation,
)
from compiler.trace import STAGES
from worker.child import Emit, main


def work(job: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
    data = (folder / job["model"]).read_bytes()
    try:
        wish = json.loads(data)
    except ValueError:
        return error("E0101", "this is no model")
    if job["kind"] == "inspect":
        return {"result": inspection(job, data).model_dump(mode="json")}
    what = wish.get("do", "compile")
    if what == "error":
        return error("E0201", "the operator Warp is not supported")
    if what == "bug":
        raise RuntimeError("a bug")
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "memory":
        bytearray(1 << 40)
    if what == "nonsense":
        emit({"kind": "log", "stage": "nowhere", "message": "x"})
        (folder / "out.zip").write_bytes(b"no zip")
        return {"archive": "out.zip"}
    if what == "link":
        (folder / "out.zip").symlink_to("/etc/passwd")
        return {"archive": "out.zip"}
    if what == "silent":
        os._exit(3)
    if what == "chatter":
        for i in range(wish["lines"]):
            emit({"kind": "log", "stage": "import", "message": f"line {i} \x1b[31m<script>", "seconds": None})
    if what == "poison":  # kills its worker: the parent of the guard that is our parent
        os.kill(parent_of(os.getppid()), signal.SIGKILL)
        time.sleep(60)
    if what == "brood":  # leaves processes in groups of their own, as tools may
        for _ in range(3):
            subprocess.Popen(["sleep", wish["sleep"]], process_group=0)
    steps(float(wish.get("seconds", 0.0)), emit)
    write_zip(job, data, folder / "out.zip")
    return {"archive": "out.zip", "timings": dict.fromkeys(STAGES, 0.01)}


def steps(seconds: float, emit: Emit) -> None:
    for stage in STAGES:
        emit({"kind": "stage", "stage": stage, "message": "", "seconds": None})
        time.sleep(seconds / len(STAGES))
        emit({"kind": "stage_done", "stage": stage, "message": "", "seconds": seconds / len(STAGES)})


def write_zip(job: dict[str, Any], data: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report.json", report(job).to_json())
        archive.writestr("report.html", "<!doctype html><script>alert(1)</script><h1>Report</h1>")
        archive.writestr("report.md", "# Report\n")
        archive.writestr("src/model.c", "int model_run(void) { return 0; }\n")
        archive.writestr("test/echo.bin", data)


def report(job: dict[str, Any]) -> Report:
    return Report(
        deepmetal_version="0",
        model=ModelInfo(name=job["name"], sha256="0" * 64, format="fake", inputs=[], outputs=[], parameters=0, macs=1),
        options=job["options"],
        toolchain=Toolchain(compiler="none", compiler_version="0", flags=[]),
        totals=Totals(
            macs=42,
            flash=FlashTotals(code=10, weights=20, other=0, total=30),
            ram=RamTotals(arena=64, static=8, stack=100, total=172),
            instructions=1000,
        ),
        layers=[],
        passes=[],
        memory=MemoryInfo(arena_bytes=64, lower_bound_bytes=64, tensors=[]),
        validation=Validation(
            reference="none", vectors=1, max_abs_error=0.0, max_rel_error=0.0, cosine=1.0, bit_exact=True,
            tolerance=1e-5, passed=True,
        ),
    )  # fmt: skip


def inspection(job: dict[str, Any], data: bytes) -> Inspection:
    return Inspection(
        name=job["name"], format="fake", sha256="0" * 64, size=len(data), inputs=[], outputs=[], operators=[],
        parameters=0, macs=0, compilable=True,
    )  # fmt: skip


def error(code: str, title: str) -> dict[str, Any]:
    return {"error": {"kind": "model", "code": code, "title": title, "where": "", "facts": {}, "help": ""}}


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


if __name__ == "__main__":
    main(sys.argv[1:], work)
