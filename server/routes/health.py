"""Is it alive, is it ready, what is it doing."""

from __future__ import annotations

from collections.abc import Callable

import obstore.exceptions
from fastapi import APIRouter, Response, status
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from compiler.version import VERSION
from server.deps import Service, ServiceDep
from server.models import WorkerRow, now
from server.schemas import Check, Health, WorkerInfo, moment
from server.storage import MissingBlob

router = APIRouter(tags=["health"])

SEEN_SECONDS = 60.0


@router.get("/health/live")
def get_liveness() -> Health:
    """The process answers."""
    return Health(status="ok", version=VERSION)


@router.get("/health/ready", responses={503: {"model": Health, "description": "Something required is missing."}})
def get_readiness(parts: ServiceDep, response: Response) -> Health:
    """Everything an upload needs. A broker that is down only delays: the workers' sweep covers it."""
    checks = [
        _check("database", parts, _database),
        _check("migrations", parts, _migrations),
        _check("store", parts, _store),
        _check("disk", parts, _disk),
        Check(name="broker", ok=not parts.bell.failing, required=False),
    ]
    workers = _workers(parts) if checks[0].ok and checks[1].ok else []
    checks.append(Check(name="worker", ok=bool(workers), required=False, detail=f"{len(workers)} seen lately"))
    unready = any(check.required and not check.ok for check in checks)
    degraded = any(not check.ok for check in checks)
    if unready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    state = "unready" if unready else "degraded" if degraded else "ok"
    return Health.model_validate({"status": state, "version": VERSION, "checks": checks, "workers": workers})


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text.", "content": {"text/plain": {}}}},
)
def get_metrics(parts: ServiceDep) -> Response:
    """For Prometheus."""
    return Response(parts.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _check(name: str, parts: Service, probe: Callable[[Service], str]) -> Check:
    try:
        return Check(name=name, ok=True, required=True, detail=probe(parts))
    except (SQLAlchemyError, OSError, MissingBlob, obstore.exceptions.BaseError, RuntimeError) as error:
        return Check(name=name, ok=False, required=True, detail=type(error).__name__)


def _database(parts: Service) -> str:
    """A write transaction begins; it leaves nothing behind."""
    with parts.db.writing() as session:
        session.execute(text("SELECT 1"))
    return "SQLite" if parts.db.is_sqlite else parts.db.engine.dialect.name


def _migrations(parts: Service) -> str:
    if not parts.db.is_current():
        raise RuntimeError("the schema is not the one this version expects")
    return "current"


def _store(parts: Service) -> str:
    parts.storage.check()
    return "local" if parts.storage.local else "remote"


def _disk(parts: Service) -> str:
    free = parts.storage.free_bytes()
    if free is not None and free < parts.settings.min_free:
        raise RuntimeError("uploads are refused")
    return "" if free is None else f"{free} bytes free"


def _workers(parts: Service) -> list[WorkerInfo]:
    with parts.db.reading() as session:
        return seen_workers(session)


def seen_workers(session: Session) -> list[WorkerInfo]:
    rows = session.scalars(select(WorkerRow).where(WorkerRow.seen_at > now() - SEEN_SECONDS).order_by(WorkerRow.id))
    return [
        WorkerInfo(
            id=row.id,
            host=row.host,
            version=row.version,
            sandbox=row.sandbox,
            slots=row.slots,
            busy=row.busy,
            seen_at=moment(row.seen_at),
        )
        for row in rows
    ]
