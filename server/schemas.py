"""What the API answers: response models, and how a row becomes one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, overload

from pydantic import BaseModel, Field

from compiler.catalog import BoardInfo, Choice, FormatInfo, OperatorInfo, PackInfo, TargetInfo
from compiler.inspection import Inspection
from compiler.trace import Stage

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class ModelRef(BaseModel):
    """The uploaded model."""

    name: str
    sha256: str
    size: int


class ErrorPublic(BaseModel):
    """Why a job failed; the same fields as on the command line."""

    kind: str = Field(description="model, budget, mismatch, tool or bug")
    code: str
    title: str
    where: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    help: str = ""


class Summary(BaseModel):
    """The numbers that a history shows; bytes, instructions, milliseconds; null where not measured."""

    instructions: int | None
    flash_total: int | None
    ram_total: int | None
    arena: int
    stack: int | None
    macs: int
    max_abs_error: float | None
    validation_passed: bool | None
    latency_ms: float | None
    cycles: int | None = None
    cycles_error_percent: float | None = Field(None, description="null beside cycles: the cycle model is uncalibrated")
    clock_mhz: float | None = None


class CompilationPublic(BaseModel):
    """One compilation: one model for one target, emitter and precision."""

    id: str
    kind: Literal["compile"] = "compile"
    url: str
    state: State
    stage: Stage | None = Field(description="The stage that runs, or ran last.")
    progress: float = Field(ge=0, le=1)
    model: ModelRef
    target: str
    emit: str
    precision: str
    options: dict[str, Any]
    project: str
    tags: list[str]
    group: str | None = Field(description="Shared by compilations that were asked for together.")
    owner: str
    team: str
    calibration: str | None = Field(None, description="The name of the calibration file, where one was used.")
    labels: bool = Field(False, description="Whether labels were given to measure the accuracy with.")
    cached: bool = Field(description="The result of an equal compilation was used.")
    attempt: int = Field(description="How many workers have begun it.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    queue_position: int | None = Field(description="0: next; null when not queued.")
    summary: Summary | None
    error: ErrorPublic | None


class CompilationCreated(CompilationPublic):
    """The answer to an upload: the first compilation, and beside it all of them."""

    compilations: list[CompilationPublic]


class CompilationList(BaseModel):
    """Newest first; `next_cursor` leads to the older ones."""

    items: list[CompilationPublic]
    next_cursor: str | None


class JobEvent(BaseModel):
    """One event of a job: the data of a Server-Sent Event, whose id is the event's."""

    id: int
    kind: Literal["stage", "stage_done", "log", "state"]
    stage: Stage | None
    message: str
    seconds: float | None
    state: State | None
    at: datetime


class EventPage(BaseModel):
    """A part of a job's events, oldest first."""

    items: list[JobEvent]
    state: State


class InspectionCreated(BaseModel):
    id: str
    state: State
    url: str
    model: ModelRef


class InspectionPublic(BaseModel):
    """What a model contains; `result` is there once the state is succeeded."""

    id: str
    url: str
    state: State
    model: ModelRef
    result: Inspection | None
    error: ErrorPublic | None


class SampleInfo(BaseModel):
    """A trained model to try."""

    name: str
    title: str
    description: str
    file: str
    size: int
    accuracy: float | None
    training_set: str
    url: str


class Limits(BaseModel):
    upload_bytes: int = Field(description="bytes")
    job_seconds: float = Field(description="wall time of one job")
    compilations: int = Field(description="of one request: targets times emitters times precisions")
    source: bool = Field(False, description="a user's model.py may be given for weights; it runs in the sandbox")


class Catalog(BaseModel):
    """Everything there is to choose from."""

    version: str
    targets: list[TargetInfo]
    boards: list[BoardInfo]
    formats: list[FormatInfo]
    operators: list[OperatorInfo]
    layers: list[str] = Field(description="what a list of layers may name, for files that hold weights alone")
    emitters: list[Choice]
    precisions: list[Choice]
    optimize: list[Choice]
    packs: list[PackInfo]
    limits: Limits
    samples: list[SampleInfo]
    options: dict[str, Any] = Field(description="JSON schema of the compile options.")


class Check(BaseModel):
    """One thing the service needs."""

    name: str
    ok: bool
    required: bool
    detail: str = ""


class WorkerInfo(BaseModel):
    """A worker that was seen within the last minute."""

    id: str
    host: str
    version: str
    sandbox: str
    slots: int
    busy: int
    seen_at: datetime


class Health(BaseModel):
    status: Literal["ok", "degraded", "unready"]
    version: str
    checks: list[Check] = Field(default_factory=list)
    workers: list[WorkerInfo] = Field(default_factory=list)


@overload
def moment(seconds: float) -> datetime: ...


@overload
def moment(seconds: None) -> None: ...


@overload
def moment(seconds: float | None) -> datetime | None: ...


def moment(seconds: float | None) -> datetime | None:
    """Seconds since the epoch, as the rows keep them, as a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
