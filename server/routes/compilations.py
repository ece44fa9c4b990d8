"""Compilations: submit, list, read, follow, download, cancel."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Header, Path, Query, Request, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import ColumnElement, exists, func, select

from compiler.errors import ModelError
from compiler.options import CompileOptions
from compiler.pack import formats
from compiler.report import Report
from server import catalog, public
from server.artifacts import (
    ArtifactFile,
    attachment,
    download_headers,
    read_member,
    read_members,
    report_format,
)
from server.codes import NOT_READY
from server.deps import (
    CompilationDep,
    DatabaseDep,
    DoorbellDep,
    ServiceDep,
    SessionDep,
    StorageDep,
    UserDep,
)
from server.errors import Problem, invalid
from server.forms import (
    CalibrationFile,
    LabelsFile,
    ModelFile,
    ModelHash,
    SampleName,
    SamplesFile,
    SourceFile,
    VectorsFile,
    read_options,
    read_source,
    read_tags,
    take_beside,
    take_model,
)
from server.ids import PATTERN
from server.jobs import Submission, cancel, remove, submit
from server.models import ENDED, EventRow, Job, Tag
from server.schemas import CompilationCreated, CompilationList, CompilationPublic, EventPage, State
from server.storage import Storage
from server.trust import TrustedDep, refuse_source

router = APIRouter(prefix="/compilations", tags=["compilations"])

Label = Annotated[str, Form(max_length=100, pattern=r"^[^\x00-\x1f]*$")]
IdempotencyHeader = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")]


@router.post("", status_code=status.HTTP_201_CREATED)
def create_compilation(
    parts: ServiceDep,
    bell: DoorbellDep,
    user: UserDep,
    response: Response,
    trusted: TrustedDep,
    model: ModelFile = None,
    model_sha256: ModelHash = None,
    sample: SampleName = None,
    options: Annotated[
        str, Form(description="JSON: the command line's options in snake_case; target, emit, precision may be lists.")
    ] = "{}",
    vectors: VectorsFile = None,
    project: Label = "",
    tags: Annotated[list[str], Form(description="Repeat the field, or separate by commas.")] = [],  # noqa: B006
    calibration: CalibrationFile = None,
    labels: LabelsFile = None,
    samples: SamplesFile = None,
    source: SourceFile = None,
    idempotency_key: IdempotencyHeader = None,
) -> CompilationCreated:
    """Store the model, record one compilation for each combination of options, wake a worker."""
    chosen = read_options(options, catalog.settle, read_source(source))
    refuse_source(parts.settings, chosen)
    tagged = read_tags(tags)
    beside = take_beside(parts, chosen, vectors, calibration, labels, samples)
    stored = take_model(parts, user, model, model_sha256, sample)
    wanted = Submission(
        kind="compile",
        model=stored,
        options=chosen,
        beside=beside,
        project=project,
        tags=tagged,
        idempotency_key=idempotency_key,
    )
    with parts.db.writing() as session:
        jobs = submit(session, user, wanted)
        made = public.compilations(session, jobs)
    # From here on the jobs are on disk. The bell is only a hint: the sweep finds them anyway.
    if any(job.state == "queued" for job in jobs):
        bell.ring()
    parts.metrics.cache_hits.inc(sum(job.cached for job in jobs))
    first = made[0]
    response.headers["Location"] = first.url
    return CompilationCreated(**first.model_dump(), compilations=made)


@router.get("")
def list_compilations(
    session: SessionDep,
    user: UserDep,
    state: Annotated[list[State] | None, Query(description="One or more states.")] = None,
    target: Annotated[str | None, Query(max_length=64)] = None,
    model: Annotated[str | None, Query(max_length=200, description="A part of the name, or the sha256.")] = None,
    project: Annotated[str | None, Query(max_length=100)] = None,
    tag: Annotated[str | None, Query(max_length=50)] = None,
    group: Annotated[str | None, Query(pattern=PATTERN)] = None,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CompilationList:
    """The history, newest first."""
    conditions: list[ColumnElement[bool]] = [Job.kind == "compile", Job.team == user.team]
    if state:
        conditions.append(Job.state.in_(state))
    if target:
        conditions.append(Job.target == _text(target))
    if model:
        name = Job.model_name.icontains(_text(model), autoescape=True)
        conditions.append(name | (Job.model_sha256 == model.lower()))
    if project is not None:
        conditions.append(Job.project == _text(project))
    if tag:
        conditions.append(exists().where(Tag.job_id == Job.id, Tag.tag == _text(tag)))
    if group:
        conditions.append(Job.group == group)
    if cursor:
        conditions.append(Job.id < _decode_cursor(cursor))
    jobs = session.scalars(select(Job).where(*conditions).order_by(Job.id.desc()).limit(limit + 1)).all()
    page = jobs[:limit]
    more = len(jobs) > limit
    return CompilationList(
        items=public.compilations(session, page), next_cursor=_encode_cursor(page[-1].id) if more else None
    )


@router.get("/{id}")
def get_compilation(job: CompilationDep, session: SessionDep) -> CompilationPublic:
    """State, progress, summary, error."""
    return public.compilation(session, job)


@router.delete(
    "/{id}",
    responses={204: {"description": "It had ended, and is deleted."}, 200: {"description": "It is cancelled."}},
)
def delete_compilation(job: CompilationDep, db: DatabaseDep, response: Response) -> CompilationPublic | None:
    """Cancel a compilation that waits or runs; delete one that has ended."""
    with db.writing() as session:
        row = session.get_one(Job, job.id, populate_existing=True)
        if row.state in ENDED:
            remove(session, row)
            response.status_code = status.HTTP_204_NO_CONTENT
            return None
        cancel(session, row)
        session.refresh(row)
        return public.compilation(session, row)


def last_event_id(
    last_event_id: Annotated[str | None, Header(description="Resume after this event.")] = None,
) -> int:
    """What a browser sends when it reconnects; nonsense means from the beginning."""
    text = last_event_id or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


AfterDep = Annotated[int, Depends(last_event_id)]


def something_to_tell(job: CompilationDep, session: SessionDep, after: AfterDep) -> None:
    """204 ends a browser's reconnecting, once an ended job has been told to its last event."""
    if job.state in ENDED:
        last = session.scalar(select(func.max(EventRow.id)).where(EventRow.job_id == job.id)) or 0
        if after >= last:
            raise NothingMore


