"""What routes ask for, as types: a signature lists everything its route touches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from server.db import Database
from server.errors import not_found
from server.events import Hub
from server.ids import PATTERN
from server.jobs import User
from server.metrics import Metrics
from server.models import LOCAL, Job
from server.queue import Doorbell
from server.settings import Settings
from server.storage import Storage


@dataclass(frozen=True)
class Service:
    """The long-lived parts, made once per process."""

    settings: Settings
    db: Database
    storage: Storage
    bell: Doorbell
    hub: Hub
    metrics: Metrics


def service(request: Request) -> Service:
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


ServiceDep = Annotated[Service, Depends(service)]


def read_session(parts: ServiceDep) -> Iterator[Session]:
    with parts.db.reading() as session:
        yield session


def user() -> User:
    """The one local user; accounts and teams will answer here."""
    return User(name=LOCAL, team=LOCAL)


def settings(parts: ServiceDep) -> Settings:
    return parts.settings


def database(parts: ServiceDep) -> Database:
    return parts.db


def storage(parts: ServiceDep) -> Storage:
    return parts.storage


def bell(parts: ServiceDep) -> Doorbell:
    return parts.bell


# scope="function": the connection goes back before the answer is sent, however slowly the client reads it.
SessionDep = Annotated[Session, Depends(read_session, scope="function")]
SettingsDep = Annotated[Settings, Depends(settings)]
DatabaseDep = Annotated[Database, Depends(database)]
StorageDep = Annotated[Storage, Depends(storage)]
DoorbellDep = Annotated[Doorbell, Depends(bell)]
UserDep = Annotated[User, Depends(user)]
IdPath = Annotated[str, Path(pattern=PATTERN, description="The id that creating it returned.")]


def find_job(session: Session, user: User, kind: str, id: str) -> Job:
    """A job that the user may see, or 404. Another team's job does not exist."""
    wanted = select(Job).where(Job.id == id, Job.kind == kind, Job.team == user.team).options(undefer(Job.result))
    job = session.scalar(wanted)
    if job is None:
        raise not_found("compilation" if kind == "compile" else "inspection", id)
    return job


def compilation(id: IdPath, session: SessionDep, user: UserDep) -> Job:
    return find_job(session, user, "compile", id)


def inspection(id: IdPath, session: SessionDep, user: UserDep) -> Job:
    return find_job(session, user, "inspect", id)


CompilationDep = Annotated[Job, Depends(compilation, scope="function")]
InspectionDep = Annotated[Job, Depends(inspection, scope="function")]
