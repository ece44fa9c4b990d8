"""What a worker does to the table: claim, renew, record, finish, release; and reaping what vanished workers left.

A claim is an UPDATE that wins or does not; the attempt it raises is the fence. Whoever lost the lease matches no
row any more, so a job reaches exactly one end however many workers believed it theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import ColumnElement

from server.codes import WORKER_LOST
from server.models import EventRow, Job, now
from server.rows import add_state, clock, take_turns

SAME_AGAIN = ("model", "budget", "mismatch")  # errors that an equal job would meet again


@dataclass(frozen=True)
class Claim:
    """A job that is ours until the lease ends, and what is needed to do it."""

    id: str
    attempt: int
    kind: str
    model_sha256: str
    model_name: str
    options: dict[str, Any]
    vectors_sha256: str | None = None
    calibration_sha256: str | None = None
    calibration_name: str | None = None
    labels_sha256: str | None = None
    samples_sha256: str | None = None
    samples_name: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a job ended. A failed one may have an artifact too: code that disagrees with its model is worth a look."""

    state: str  # succeeded, failed
    stage: str | None = None
    artifact_sha256: str | None = None
    artifact_size: int | None = None
    summary: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    fingerprint: str = ""

    def values(self) -> dict[str, Any]:
        return {
            "state": self.state,
            **({"progress": 1.0} if self.state == "succeeded" else {}),
            "artifact_sha256": self.artifact_sha256,
            "artifact_size": self.artifact_size,
            "summary": self.summary,
            "result": self.result,
            "error": self.error,
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True)
class Progress:
    """What happened since the last time: events, and where the job stands now."""

    events: Sequence[dict[str, Any]]
    stage: str | None
    progress: float


@dataclass(frozen=True)
class Backlog:
    """Work that waits."""

    jobs: int = 0
    oldest_seconds: float = 0.0


def runnable(job: type[Job], kinds: Sequence[str], max_losses: int) -> ColumnElement[bool]:
    """Whether a row may be begun: it waits, or its worker vanished; and no equal job is under way."""
    twin = aliased(Job)
    expired = (job.state == "running") & (job.lease_until < now()) & (job.losses + 1 < max_losses)
    under_way = exists().where(
        twin.cache_key == job.cache_key, twin.state == "running", twin.id != job.id, twin.lease_until >= now()
    )
    return job.kind.in_(kinds) & or_(job.state == "queued", expired) & ~under_way


