"""Reading what a job's process left behind. It opened a hostile model, so its word is checked like any upload."""

from __future__ import annotations

import json
import os
import signal
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from compiler.inspection import Inspection
from compiler.report import Report
from compiler.trace import STAGES
from server.codes import BAD_RESULT, CHILD_DIED, TOO_SLOW, USES_TOO_MUCH
from server.lease import Claim, Outcome
from server.mebibytes import MIB
from server.schemas import ErrorPublic, Summary
from server.settings import Settings
from server.storage import Storage

MAX_RESULT = 16 * MIB
MAX_MEMBERS = 10_000
MAX_TEXT = 4000
STAGE_NAMES = frozenset(STAGES)


class BadResult(Exception):
    """The process left something that no job of ours leaves."""


class ChildResult(BaseModel):
    """result.json."""

    model_config = ConfigDict(extra="forbid")

    result: Inspection | None = None
    archive: str | None = None
    timings: dict[str, float] = Field(default_factory=dict)
    error: ErrorPublic | None = None


def read_outcome(claim: Claim, folder: Path, storage: Storage, settings: Settings, fingerprint: str) -> Outcome:
    """How the job ended, with its artifact stored; `BadResult` when that cannot be said."""
    try:
        found = ChildResult.model_validate_json(read_plain(folder / "result.json", MAX_RESULT))
    except (OSError, ValidationError) as error:
        raise BadResult(f"result.json: {type(error).__name__}") from error
    if claim.kind == "inspect":
        if found.result is None and found.error is None:
            raise BadResult("neither a result nor an error")
        result = found.result.model_dump(mode="json") if found.result else None
        return Outcome(state_of(found), result=result, error=public_error(found.error), fingerprint=fingerprint)
    if found.archive is None and found.error is None:
        raise BadResult("neither an artifact nor an error")
    outcome = Outcome(state_of(found), error=public_error(found.error), fingerprint=fingerprint)
    if found.archive is None:
        return outcome
    archive = folder / "out.zip"
    report = read_report(archive, int(settings.max_artifact))
    blob = storage.put_path(archive)
    return Outcome(
        outcome.state,
        artifact_sha256=blob.sha256,
        artifact_size=blob.size,
        summary=summary(report).model_dump(),
        result={"timings": found.timings},
        error=outcome.error,
        fingerprint=fingerprint,
    )


def read_report(archive: Path, limit: int) -> Report:
    """The report in a zip that is what it should be: a plain file of bounded size, with plain names."""
    try:
        with open_plain(archive, limit) as file, zipfile.ZipFile(file) as members:
            infos = members.infolist()
            if len(infos) > MAX_MEMBERS or sum(info.file_size for info in infos) > 4 * limit:
                raise BadResult("out.zip: too much in it")
            names = [info.filename for info in infos]
            if len(set(names)) != len(names) or not all(map(is_plain_name, names)):
                raise BadResult("out.zip: a name that leads elsewhere")
            info = members.getinfo("report.json")
            if info.file_size > 4 * MAX_RESULT:
                raise BadResult("report.json: too large")
            return Report.model_validate_json(members.read(info))
    except (OSError, KeyError, ValidationError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise BadResult(f"out.zip: {type(error).__name__}") from error


def is_plain_name(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and name.isprintable() and "\\" not in name


def summary(report: Report) -> Summary:
    """The numbers for a history."""
    totals = report.totals
    return Summary(
        instructions=totals.instructions,
        flash_total=totals.flash.total,
        ram_total=totals.ram.total,
        arena=totals.ram.arena,
        stack=totals.ram.stack,
        macs=totals.macs,
        max_abs_error=report.validation.max_abs_error if report.validation else None,
        validation_passed=report.validation.passed if report.validation else None,
        latency_ms=totals.latency_ms,
        cycles=totals.cycles,
        cycles_error_percent=totals.cycles_error_percent,
        clock_mhz=totals.clock_mhz,
    )


def died(code: int, cpu_seconds: int) -> Outcome:
    """The process ended without a result: killed by a signal, or by running out of something."""
    if -code == signal.SIGXCPU:
        return too_slow(cpu_seconds)
    how = signal.Signals(-code).name if code < 0 and -code in set(signal.Signals) else f"status {code}"
    help = "It may have run out of memory; try a smaller model. The worker's log has what it said last."
    return failed(CHILD_DIED, "the process that did the job died", {"ended by": how}, help)


def too_slow(seconds: float) -> Outcome:
    title = f"the job did not end within {seconds:g} s"
    return failed(TOO_SLOW, title, {}, "Try a smaller model, or raise DEEPMETAL_JOB_SECONDS.")


def too_much(excess: str) -> Outcome:
    title = "the job used more than one job may use"
    return failed(
        USES_TOO_MUCH, title, {"excess": excess}, "Try a smaller model, or raise DEEPMETAL_JOB_MEMORY or _JOB_DISK."
    )


def bad_result(error: BadResult) -> Outcome:
    return failed(BAD_RESULT, "the job's process left no result that can be used", {"reason": str(error)}, "")


def failed(code: str, title: str, facts: dict[str, str], help: str) -> Outcome:
    error = ErrorPublic(kind="tool", code=code, title=title, facts=facts, help=help)
    return Outcome("failed", error=error.model_dump())


def state_of(found: ChildResult) -> str:
    return "failed" if found.error else "succeeded"


def public_error(error: ErrorPublic | None) -> dict[str, Any] | None:
    """The child's error with its texts cut to a size that fits a page."""
    if error is None:
        return None
    fields = error.model_dump()
    for name in ("kind", "code", "title", "where", "help"):
        fields[name] = clean(fields[name])
    fields["facts"] = {clean(k)[:100]: clean(v) for k, v in list(fields["facts"].items())[:200]}
    return fields


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Text without control characters, which a terminal would obey, and not endless."""
    kept = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text[: limit + 1])
    return kept if len(kept) <= limit else kept[:limit] + " …"


def read_plain(path: Path, limit: int) -> bytes:
    with open_plain(path, limit) as file:
        return file.read(limit)


def open_plain(path: Path, limit: int) -> BinaryIO:
    """Open a regular file, never what a link points at, and nothing larger than `limit`."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            raise BadResult(f"{path.name}: no plain file, or too large")
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def tail(path: Path, size: int = 4096) -> str:
    """The end of what the process said, for the worker's log."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        file.seek(max(0, os.fstat(fd).st_size - size))
        return clean(file.read(size).decode("utf-8", "replace"))


def parse_event(line: bytes) -> dict[str, Any] | None:
    """An event of the pipe, as the fields of a row; None when it is no event."""
    try:
        data = json.loads(line)
        kind, stage = data["kind"], data["stage"]
        seconds = data.get("seconds")
        message = clean(str(data.get("message", "")), 2000)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if kind not in ("stage", "stage_done", "log") or (stage is not None and stage not in STAGE_NAMES):
        return None
    if seconds is not None and not (isinstance(seconds, (int, float)) and 0 <= seconds < 1e9):
        return None
    return {"kind": kind, "stage": stage, "message": message, "seconds": seconds}
