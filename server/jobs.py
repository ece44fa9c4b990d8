"""Submitting, cancelling and deleting jobs: what the API does to the table. What a worker does is in `lease.py`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from server.codes import IDEMPOTENCY
from server.errors import Problem
from server.ids import new_id
from server.models import ACTIVE, IdempotencyKey, Job, StoredModel, Tag, WorkerRow, now
from server.rows import add_state, clock, take_turns

WORKER_SEEN_SECONDS = 60.0
FLOAT = "float32"  # the precision that needs no calibration


@dataclass(frozen=True)
class User:
    """Who asks. One local user for now; every row carries both names already."""

    name: str
    team: str


@dataclass(frozen=True)
class Model:
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Beside:
    """The files of a submission beside its model, stored."""

    vectors_sha256: str | None = None
    calibration_sha256: str | None = None
    calibration_name: str | None = None
    labels_sha256: str | None = None
    samples_sha256: str | None = None
    samples_name: str | None = None

    def used_by(self, options: dict[str, Any]) -> Beside:
        """What one compilation needs. Without integers, calibration data serves only as the samples of the labels."""
        measures = self.labels_sha256 is not None and self.samples_sha256 is None
        if options.get("precision") == FLOAT and not measures:
            return replace(self, calibration_sha256=None, calibration_name=None)
        return self

    def key(self) -> list[str | None]:
        """What makes two sets of files different; of their names only the endings count."""
        names = (self.calibration_name, self.samples_name)
        endings = [PurePath(name or "").suffix.lower() for name in names]
        return [self.vectors_sha256, self.calibration_sha256, self.labels_sha256, self.samples_sha256, *endings]


@dataclass(frozen=True)
class Submission:
    """One request: a model, and the options of one or more jobs that share it."""

    kind: str
    model: Model
    options: Sequence[dict[str, Any]]  # canonical: every option, JSON types
    beside: Beside = Beside()
    project: str = ""
    tags: Sequence[str] = ()
    idempotency_key: str | None = None

    def cache_key(self, options: dict[str, Any]) -> str:
        """The name counts too: header, report and README of the artifact carry it."""
        files = self.beside.used_by(options).key()
        return _digest(self.kind, self.model.sha256, self.model.name, options, files)

    def digest(self) -> str:
        """What has to be equal for a repeated request to be the same request."""
        keys = [self.cache_key(options) for options in self.options]
        return _digest(self.kind, self.model.name, keys, self.project, sorted(self.tags))


def remember_model(session: Session, user: User, model: Model) -> None:
    """So that the team may name the model by its hash from now on; the latest file name is what it is called."""
    known = session.get(StoredModel, (user.team, model.sha256))
    if known is not None:
        known.name = model.name
    else:
        session.add(
            StoredModel(
                team=user.team, sha256=model.sha256, name=model.name, size=model.size, owner=user.name,
                created_at=clock(session),
            )
        )  # fmt: skip


def submit(session: Session, user: User, wanted: Submission) -> list[Job]:
    """Rows for all jobs of a submission, in the caller's write transaction; those made before, if it repeats one."""
    take_turns(session, f"model {user.team} {wanted.model.sha256}", f"key {user.team} {wanted.idempotency_key}")
    if wanted.idempotency_key and (before := _replayed(session, user, wanted)) is not None:
        return before
    remember_model(session, user, wanted.model)
    group = new_id() if len(wanted.options) > 1 else None
    at = clock(session)
    jobs = [_new_job(session, user, wanted, options, group, at) for options in wanted.options]
    if wanted.idempotency_key:
        session.add(
            IdempotencyKey(
                team=user.team, key=wanted.idempotency_key, request_sha256=wanted.digest(),
                job_ids=[job.id for job in jobs], created_at=at,
            )
        )  # fmt: skip
    return jobs


