"""Real worker processes on real brokers, with jobs that a fake child does: what is tested is the queue."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from server.db import Database
from server.jobs import Model, Submission, User, submit
from server.models import ENDED, EventRow, Job
from server.queue import Doorbell
from server.settings import Settings
from server.storage import Storage
from tests.support.service import FAKE_CHILD, wait_until, wish

ME = User("local", "local")
OPTIONS = {"target": "cortex-m4", "emit": "c", "precision": "float32", "name": "model"}


@dataclass
class Queue:
    """The server's side of the queue, without its HTTP."""

    settings: Settings
    drop: float = 0.0  # share of wake-ups that get lost on purpose
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def __post_init__(self) -> None:
        self.db = Database(self.settings)
        self.db.migrate()
        self.storage = Storage(self.settings)
        self.bell = Doorbell(self.settings)

    def add(self, content: bytes) -> str:
        """Submit a compilation as the server does."""
        path = self.settings.folder("tmp") / "upload"
        path.write_bytes(content)
        blob = self.storage.put_path(path)
        wanted = Submission("compile", Model("m.onnx", blob.sha256, blob.size), [dict(OPTIONS)])
        with self.db.writing() as session:
            [job] = submit(session, ME, wanted)
        if self.random.random() >= self.drop:
            self.bell.ring()
        return job.id

    def job(self, id: str) -> Job:
        with self.db.reading() as session:
            return session.get_one(Job, id)

    def state(self, id: str) -> str:
        return self.job(id).state

    def states(self) -> Counter[str]:
        with self.db.reading() as session:
            return Counter(session.scalars(select(Job.state)))

    def events(self, id: str) -> list[EventRow]:
        with self.db.reading() as session:
            return list(session.scalars(select(EventRow).where(EventRow.job_id == id).order_by(EventRow.id)))

    def ends(self, id: str) -> list[str | None]:
        """Every end that the job ever came to: exactly one, or something is very wrong."""
        return [event.state for event in self.events(id) if event.state in ENDED]

    def wait_for(self, id: str, *states: str, seconds: float = 60.0) -> Job:
        wait_until(lambda: self.state(id) in states, f"{states} for {id}, now {self.state(id)}", seconds)
        return self.job(id)

    def close(self) -> None:
        self.bell.close()
        self.db.close()


@pytest.fixture(params=["embedded", pytest.param("redis", marks=pytest.mark.needs_redis)])
def broker(request: pytest.FixtureRequest) -> str:
    """The Redis URL; empty for the embedded broker."""
    return str(request.getfixturevalue("redis_server").url) if request.param == "redis" else ""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data", child_module=FAKE_CHILD, min_free=0, lease_seconds=3.0, sweep_seconds=0.5, slots=2
    )


@pytest.fixture
def queue(settings: Settings) -> Iterator[Queue]:
    queue = Queue(settings)
    yield queue
    queue.close()


__all__ = ["wish"]
