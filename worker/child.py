"""The process that does one job: `python -m worker.child FOLDER EVENTS_FD`.

It reads FOLDER/job.json, writes events as JSON lines to the pipe EVENTS_FD, and leaves FOLDER/result.json. It is two
processes: a guard, which only waits, and the one that opens the model, confined to FOLDER. When the worker vanishes,
the guard reads the end of its standard input and kills the whole session, compilers and emulators included.
"""

from __future__ import annotations

import json
import os
import select
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from compiler.sandbox.confine import confine
from compiler.sandbox.limits import Limits, limit
from compiler.sandbox.seccomp import NotHere
from server.codes import BUG, CHILD_DIED, NOT_CONFINED
from worker import session

Emit = Callable[[dict[str, Any]], None]
BESIDE = ("vectors", "calibration", "labels", "samples")  # files that a compilation may be given beside its model
Work = Callable[[dict[str, Any], Path, Emit], dict[str, Any]]


def main(arguments: list[str], work: Work) -> NoReturn:
    """Guard a forked process that does the work, or be that process."""
    folder, events = Path(arguments[0]), int(arguments[1])
    job = json.loads((folder / "job.json").read_text())
    limits = Limits(**job["limits"])
    limit(limits)
    os.chdir(folder)
    # Only this thread exists and nothing of the compiler is imported yet: the one moment when a fork is cheap and safe.
    pid = os.fork()
    if pid:
        os.close(events)
        guard(pid)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def confined(job: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
        try:
            confine(job["sandbox"], limits, folder)
        except (NotHere, OSError) as error:
            traceback.print_exc()
            return failure("tool", NOT_CONFINED, f"the job could not be confined: {error}", "Restart the worker.")
        return work(job, folder, emit)

    os._exit(perform(job, folder, events, confined))


def guard(pid: int) -> NoReturn:
    """Wait for the process to end, or for the worker to vanish."""
    process = os.pidfd_open(pid)
    while True:
        ready, _, _ = select.select([0, process], [], [])
        if 0 in ready and not os.read(0, 4096):
            session.kill(os.getsid(0), spare=os.getpid())
            os._exit(1)
        if process in ready:
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os._exit(code if code >= 0 else 128 - code)


def perform(job: dict[str, Any], folder: Path, events: int, work: Work) -> int:
    """Do the work; whatever happens becomes data in result.json."""
    with os.fdopen(events, "w", buffering=1, encoding="utf-8") as pipe:

        def emit(event: dict[str, Any]) -> None:
            pipe.write(json.dumps(event) + "\n")

        try:
            result = work(job, folder, emit)
        except MemoryError:
            traceback.print_exc()
            title = f"the job needs more than the {job['limits']['memory'] >> 20} MiB of memory it may use"
            result = failure("tool", CHILD_DIED, title, "Try a smaller model, or raise DEEPMETAL_JOB_MEMORY.")
        except Exception as error:  # noqa: BLE001 -- a bug must end as a result too; its traceback is in the worker's log
            traceback.print_exc()
            title = f"the compiler failed: {type(error).__name__}"
            result = failure("bug", BUG, title, "This is a bug of ours. Please report it with the model, if you may.")
        partial = folder / "result.part"
        partial.write_text(json.dumps(result))
        partial.rename(folder / "result.json")
    return 0


def failure(kind: str, code: str, title: str, help: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "code": code, "title": title, "where": "", "facts": {}, "help": help}}


def compile_or_inspect(job: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
    """The real work. The compiler is imported here, in the confined process, and nowhere else."""
    from compiler.errors import DeepMetalError
    from compiler.options import CompileOptions
    from compiler.pipeline import compile_model, inspect_model
    from compiler.trace import Trace

    given = dict(job["options"])
    asked = given.pop("targets", ())
    options = CompileOptions.model_validate(given)
    model = folder / job["model"]
    beside: dict[str, Any] = {part: folder / job[part] for part in BESIDE if job[part]}
    try:
        if job["kind"] == "inspect":
            found = inspect_model(model, options, display_name=job["name"], asked=asked)
            return {"result": found.model_dump(mode="json")}
        artifact = compile_model(
            model,
            options,
            folder / "out",
            trace=Trace(lambda event: emit(event.to_json())),
            display_name=job["name"],
            **beside,
        )
        return {"archive": artifact.archive.name, "timings": dict(artifact.report.timings)}
    except DeepMetalError as error:
        # Code that disagrees with its model, or exceeds a budget, is written all the same: it is worth a look.
        archive = "out.zip" if (folder / "out.zip").is_file() else None
        return {"error": error.to_json(), "archive": archive}


if __name__ == "__main__":
    main(sys.argv[1:], compile_or_inspect)
