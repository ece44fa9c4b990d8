"""Whose uploads are taken: those of this computer always, those from elsewhere while jobs are confined well enough."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import select

from server.codes import SOURCE_NOT_ALLOWED, WEAK_SANDBOX
from server.deps import Service, ServiceDep
from server.errors import Problem
from server.models import WorkerRow, now
from server.security import LOOPBACK, host_name
from server.settings import Settings

SEEN_SECONDS = 60.0
STRONG = ("L2", "L3")


def is_loopback(host: str) -> bool:
    """Whether an address, or the name, is this computer's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_local(request: Request) -> bool:
    """From this computer, and not handed on by a proxy that the world calls by another name."""
    peer = request.client.host if request.client else ""
    return is_loopback(peer) and host_name(request.headers.get("host", "")) in LOOPBACK


def refuse_strangers(request: Request, parts: ServiceDep) -> None:
    """403 for a request from elsewhere while a worker's sandbox is below L2."""
    if parts.settings.allow_weak_sandbox or is_local(request):
        return
    if weak := _weakest(parts):
        raise Problem(
            403, WEAK_SANDBOX, "a worker of this service does not confine jobs well enough for uploads from elsewhere",
            facts={"sandbox": weak},
            help="Upload from the server's own computer; its operator finds the way out in `deepmetal explain E1052`.",
        )  # fmt: skip


def allows_source(settings: Settings) -> bool:
    """May a user's model.py run here at all?"""
    return is_loopback(settings.host) if settings.allow_source is None else settings.allow_source


def refuse_source(settings: Settings, options: Sequence[Mapping[str, Any]]) -> None:
    """403 for options with a source, where code of users is not run."""
    if not allows_source(settings) and any(chosen.get("source") is not None for chosen in options):
        raise Problem(
            403, SOURCE_NOT_ALLOWED, "this service does not run a user's model.py", where="source",
            help="Compile it on your own computer, export the model to ONNX, or give the layers as `architecture`.",
        )  # fmt: skip


def _weakest(parts: Service) -> str | None:
    with parts.db.reading() as session:
        seen = session.scalars(select(WorkerRow.sandbox).where(WorkerRow.seen_at > now() - SEEN_SECONDS))
        return next((level for level in sorted(seen) if not level.startswith(STRONG)), None)


TrustedDep = Annotated[None, Depends(refuse_strangers)]
