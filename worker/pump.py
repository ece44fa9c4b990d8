"""Claiming and doing jobs, whoever calls: the wake-up task, or the sweep when a wake-up got lost."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy.exc import OperationalError

from server import lease
from server.lease import Backlog
from worker.run import Parts, do
from worker.slots import Slots

log = logging.getLogger("deepmetal.worker")

WAITING_SECONDS = 5.0  # a job that waits longer than this beside an idle slot ...
QUIET_SECONDS = 10.0  # ... of a worker that began nothing for so long: the worker is stuck


class Pump:
    """Slots and the loop that fills them."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.slots = Slots(parts.settings.slots)
        self.backlog = Backlog()
        self.last_start = time.monotonic()
        self._threads: set[threading.Thread] = set()

    def drain(self) -> None:
        """Do jobs until none may be begun or no slot is free."""
        while not self.parts.stopping.is_set():
            slot = self.slots.take()
            if slot is None:
                return
            try:
                if not self._do_one(slot.kinds):
                    return
            except OperationalError as error:
                log.warning("the database does not answer, the next sweep tries again: %s", error.orig)
                return
            finally:
                self.slots.give(slot)

    def _do_one(self, kinds: tuple[str, ...]) -> bool:
        settings = self.parts.settings
        with self.parts.db.writing() as session:
            claim = lease.claim(session, self.parts.worker, settings.lease_seconds, kinds, settings.max_losses)
        if claim is None:
            return False
        self.last_start = time.monotonic()
        do(claim, self.parts)
        return True

    def sweep(self) -> None:
        """Find what nobody woke us for: lost wake-ups, expired leases, jobs that cost too many workers."""
        settings = self.parts.settings
        with self.parts.db.reading() as session:
            lost = lease.needs_reaping(session, settings.max_losses)
            kinds = self.slots.free_kinds
            self.backlog = lease.backlog(session, kinds, settings.max_losses) if kinds else Backlog()
        if lost:
            with self.parts.db.writing() as session:
                lease.reap(session, settings.max_losses)
        if self.backlog.jobs and not self.parts.stopping.is_set():
            self._start_drain()

    def _start_drain(self) -> None:
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        if len(self._threads) < self.slots.total:
            thread = threading.Thread(target=self.drain, name="sweep-drain", daemon=True)
            self._threads.add(thread)
            thread.start()

    @property
    def stuck(self) -> bool:
        """Work waits, a slot is free, and still nothing begins."""
        waiting = self.backlog.jobs > 0 and self.backlog.oldest_seconds > WAITING_SECONDS
        return waiting and bool(self.slots.free_kinds) and time.monotonic() - self.last_start > QUIET_SECONDS

    def stop(self, seconds: float = 10.0) -> None:
        """Kill what runs and give the jobs back."""
        self.parts.stopping.set()
        deadline = time.monotonic() + seconds
        while self.slots.busy and time.monotonic() < deadline:
            time.sleep(0.05)
