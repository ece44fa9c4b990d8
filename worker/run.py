"""One claimed job, from its folder to its end in the table."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from obstore.exceptions import BaseError as StoreError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from compiler.sandbox.confine import Level
from compiler.sandbox.limits import Limits
from compiler.trace import STAGES
from server import lease
from server.codes import STORE_FAILED
from server.db import Database
from server.lease import Claim, Outcome, Progress
from server.mebibytes import GIB
from server.settings import Settings
from server.storage import MissingBlob, Storage
from worker import outcome as reading
from worker.process import Child
from worker.usage import usage

log = logging.getLogger("deepmetal.worker")

TICK_SECONDS = 0.25
USAGE_SECONDS = 1.0
BATCH_SECONDS = 0.05  # events within this time share a transaction
MAX_LINE = 1 << 16
MAX_STAGE_EVENTS = 1000
FILE_SIZE = 4 * GIB


@dataclass(frozen=True)
class Parts:
    """What every job of this worker uses."""

    settings: Settings
    db: Database
    storage: Storage
    worker: str
    fingerprint: Future[str]  # of compiler and tools; known soon after the start
    stopping: threading.Event
    sandbox: Level


class Lost(Exception):
    """The job is not ours any more: cancelled, or another worker's."""


class Stopped(Exception):
    """This worker was told to stop."""


@dataclass
class Story:
    """The events of a job: those not yet written, and where they leave it."""

    max_lines: int
    pending: list[dict[str, Any]] = field(default_factory=list)
    stage: str | None = None
    progress: float = 0.0
    lines: int = 0
    others: int = 0
    partial: bytes = b""
    since: float = 0.0

    def feed(self, data: bytes) -> None:
        """Bytes of the pipe; whole lines become events, nonsense and excess is dropped."""
        *whole, self.partial = (self.partial + data).split(b"\n")
        self.partial = self.partial[-MAX_LINE:]
        for line in whole:
            if len(line) <= MAX_LINE and (event := reading.parse_event(line)) is not None:
                self._add(event)

    def _add(self, event: dict[str, Any]) -> None:
        if event["kind"] == "log":
            self.lines += 1
            if self.lines == self.max_lines + 1:
                event["message"] = "Further log lines are left out."
            if self.lines > self.max_lines + 1:
                return
        else:
            self.others += 1
            if self.others > MAX_STAGE_EVENTS or event["stage"] is None:
                return
            self.stage = event["stage"]
            done = STAGES.index(self.stage) + (event["kind"] == "stage_done")
            self.progress = max(self.progress, done / len(STAGES))
        self.since = self.since or time.monotonic()
        self.pending.append(event)

    @property
    def due(self) -> bool:
        return bool(self.pending) and time.monotonic() - self.since >= BATCH_SECONDS

    def take(self) -> Progress:
        events, self.pending, self.since = self.pending, [], 0.0
        return Progress(events, self.stage, self.progress)


def do(claim: Claim, parts: Parts) -> None:
    """Do a job and publish how it ended, unless it was lost on the way."""
    started = time.monotonic()
    hold = Hold(claim, parts)
    with work_folder(parts.settings, claim) as folder:
        try:
            ending = attempt(claim, folder, parts, hold)
            published = hold.persist(lambda session: lease.finish(session, claim, ending))
            if not published:
                raise Lost
        except Lost:
            log.info("job %s: attempt %d is not ours any more", claim.id, claim.attempt)
        except Stopped:
            hold.persist(lambda session: lease.release(session, claim))
            log.info("job %s: given back, this worker stops", claim.id)
        else:
            code = (ending.error or {}).get("code", "")
            spent = time.monotonic() - started
            log.info("job %s: %s %s in %.2f s, attempt %d", claim.id, ending.state, code, spent, claim.attempt)


def attempt(claim: Claim, folder: Path, parts: Parts, hold: Hold) -> Outcome:
    """Run the child; its end, whatever kind, as an outcome."""
    try:
        prepare(claim, folder, parts)
        outcome = follow(claim, folder, parts, hold)
        return outcome or reading.read_outcome(claim, folder, parts.storage, parts.settings, parts.fingerprint.result())
    except reading.BadResult as error:
        log.warning("job %s: %s; it said: %s", claim.id, error, reading.tail(folder / "stderr.txt"))
        return reading.bad_result(error)
    except (MissingBlob, StoreError, OSError) as error:
        log.exception("job %s: the store or the disk failed", claim.id)
        facts = {"reason": type(error).__name__}
        return reading.failed(STORE_FAILED, "the worker could not read or write a file", facts, "Try again.")


