"""The tables. The row of a job is the truth; messages and processes come and go.

Times are seconds since the epoch by the database's clock, so that hosts with other clocks agree about leases.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.sql import expression
from sqlalchemy.types import Double

LOCAL = "local"  # owner and team while there is one local user

ACTIVE = ("queued", "running")
ENDED = ("succeeded", "failed", "cancelled")


class now(expression.FunctionElement[float]):
    """The database's clock, in seconds since the epoch."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: object, compiler: object, **_: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(element: object, compiler: object, **_: object) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {float: Double(), dict[str, Any]: JSON(), list[str]: JSON()}  # noqa: RUF012


class Job(Base):
    """One compilation or inspection, from upload to result."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))  # compile, inspect
    state: Mapped[str] = mapped_column(String(10))  # queued, running, succeeded, failed, cancelled
    owner: Mapped[str] = mapped_column(String(64), default=LOCAL)
    team: Mapped[str] = mapped_column(String(64), default=LOCAL)
    project: Mapped[str] = mapped_column(String(100), default="")
    group: Mapped[str | None] = mapped_column("group_id", String(26))

    model_sha256: Mapped[str] = mapped_column(String(64))
    model_name: Mapped[str] = mapped_column(String(200))
    model_size: Mapped[int] = mapped_column(BigInteger)
    vectors_sha256: Mapped[str | None] = mapped_column(String(64))
    calibration_sha256: Mapped[str | None] = mapped_column(String(64))
    calibration_name: Mapped[str | None] = mapped_column(String(200))  # its ending tells what kind of file it is
    labels_sha256: Mapped[str | None] = mapped_column(String(64))
    samples_sha256: Mapped[str | None] = mapped_column(String(64))
    samples_name: Mapped[str | None] = mapped_column(String(200))
    target: Mapped[str] = mapped_column(String(64), default="")
    emit: Mapped[str] = mapped_column(String(16), default="")
    precision: Mapped[str] = mapped_column(String(16), default="")
    options: Mapped[dict[str, Any]]
    cache_key: Mapped[str] = mapped_column(String(64))  # of model, options and the files beside it
    fingerprint: Mapped[str] = mapped_column(String(64), default="")  # of the compiler and tools that made the result
    cached: Mapped[bool] = mapped_column(default=False)

    attempt: Mapped[int] = mapped_column(Integer, default=0)  # the fence: only the newest may publish
    losses: Mapped[int] = mapped_column(Integer, default=0)  # attempts whose worker vanished
    worker: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[float | None]
    stage: Mapped[str | None] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]

    artifact_sha256: Mapped[str | None] = mapped_column(String(64))
    artifact_size: Mapped[int | None] = mapped_column(BigInteger)
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    tags: Mapped[list[Tag]] = relationship(
        back_populates="job", cascade="all, delete-orphan", passive_deletes=True, order_by="Tag.tag", lazy="selectin"
    )

    __table_args__ = (
        Index(None, "state", "kind", "id"),  # claim and sweep
        Index(None, "kind", "team", "id"),  # history
        Index(None, "cache_key", "state"),
        Index(None, "group_id"),
        Index(None, "artifact_sha256"),
        Index(None, "model_sha256"),
    )


class Tag(Base):
    __tablename__ = "tags"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(50), primary_key=True)
    job: Mapped[Job] = relationship(back_populates="tags")

    __table_args__ = (Index(None, "tag", "job_id"),)


class EventRow(Base):
    """One event of a job. A job's ids rise in the order in which they become visible: its writers hold its row."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(10))  # stage, stage_done, log, state
    stage: Mapped[str | None] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text, default="")
    seconds: Mapped[float | None]
    state: Mapped[str | None] = mapped_column(String(10))
    at: Mapped[float]

    __table_args__ = (Index(None, "job_id", "id"), {"sqlite_autoincrement": True})  # an id is never used again


class StoredModel(Base):
    """A model that a team has uploaded, so that it may be named by its hash."""

    __tablename__ = "models"

    team: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    owner: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float]


class IdempotencyKey(Base):
    """What a request with an Idempotency-Key created, so that a retry creates nothing more."""

    __tablename__ = "idempotency_keys"

    team: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    job_ids: Mapped[list[str]]
    created_at: Mapped[float]


class WorkerRow(Base):
    """A worker, as it last said of itself."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    version: Mapped[str] = mapped_column(String(32))
    sandbox: Mapped[str] = mapped_column(String(200))
    fingerprint: Mapped[str] = mapped_column(String(64))  # of its compiler and tools
    slots: Mapped[int] = mapped_column(Integer)
    busy: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[float]
    seen_at: Mapped[float]
