"""The Celery process: `python -m worker.consumer [--status-fd N]`. A supervisor starts it, watches it, replaces it.

Celery brings the wake-ups; a thread sweeps every second for what no wake-up announced. torch and the compiler are
never imported here: each job is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import Any

from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_shutting_down
from sqlalchemy import delete, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from compiler.version import VERSION
from server import logs
from server.db import Database
from server.janitor import tidy
from server.models import WorkerRow, now
from server.queue import WAKE, celery_app
from server.settings import Settings
from server.storage import Storage
from worker import identity, sandbox
from worker.pump import Pump
from worker.run import Parts

log = logging.getLogger("deepmetal.worker")

ROW_SECONDS = 5.0
TIDY_SECONDS = 3600.0
SCHEMA_SECONDS = 60.0
SANDBOX_LENGTH = 200  # of its column


class Consumer:
    """All of one worker process but Celery itself."""

    def __init__(self, settings: Settings, status_fd: int | None) -> None:
        self.settings = settings
        self.status_fd = status_fd
        self.db = Database(settings)
        self.storage = Storage(settings)
        self.fingerprint: Future[str] = ThreadPoolExecutor(1).submit(identity.fingerprint)
        self.sandbox = sandbox.find(settings)  # meanwhile
        self.parts = Parts(
            settings,
            self.db,
            self.storage,
            identity.worker_id(),
            self.fingerprint,
            threading.Event(),
            self.sandbox.level,
        )
        self.pump = Pump(self.parts)
        self.row_at = 0.0
        self.tidy_at = time.monotonic() + 60.0

    def run(self) -> None:
        """Until told to stop."""
        signal.signal(signal.SIGTERM, self.on_early_stop)  # until Celery's own handler takes over
        self.wait_for_schema()
        log.info("worker %s: %d slots, sandbox=%s", self.parts.worker, self.settings.slots, self.sandbox)
        threading.Thread(target=self.sweep_for_ever, name="sweep", daemon=True).start()
        threading.Thread(target=self.follow_lifeline, name="lifeline", daemon=True).start()
        setup_logging.connect(keep_logging, weak=False)
        worker_shutting_down.connect(self.on_stop, weak=False)
        try:
            self.consume()
        finally:
            self.pump.stop()
            self.say_goodbye()

    def consume(self) -> None:
        """Celery's part: one task that says nothing but `look`."""
        app = celery_app(self.settings)

        @app.task(name=WAKE, ignore_result=True)  # type: ignore[untyped-decorator]
        def wake() -> None:
            self.pump.drain()

        # One thread more than slots: a wake-up that finds all slots busy has somewhere to find that out.
        app.Worker(
            pool="threads",
            concurrency=self.pump.slots.total + 1,
            loglevel="WARNING",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        ).start()

    def on_stop(self, **_: Any) -> None:
        # At once and not after Celery's wait for its tasks: they wait for this.
        self.parts.stopping.set()

    def on_early_stop(self, _: int, __: FrameType | None) -> None:
        self.parts.stopping.set()
        raise SystemExit(0)

    def wait_for_schema(self) -> None:
        """The server migrates; a worker that starts first waits for it."""
        deadline = time.monotonic() + SCHEMA_SECONDS
        while not self._is_current():
            if time.monotonic() > deadline:
                raise SystemExit("the database has not the schema of this version: start the server first")
            time.sleep(0.1)

    def _is_current(self) -> bool:
        try:
            return self.db.is_current()
        except OperationalError as error:
            log.warning("the database does not answer: %s", error.orig)
            return False

    def sweep_for_ever(self) -> None:
        while not self.parts.stopping.is_set():
            start = time.monotonic()
            try:
                self.pump.sweep()
                if start >= self.row_at:
                    self.row_at = start + ROW_SECONDS
                    self.write_row()
                if start >= self.tidy_at:
                    self.tidy_at = start + TIDY_SECONDS
                    tidy(self.db, self.storage, self.settings)
                self.report_status()
            except SQLAlchemyError as error:
                log.warning("sweep: %s", error)
            self.parts.stopping.wait(self.settings.sweep_seconds)

    def report_status(self) -> None:
        """A line for the supervisor. A process that hangs writes none, one that is stuck says so."""
        if self.status_fd is None:
            return
        status = {
            "busy": self.pump.slots.busy,
            "stuck": self.pump.stuck,
            "resident": identity.resident_bytes(),
        }
        try:
            os.write(self.status_fd, json.dumps(status).encode() + b"\n")
        except OSError:
            self.status_fd = None  # the supervisor has gone; the lifeline tells the same

    def write_row(self) -> None:
        fingerprint = identity.resolved(self.fingerprint)
        values = {"busy": self.pump.slots.busy, "seen_at": now(), "fingerprint": fingerprint or ""}
        with self.db.writing() as session:
            mine = update(WorkerRow).where(WorkerRow.id == self.parts.worker).values(**values)
            if session.execute(mine.returning(WorkerRow.id)).scalar_one_or_none() is None:
                session.add(self._row())
                session.execute(delete(WorkerRow).where(WorkerRow.seen_at < now() - 24 * 3600))
        if fingerprint is None:
            self.row_at = 0.0  # written again as soon as it is known: equal compilations wait for it

    def _row(self) -> WorkerRow:
        return WorkerRow(
            id=self.parts.worker,
            host=self.parts.worker.split(":")[0],
            version=VERSION,
            sandbox=str(self.sandbox)[:SANDBOX_LENGTH],
            fingerprint=identity.resolved(self.fingerprint) or "",
            slots=self.settings.slots,
            busy=self.pump.slots.busy,
            started_at=now(),
            seen_at=now(),
        )

    def say_goodbye(self) -> None:
        try:
            with self.db.writing() as session:
                session.execute(delete(WorkerRow).where(WorkerRow.id == self.parts.worker))
        except SQLAlchemyError as error:
            log.warning("could not remove this worker's row: %s", error)
        self.db.close()

    def follow_lifeline(self) -> None:
        """The supervisor holds our standard input open. When it ends, so do we, and every job's guard after us."""
        if self.status_fd is None:
            return
        while os.read(0, 4096):
            pass
        os._exit(1)


def keep_logging(**_: Any) -> None:
    """Being connected is enough: Celery then leaves the logging as it is."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="worker.consumer")
    parser.add_argument("--status-fd", type=int)
    arguments = parser.parse_args()
    settings = Settings()
    logs.configure(settings)
    warnings.simplefilter("ignore", SecurityWarning)  # messages are JSON without arguments; jobs are confined by us
    tempfile.tempdir = str(settings.folder("tmp"))
    Consumer(settings, arguments.status_fd).run()
    sys.exit(0)


if __name__ == "__main__":
    main()