def claim(session: Session, worker: str, lease: float, kinds: Sequence[str], max_losses: int) -> Claim | None:
    """The oldest job that may be begun, inspections first, now ours; or None."""
    take_turns(session, "claim")  # so that two equal jobs are never begun together
    next_job = aliased(Job)
    candidate = (
        select(next_job.id)
        .where(runnable(next_job, kinds, max_losses))
        .order_by(next_job.kind.desc(), next_job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = session.execute(
        update(Job)
        .where(Job.id == candidate)
        .values(
            state="running",
            attempt=Job.attempt + 1,
            losses=case((Job.state == "running", Job.losses + 1), else_=Job.losses),
            worker=worker,
            lease_until=now() + lease,
            started_at=func.coalesce(Job.started_at, now()),
            stage=None,
            progress=0.0,
        )
        .returning(
            Job.id,
            Job.attempt,
            Job.kind,
            Job.model_sha256,
            Job.model_name,
            Job.options,
            Job.vectors_sha256,
            Job.calibration_sha256,
            Job.calibration_name,
            Job.labels_sha256,
            Job.samples_sha256,
            Job.samples_name,
            Job.losses,
        )
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    again = f"The worker was lost; attempt {row.attempt}." if row.losses else ""
    add_state(session, row.id, row.attempt, "running", clock(session), again)
    *taken, _ = row
    return Claim(*taken)


def renew(session: Session, claim: Claim, lease: float) -> bool:
    """Keep the job for another lease; False: it is not ours any more (lost, or cancelled)."""
    return _fenced(session, claim, lease_until=now() + lease)


def is_ours(session: Session, claim: Claim) -> bool:
    """The same question without writing."""
    found = select(Job.id).where(Job.id == claim.id, Job.attempt == claim.attempt, Job.state == "running")
    return session.scalar(found) is not None


def record(session: Session, claim: Claim, progress: Progress) -> bool:
    """Append events. The row is written first: that is the fence, and it keeps a job's event ids in order."""
    if not _fenced(session, claim, stage=progress.stage, progress=progress.progress):
        return False
    at = clock(session)
    for event in progress.events:
        session.add(EventRow(job_id=claim.id, attempt=claim.attempt, at=at, **event))
    return True


def finish(session: Session, claim: Claim, outcome: Outcome) -> bool:
    """End the job, once; and every queued job that is equal. False: it is not ours any more, and nothing changed."""
    at = clock(session)
    if not _fenced(session, claim, **outcome.values(), ended_at=at, lease_until=None):
        return False
    add_state(session, claim.id, claim.attempt, outcome.state, at)
    if outcome.state == "succeeded" or (outcome.error or {}).get("kind") in SAME_AGAIN:
        _finish_twins(session, claim, outcome, at)
    return True


def _finish_twins(session: Session, claim: Claim, outcome: Outcome, at: float) -> None:
    done = session.get_one(Job, claim.id)
    twins = session.execute(
        update(Job)
        .where(Job.cache_key == done.cache_key, Job.team == done.team, Job.state == "queued")
        .values(
            **outcome.values(), cached=True, stage=done.stage,
            started_at=func.coalesce(Job.started_at, at), ended_at=at,
        )
        .returning(Job.id, Job.attempt)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    for twin in twins.all():
        add_state(session, twin.id, twin.attempt, outcome.state, at, f"Same as {claim.id}: compiled once for both.")


def release(session: Session, claim: Claim) -> bool:
    """Give the job back unharmed, because this worker is told to stop: the next one takes it at once."""
    if not _fenced(session, claim, state="queued", lease_until=None, worker=None):
        return False
    add_state(session, claim.id, claim.attempt, "queued", clock(session), "The worker stopped; waiting for another.")
    return True


def reap(session: Session, max_losses: int) -> int:
    """Fail the jobs that have cost too many workers; a poison model does not loop for ever."""
    title = f"{max_losses} workers were lost while doing this job"
    error = {
        "kind": "tool",
        "code": WORKER_LOST,
        "title": title,
        "where": "",
        "facts": {"attempts": str(max_losses)},
        "help": "The model may exhaust the machine. Look into the worker's log, or try a smaller model.",
    }
    rows = session.execute(
        update(Job)
        .where(Job.state == "running", Job.lease_until < now(), Job.losses + 1 >= max_losses)
        .values(state="failed", losses=Job.losses + 1, ended_at=now(), lease_until=None, error=error)
        .returning(Job.id, Job.attempt)
        .execution_options(synchronize_session=False)
    ).all()
    for row in rows:
        add_state(session, row.id, row.attempt, "failed", clock(session), title)
    return len(rows)


def needs_reaping(session: Session, max_losses: int) -> bool:
    """Asked before `reap`, because an idle worker should not write every second."""
    lost = select(Job.id).where(Job.state == "running", Job.lease_until < now(), Job.losses + 1 >= max_losses)
    return session.scalar(lost.limit(1)) is not None


def backlog(session: Session, kinds: Sequence[str], max_losses: int) -> Backlog:
    """How many jobs may be begun, and how long the oldest has been waiting."""
    since = func.coalesce(Job.lease_until, Job.created_at)
    row = session.execute(select(func.count(), now() - func.min(since)).where(runnable(Job, kinds, max_losses))).one()
    return Backlog(row[0], max(0.0, row[1] or 0.0))


def _fenced(session: Session, claim: Claim, **values: Any) -> bool:
    changed = session.execute(
        update(Job)
        .where(Job.id == claim.id, Job.attempt == claim.attempt, Job.state == "running")
        .values(**values)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return changed.scalar_one_or_none() is not None