def _new_job(
    session: Session, user: User, wanted: Submission, options: dict[str, Any], group: str | None, at: float
) -> Job:
    beside = wanted.beside.used_by(options)
    job = Job(
        id=new_id(),
        kind=wanted.kind,
        state="queued",
        owner=user.name,
        team=user.team,
        project=wanted.project,
        group=group,
        model_sha256=wanted.model.sha256,
        model_name=wanted.model.name,
        model_size=wanted.model.size,
        **asdict(beside),
        target=str(options.get("target", "")),
        emit=str(options.get("emit", "")),
        precision=str(options.get("precision", "")),
        options=options,
        cache_key=wanted.cache_key(options),
        cached=False,
        attempt=0,
        losses=0,
        progress=0.0,
        created_at=at,
        result=None,
        tags=[Tag(tag=tag) for tag in dict.fromkeys(wanted.tags)],
    )
    session.add(job)
    session.flush()
    add_state(session, job.id, 0, "queued", at)
    if (twin := _finished_twin(session, job)) is not None:
        job.state, job.cached, job.progress = "succeeded", True, 1.0
        job.started_at = job.ended_at = at
        job.stage, job.summary, job.result = twin.stage, twin.summary, twin.result
        job.artifact_sha256, job.artifact_size = twin.artifact_sha256, twin.artifact_size
        job.fingerprint = twin.fingerprint
        add_state(session, job.id, 0, "succeeded", at, f"Same as {twin.id}: nothing had to be compiled.")
    return job


def _finished_twin(session: Session, job: Job) -> Job | None:
    """A succeeded job of the same team with the same input, made by what the workers of today would use."""
    seen = select(WorkerRow.fingerprint).order_by(WorkerRow.seen_at.desc()).limit(1).scalar_subquery()
    alive = select(WorkerRow.fingerprint).where(WorkerRow.seen_at > now() - WORKER_SEEN_SECONDS)
    return session.scalar(
        select(Job)
        .where(
            Job.cache_key == job.cache_key,
            Job.state == "succeeded",
            Job.team == job.team,
            Job.fingerprint != "",
            (Job.fingerprint == seen) | Job.fingerprint.in_(alive),
        )
        .order_by(Job.id.desc())
        .limit(1)
    )


def _replayed(session: Session, user: User, wanted: Submission) -> list[Job] | None:
    assert wanted.idempotency_key
    known = session.get(IdempotencyKey, (user.team, wanted.idempotency_key))
    if known is None:
        return None
    if known.request_sha256 != wanted.digest():
        raise Problem(
            422, IDEMPOTENCY, "this Idempotency-Key was used for another request", where="Idempotency-Key",
            help="Use a new key for a new request, and the same key only to repeat one.",
        )  # fmt: skip
    jobs = session.scalars(select(Job).where(Job.id.in_(known.job_ids)).order_by(Job.id)).all()
    return list(jobs) or None


def cancel(session: Session, job: Job) -> bool:
    """End a job that has not ended. Its worker finds that the row is no longer its own and kills the processes."""
    at = clock(session)
    changed = session.execute(
        update(Job)
        .where(Job.id == job.id, Job.state.in_(ACTIVE))
        .values(state="cancelled", ended_at=at, lease_until=None)
        .returning(Job.attempt)
    ).scalar_one_or_none()
    if changed is None:
        return False
    add_state(session, job.id, changed, "cancelled", at)
    return True


def remove(session: Session, job: Job) -> None:
    """Delete an ended job with its events and tags. Its blobs go when nothing points at them any more."""
    session.execute(delete(Job).where(Job.id == job.id, Job.state.not_in(ACTIVE)))


def queue_positions(session: Session, jobs: Sequence[Job]) -> dict[str, int]:
    """How many jobs of the same kind come before each of the queued ones."""
    queued = [job for job in jobs if job.state == "queued"]
    return {job.id: _ahead(session, job) for job in queued[:50]}


def _ahead(session: Session, job: Job) -> int:
    before = select(func.count()).where(Job.state == "queued", Job.kind == job.kind, Job.id < job.id)
    return session.scalar(before) or 0


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
