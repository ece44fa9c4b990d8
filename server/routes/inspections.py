"""Inspections: what a model contains, before anything is compiled. A worker's child opens it, never this process."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response, status
from pydantic import ValidationError

from compiler.options import CompileOptions
from server import public
from server.codes import INVALID_OPTION
from server.deps import DoorbellDep, InspectionDep, ServiceDep, UserDep
from server.errors import from_validation, invalid
from server.forms import ModelFile, ModelHash, SampleName, take_model
from server.jobs import Submission, submit
from server.schemas import InspectionCreated, InspectionPublic

router = APIRouter(prefix="/inspections", tags=["inspections"])


@router.post("", status_code=status.HTTP_201_CREATED)
def create_inspection(
    parts: ServiceDep,
    bell: DoorbellDep,
    user: UserDep,
    response: Response,
    model: ModelFile = None,
    model_sha256: ModelHash = None,
    sample: SampleName = None,
    shape: Annotated[str, Form(description="JSON: dimensions of open inputs, by name.")] = "{}",
) -> InspectionCreated:
    """Store the model and have a worker look into it."""
    options = {"shape": _shape(shape)}
    stored = take_model(parts, user, model, model_sha256, sample)
    with parts.db.writing() as session:
        [job] = submit(session, user, Submission(kind="inspect", model=stored, options=[options]))
    if job.state == "queued":
        bell.ring()
    made = public.inspection(job)
    response.headers["Location"] = made.url
    return InspectionCreated(id=made.id, state=made.state, url=made.url, model=made.model)


@router.get("/{id}")
def get_inspection(job: InspectionDep) -> InspectionPublic:
    """The result, once the state is succeeded."""
    return public.inspection(job)


def _shape(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise invalid("shape", f"this is not JSON: {error}") from error
    try:
        return CompileOptions.model_validate({"shape": given}).model_dump(mode="json")["shape"]  # type: ignore[no-any-return]
    except ValidationError as error:
        raise from_validation(error.errors(), INVALID_OPTION) from error