def prepare(claim: Claim, folder: Path, parts: Parts) -> None:
    """Lay out the job's folder: the files under plain names, and job.json."""
    (folder / "tmp").mkdir(mode=0o700)
    files = {
        "model": (claim.model_sha256, "model" + _ending(claim.model_name)),
        "vectors": (claim.vectors_sha256, "vectors.npz"),
        "calibration": (claim.calibration_sha256, "calibration" + _ending(claim.calibration_name or "")),
        "labels": (claim.labels_sha256, "labels.npy"),
        "samples": (claim.samples_sha256, "samples" + _ending(claim.samples_name or "")),
    }
    for sha256, name in files.values():
        if sha256:
            parts.storage.copy_to(sha256, folder / name)
    settings = parts.settings
    limits = Limits(
        cpu_seconds=max(1, round(settings.job_seconds)), memory=int(settings.job_memory), file_size=FILE_SIZE
    )
    job = {
        "kind": claim.kind,
        **{part: name if sha256 else None for part, (sha256, name) in files.items()},
        "name": claim.model_name,
        "options": claim.options,
        "limits": limits.to_json(),
        "sandbox": parts.sandbox,
    }
    (folder / "job.json").write_text(json.dumps(job))


def _ending(name: str) -> str:
    """A file's own ending, where it is a plain one."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 12 else ""


def follow(claim: Claim, folder: Path, parts: Parts, hold: Hold) -> Outcome | None:
    """Watch the child until it ends, and end it when it must not go on. None: it left a result to read."""
    settings = parts.settings
    story = Story(settings.max_log_lines)
    deadline = time.monotonic() + settings.job_seconds
    child = Child(settings.child_module, folder)
    look_at = time.monotonic() + USAGE_SECONDS
    outcome: Outcome | None = None
    code = 0
    try:
        while not child.exited:
            story.feed(child.wait(BATCH_SECONDS if story.pending else TICK_SECONDS))
            hold.keep(story.take() if story.due else None)
            if parts.stopping.is_set():
                raise Stopped
            if time.monotonic() > deadline:
                outcome = reading.too_slow(settings.job_seconds)
                break
            if time.monotonic() > look_at:
                look_at = time.monotonic() + USAGE_SECONDS
                if excess := usage(child.pid, folder).excess(int(settings.job_memory), int(settings.job_disk)):
                    outcome = reading.too_much(excess)
                    break
        story.feed(child.rest())
    finally:
        code = child.end()
    if story.pending:
        hold.keep(story.take())
    if outcome is None and not (folder / "result.json").exists():
        log.warning("job %s: died, %d; it said: %s", claim.id, code, reading.tail(folder / "stderr.txt"))
        outcome = reading.died(code, round(settings.job_seconds))
    elif said := reading.tail(folder / "stderr.txt"):
        log.info("job %s said: %s", claim.id, said)
    return outcome


class Hold:
    """Our grip on a job: renews the lease in time, notices that it is gone, and outlasts a short database outage."""

    def __init__(self, claim: Claim, parts: Parts) -> None:
        self.claim = claim
        self.db = parts.db
        self.lease = parts.settings.lease_seconds
        self.look = parts.settings.cancel_seconds
        self.until = time.monotonic() + self.lease
        self.renew_at = time.monotonic() + self.lease / 3
        self.look_at = time.monotonic() + self.look
        self.unwritten: list[Progress] = []

    def keep(self, progress: Progress | None) -> None:
        """Write what happened and renew or look when it is time; `Lost` when the job is not ours."""
        now = time.monotonic()
        if progress is not None:
            self.unwritten.append(progress)
        try:
            if self.unwritten and not self._record():
                raise Lost
            if now >= self.renew_at:
                asked = time.monotonic()
                with self.db.writing() as session:
                    if not lease.renew(session, self.claim, self.lease):
                        raise Lost
                self.until, self.renew_at, self.look_at = asked + self.lease, now + self.lease / 3, now + self.look
            elif now >= self.look_at:
                self.look_at = now + self.look
                with self.db.reading() as session:
                    if not lease.is_ours(session, self.claim):
                        raise Lost
        except OperationalError as error:
            self._outlast(error)

    def _record(self) -> bool:
        events = [event for progress in self.unwritten for event in progress.events]
        last = self.unwritten[-1]
        with self.db.writing() as session:
            kept = lease.record(session, self.claim, Progress(events, last.stage, last.progress))
        self.unwritten.clear()
        return kept

    def persist(self, write: Callable[[Session], bool]) -> bool:
        """Run a transaction, again and again while the lease lasts; after that the job is somebody else's."""
        while True:
            try:
                with self.db.writing() as session:
                    return write(session)
            except OperationalError as error:
                try:
                    self._outlast(error)
                except Lost:
                    return False
                time.sleep(TICK_SECONDS)

    def _outlast(self, error: OperationalError) -> None:
        log.warning("job %s: the database does not answer: %s", self.claim.id, error.orig)
        if time.monotonic() > self.until:
            raise Lost from error


@contextmanager
def work_folder(settings: Settings, claim: Claim) -> Iterator[Path]:
    """An empty folder of this attempt's own, gone afterwards."""
    folder = settings.folder("work") / f"{claim.id}.{claim.attempt}"
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
