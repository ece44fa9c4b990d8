"""Inspections: what a model contains, before anything is compiled. A worker's child opens it, never this process."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response, status

from compiler.options import CompileOptions
from compiler.picture import Pictures
from server import catalog, public
from server.codes import NOT_READY
from server.deps import DoorbellDep, InspectionDep, ServiceDep, UserDep
from server.errors import Problem, invalid
from server.forms import ModelFile, ModelHash, SampleName, read_options, take_model
from server.jobs import Submission, submit
from server.schemas import InspectionCreated, InspectionPublic
from server.trust import TrustedDep, refuse_source

router = APIRouter(prefix="/inspections", tags=["inspections"])

OPTIONS = "JSON: compile options by their names; `target` may be a list. What decides nothing here is ignored."
_DEFAULTS = CompileOptions().model_dump(mode="json")


@router.post("", status_code=status.HTTP_201_CREATED)
def create_inspection(
    parts: ServiceDep,
    bell: DoorbellDep,
    user: UserDep,
    response: Response,
    trusted: TrustedDep,
    model: ModelFile = None,
    model_sha256: ModelHash = None,
    sample: SampleName = None,
    options: Annotated[str, Form(description=OPTIONS)] = "{}",
    shape: Annotated[str | None, Form(description="JSON: the option `shape` alone.")] = None,
) -> InspectionCreated:
    """Store the model and have a worker look into it."""
    asked = _options(options, shape)
    refuse_source(parts.settings, [asked])
    stored = take_model(parts, user, model, model_sha256, sample)
    with parts.db.writing() as session:
        [job] = submit(session, user, Submission(kind="inspect", model=stored, options=[asked]))
    if job.state == "queued":
        bell.ring()
    made = public.inspection(job)
    response.headers["Location"] = made.url
    return InspectionCreated(id=made.id, state=made.state, url=made.url, model=made.model)


@router.get("/{id}")
def get_inspection(job: InspectionDep) -> InspectionPublic:
    """The result, once the state is succeeded."""
    return public.inspection(job)


@router.get("/{id}/graph")
def get_inspection_graph(job: InspectionDep) -> Pictures:
    """The graph before and after optimisation, without weights, once the state is succeeded."""
    found = public.pictures(job)
    if found is None:
        raise Problem(409, NOT_READY, "the inspection has no graph", help="Wait until its state is succeeded.")
    return found


def _options(text: str, shape: str | None) -> dict[str, Any]:
    """What the worker is asked: options that are not the default, and all the targets where there are several."""
    if shape is not None:
        text = json.dumps(_object("options", text) | {"shape": _object("shape", shape)})
    sets = read_options(text, catalog.settle)
    first = sets[0]
    if any(other | {"target": first["target"]} != first for other in sets):
        raise invalid("options", "an inspection takes several targets, but one language and one precision")
    asked = {name: value for name, value in first.items() if value != _DEFAULTS[name]}
    return asked | ({"targets": [one["target"] for one in sets]} if len(sets) > 1 else {})


def _object(part: str, text: str) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise invalid(part, f"this is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise invalid(part, "a JSON object is expected")
    return given
