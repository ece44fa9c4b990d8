"""Following jobs: one tailer per process reads the events table and fans out to everyone who listens.

A job's event ids rise in the order in which its events become visible, but ids of different jobs may not. So the
tailer looks a little behind the newest id it has seen, and each channel passes on only what is new for its job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from anyio import to_thread
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from server.db import Database
from server.models import ENDED, EventRow

log = logging.getLogger("deepmetal.events")

TICK_SECONDS = 0.1
OVERLAP = 1000  # ids; far more than transactions that may be under way at once
QUEUE = 2500  # events that a slow client may lag behind; then it is dropped, and resumes from its last id
PAGE = 1000


@dataclass(eq=False)
class Listener:
    """One client of one job; `None` in the queue: read no further."""

    last: int
    queue: asyncio.Queue[EventRow | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    dropped: bool = False

    def offer(self, row: EventRow) -> None:
        if row.id <= self.last or self.dropped:
            return
        self.last = row.id
        try:
            self.queue.put_nowait(row)
        except asyncio.QueueFull:
            self.dropped = True


class Hub:
    """The tailer and its listeners. It sleeps while nobody listens."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._listeners: dict[str, set[Listener]] = {}
        self._someone = asyncio.Event()
        self._seen = 0
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def clients(self) -> int:
        return sum(map(len, self._listeners.values()))

    def start(self) -> None:
        self._task = asyncio.create_task(self._tail(), name="event-tailer")

    def close(self) -> None:
        """End every stream, so that the process can. Their clients come back and resume."""
        self._closing = True
        for listener in [one for some in self._listeners.values() for one in some]:
            listener.dropped = True
            if not listener.queue.full():
                listener.queue.put_nowait(None)
        if self._task is not None:
            self._task.cancel()

    async def follow(self, job_id: str, after: int) -> AsyncIterator[EventRow]:
        """Every event of a job with a greater id, until the job has ended and all is told."""
        async with self._listening(job_id, after) as listener:
            while True:  # what the table has already; the tailer may offer some of it too
                rows = await to_thread.run_sync(self._read, job_id, after)
                for row in rows:
                    after = row.id
                    yield row
                    if row.state in ENDED:
                        return
                if len(rows) < PAGE:
                    break
            while not self._closing and not (listener.dropped and listener.queue.empty()):
                event = await listener.queue.get()
                if event is None:
                    return
                if event.id <= after:
                    continue
                after = event.id
                yield event
                if event.state in ENDED:
                    return

    @asynccontextmanager
    async def _listening(self, job_id: str, after: int) -> AsyncIterator[Listener]:
        listener = Listener(after)
        self._listeners.setdefault(job_id, set()).add(listener)
        self._someone.set()
        try:
            yield listener
        finally:
            self._listeners[job_id].discard(listener)
            if not self._listeners[job_id]:
                del self._listeners[job_id]
            if not self._listeners:
                self._someone.clear()

    async def _tail(self) -> None:
        while True:
            if not self._someone.is_set():
                await self._someone.wait()
                self._seen = 0  # however long nobody listened, start where the listeners are
            await asyncio.sleep(TICK_SECONDS)
            jobs = list(self._listeners)
            floor = self._seen - OVERLAP if self._seen else self._lowest()
            try:
                rows = await to_thread.run_sync(self._read_all, jobs, floor)
            except OperationalError as error:
                log.warning("cannot read events, trying again: %s", error)
                await asyncio.sleep(1)
                continue
            for row in rows:
                self._seen = max(self._seen, row.id)
                for listener in self._listeners.get(row.job_id, ()):
                    listener.offer(row)

    def _lowest(self) -> int:
        return min((one.last for some in self._listeners.values() for one in some), default=0)

    def _read(self, job_id: str, after: int) -> Sequence[EventRow]:
        return self._read_all([job_id], after, PAGE)

    def _read_all(self, jobs: Sequence[str], after: int, limit: int = 10 * PAGE) -> Sequence[EventRow]:
        if not jobs:
            return []
        wanted = select(EventRow).where(EventRow.id > after, EventRow.job_id.in_(jobs)).order_by(EventRow.id)
        with self._db.reading() as session:
            return session.scalars(wanted.limit(limit)).all()