class NothingMore(Exception):
    """The stream that a client wants to resume has ended."""


@router.get(
    "/{id}/events",
    response_class=EventSourceResponse,
    dependencies=[Depends(something_to_tell, scope="function")],
    responses={204: {"description": "The stream ended before; do not reconnect."}},
)
async def follow_compilation(parts: ServiceDep, job: CompilationDep, after: AfterDep) -> AsyncIterator[ServerSentEvent]:
    """Server-Sent Events: the data is a JobEvent, the id its row; resumable with Last-Event-ID; ends with the job."""
    parts.metrics.streams.inc()
    try:
        async for row in parts.hub.follow(job.id, after):
            yield ServerSentEvent(id=str(row.id), raw_data=public.event(row).model_dump_json())
    finally:
        parts.metrics.streams.dec()


@router.get("/{id}/log")
def list_compilation_events(
    job: CompilationDep,
    session: SessionDep,
    after: Annotated[int, Query(ge=0, lt=2**63, description="Only events with a greater id.")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 5000,
) -> EventPage:
    """The same events as JSON, for those who poll."""
    wanted = select(EventRow).where(EventRow.job_id == job.id, EventRow.id > after).order_by(EventRow.id).limit(limit)
    return EventPage(items=[public.event(row) for row in session.scalars(wanted)], state=public.state(job))


@router.get(
    "/{id}/artifact",
    response_class=Response,
    responses={200: {"description": "The zip.", "content": {"application/zip": {}}}},
)
def download_artifact(job: CompilationDep, storage: StorageDep, request: Request) -> Response:
    """The zip with sources, library, tests and report."""
    name = f"{job.options.get('name', 'model')}-{job.target}.zip"
    return attachment(storage, artifact_of(job), job.artifact_size or 0, name, request)


@router.get(
    "/{id}/report",
    response_model=Report,
    responses={200: {"content": {"text/html": {}, "text/markdown": {}}}},
)
def get_report(
    job: CompilationDep, storage: StorageDep, accept: Annotated[str, Header(max_length=1000)] = "application/json"
) -> Response:
    """report.json, or by Accept the same as HTML or Markdown."""
    found = _member(job, storage, report_format(accept))
    if found.path == "report.json" and (timings := (job.result or {}).get("timings")):
        # Times differ from run to run, so the zip, the same for the same input, has none.
        found = ArtifactFile(
            found.path, json.dumps({**json.loads(found.content), "timings": timings}, indent=1).encode()
        )
    return found.response(inline=True)


@router.get(
    "/{id}/files/{path:path}",
    response_class=Response,
    responses={200: {"description": "The file.", "content": {"application/octet-stream": {}}}},
)
def download_file(job: CompilationDep, storage: StorageDep, path: str) -> Response:
    """One file of the artifact."""
    return _member(job, storage, path).response(inline=False)


@router.get(
    "/{id}/packs/{format}",
    response_class=Response,
    responses={200: {"description": "The package.", "content": {"application/zip": {}}}},
)
def download_pack(
    job: CompilationDep, storage: StorageDep, format: Annotated[str, Path(description="As in the catalogue.")]
) -> Response:
    """The model as a package for a build system, made of the artifact's files."""
    artifact = artifact_of(job)
    try:
        formats.check(format, CompileOptions.model_validate(job.options), "format")
        name, data = formats.package(format, read_members(storage, artifact), "format")
    except ModelError as error:
        status_code = 404 if error.code == formats.UNKNOWN else 409
        raise Problem(
            status_code, error.code, error.title, where=error.where, facts=error.facts, help=error.help
        ) from error
    return Response(data, media_type="application/zip", headers=download_headers(name, inline=False))


def _member(job: Job, storage: Storage, path: str) -> ArtifactFile:
    return read_member(storage, artifact_of(job), path)


def artifact_of(job: Job) -> str:
    """The artifact's hash, or 409 while there is none."""
    if job.artifact_sha256 is None:
        raise Problem(
            409, NOT_READY, f"there is no artifact: the compilation is {job.state}", where=job.id,
            facts={"state": job.state}, help="Follow its events, and come back when it has succeeded.",
        )  # fmt: skip
    return job.artifact_sha256


def _text(value: str) -> str:
    return value.replace("\0", "")  # which PostgreSQL cannot even compare with


def _encode_cursor(id: str) -> str:
    return base64.urlsafe_b64encode(f"1:{id}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise invalid("cursor", "this is no cursor of ours") from error
    version, _, id = text.partition(":")
    if version != "1" or len(id) != 26:
        raise invalid("cursor", "this is no cursor of ours")
    return id
