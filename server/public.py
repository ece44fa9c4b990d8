"""Rows as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy.orm import Session

from compiler.inspection import Inspection
from compiler.picture import Pictures
from compiler.trace import Stage
from server.jobs import queue_positions
from server.models import EventRow, Job
from server.schemas import (
    CompilationPublic,
    ErrorPublic,
    InspectionPublic,
    JobEvent,
    ModelRef,
    State,
    Summary,
    moment,
)

API = "/api/v1"


def compilations(session: Session, jobs: Sequence[Job]) -> list[CompilationPublic]:
    positions = queue_positions(session, jobs)
    return [_compilation(job, positions) for job in jobs]


def compilation(session: Session, job: Job) -> CompilationPublic:
    return compilations(session, [job])[0]


def _compilation(job: Job, positions: Mapping[str, int]) -> CompilationPublic:
    return CompilationPublic(
        id=job.id,
        url=f"{API}/compilations/{job.id}",
        state=state(job),
        stage=cast("Stage | None", job.stage),
        progress=job.progress,
        model=model(job),
        target=job.target,
        emit=job.emit,
        precision=job.precision,
        options=job.options,
        project=job.project,
        tags=[tag.tag for tag in job.tags],
        group=job.group,
        owner=job.owner,
        team=job.team,
        calibration=job.calibration_name,
        labels=job.labels_sha256 is not None,
        cached=job.cached,
        attempt=job.attempt,
        created_at=moment(job.created_at),
        started_at=moment(job.started_at),
        ended_at=moment(job.ended_at),
        queue_position=positions.get(job.id),
        summary=Summary(**job.summary) if job.summary else None,
        error=ErrorPublic(**job.error) if job.error else None,
    )


def inspection(job: Job) -> InspectionPublic:
    return InspectionPublic(
        id=job.id,
        url=f"{API}/inspections/{job.id}",
        state=state(job),
        model=model(job),
        result=Inspection.model_validate(job.result | {"graphs": None}) if job.result else None,
        error=ErrorPublic(**job.error) if job.error else None,
    )


def pictures(job: Job) -> Pictures | None:
    """The graphs of an inspection, which are much larger than the rest of it."""
    found = (job.result or {}).get("graphs")
    return Pictures.model_validate(found) if found else None


def event(row: EventRow) -> JobEvent:
    return JobEvent.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "stage": row.stage,
            "message": row.message,
            "seconds": row.seconds,
            "state": row.state,
            "at": moment(row.at),
        }
    )


def model(job: Job) -> ModelRef:
    return ModelRef(name=job.model_name, sha256=job.model_sha256, size=job.model_size)


def state(job: Job) -> State:
    return cast("State", job.state)
