"""The table is the truth: claims, leases, fences, on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from server import lease
from server.db import Database
from server.jobs import Model, Submission, User, submit
from server.lease import Claim, Outcome, Progress
from server.models import EventRow, Job, now
from server.settings import Settings
from tests.server.support import both_databases

pytestmark = both_databases
ANY = ("inspect", "compile")
ME = User("local", "local")


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    db = Database(settings)
    db.migrate()
    yield db
    db.close()


def add(db: Database, count: int = 1, kind: str = "compile") -> list[str]:
    ids = []
    for i in range(count):
        model = Model("m", f"{i:064}", 1)
        with db.writing() as session:
            ids += [job.id for job in submit(session, ME, Submission(kind, model, [{"n": i, "target": "t"}]))]
    return ids


def take(db: Database, worker: str = "w", seconds: float = 60.0, max_losses: int = 3) -> Claim | None:
    with db.writing() as session:
        return lease.claim(session, worker, seconds, ANY, max_losses)


def expire(db: Database, claim: Claim) -> None:
    """As if the lease had run out."""
    with db.writing() as session:
        session.execute(update(Job).where(Job.id == claim.id).values(lease_until=now() - 1))


def state(db: Database, id: str) -> str:
    with db.reading() as session:
        return str(session.scalar(select(Job.state).where(Job.id == id)))


def test_many_workers_never_get_the_same_job(db: Database) -> None:
    ids = add(db, 40)

    def work(name: str) -> list[str]:
        taken = []
        while (claim := take(db, name)) is not None:
            taken.append(claim.id)
            with db.writing() as session:
                assert lease.finish(session, claim, Outcome("succeeded"))
        return taken

    with ThreadPoolExecutor(8) as pool:
        counts = Counter(id for taken in pool.map(work, [f"w{i}" for i in range(8)]) for id in taken)
    assert counts == Counter(ids)


def test_an_expired_lease_is_claimed_again_and_the_first_worker_is_fenced_off(db: Database) -> None:
    add(db)
    first = take(db, "a")
    assert first is not None
    assert take(db, "b") is None
    expire(db, first)
    second = take(db, "b")
    assert second is not None
    assert (second.id, second.attempt) == (first.id, first.attempt + 1)
    with db.writing() as session:
        assert not lease.renew(session, first, 60)
        assert not lease.record(session, first, Progress([], "import", 0.5))
        assert not lease.finish(session, first, Outcome("succeeded", artifact_sha256="1" * 64))
        assert not lease.release(session, first)
    with db.writing() as session:
        assert lease.finish(session, second, Outcome("succeeded", artifact_sha256="2" * 64))
        assert not lease.finish(session, second, Outcome("failed"))
    with db.reading() as session:
        assert session.get_one(Job, first.id).artifact_sha256 == "2" * 64


def test_a_renewed_lease_holds(db: Database) -> None:
    add(db)
    claim = take(db, seconds=60)
    assert claim is not None
    expire(db, claim)
    with db.writing() as session:
        assert lease.renew(session, claim, 60)
    assert take(db) is None


def test_a_job_that_costs_three_workers_fails(db: Database) -> None:
    [id] = add(db)
    for attempt in (1, 2, 3):
        claim = take(db)
        assert claim is not None
        assert claim.attempt == attempt
        expire(db, claim)
    assert take(db) is None
    with db.reading() as session:
        assert lease.needs_reaping(session, 3)
    with db.writing() as session:
        assert lease.reap(session, 3) == 1
        assert lease.reap(session, 3) == 0
    with db.reading() as session:
        job = session.get_one(Job, id)
        assert (job.state, job.losses, (job.error or {})["code"]) == ("failed", 3, "E0920")
        states = session.scalars(select(EventRow.state).where(EventRow.job_id == id).order_by(EventRow.id)).all()
    assert states == ["queued", "running", "running", "running", "failed"]


def test_a_job_given_back_is_no_loss(db: Database) -> None:
    [id] = add(db)
    for _ in range(5):
        claim = take(db)
        assert claim is not None
        with db.writing() as session:
            assert lease.release(session, claim)
    with db.reading() as session:
        job = session.get_one(Job, id)
        assert (job.state, job.losses, job.attempt) == ("queued", 0, 5)


def test_the_backlog_counts_what_may_be_begun(db: Database) -> None:
    def backlog() -> int:
        with db.reading() as session:
            return lease.backlog(session, ANY, 3).jobs

    assert backlog() == 0
    add(db, 3)
    assert backlog() == 3
    claim = take(db)
    assert claim is not None
    assert backlog() == 2
    expire(db, claim)
    assert backlog() == 3
    with db.reading() as session:
        assert lease.backlog(session, ("inspect",), 3).jobs == 0


def test_events_are_written_only_while_the_job_is_ours(db: Database) -> None:
    [id] = add(db)
    claim = take(db)
    assert claim is not None
    event = {"kind": "log", "stage": None, "message": "hello", "seconds": None}
    with db.writing() as session:
        assert lease.record(session, claim, Progress([event], "plan", 0.25))
    with db.reading() as session:
        job = session.get_one(Job, id)
        assert (job.stage, job.progress) == ("plan", 0.25)
        assert lease.is_ours(session, claim)
    with db.writing() as session:
        assert lease.finish(session, claim, Outcome("succeeded"))
    with db.writing() as session:
        assert not lease.record(session, claim, Progress([event], "plan", 0.25))
    with db.reading() as session:
        assert not lease.is_ours(session, claim)
        assert state(db, id) == "succeeded"
