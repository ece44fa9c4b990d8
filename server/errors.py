"""Errors of the service as `application/problem+json` (RFC 9457), each with a code that `deepmetal explain` knows."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Router

from compiler.errors import DeepMetalError
from server.codes import INTERNAL, INVALID_REQUEST, METHOD, NOT_FOUND, UNAVAILABLE

log = logging.getLogger("deepmetal.server")

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """The body of every error."""

    type: str = Field(description="A reference that names the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="The title, with the offending value or the reason where there is one.")
    code: str = Field(description="Stable; `deepmetal explain CODE` says more.")
    where: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    help: str = Field("", description="What to do next.")


class Problem(HTTPException):
    """An error to answer with. It is an HTTPException so that FastAPI's own body parser lets it through."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        *,
        detail: str = "",
        where: str = "",
        facts: Mapping[str, str] | None = None,
        help: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail or title, headers)
        self.body = ProblemDetails(
            type=f"urn:deepmetal:error:{code}",
            title=title,
            status=status,
            detail=detail or title,
            code=code,
            where=where,
            facts=dict(facts or {}),
            help=help,
        )

    def response(self) -> Response:
        # ASCII: a name with half a character in it must not break the very error that complains about it.
        content = json.dumps(self.body.model_dump(), separators=(",", ":"))
        return Response(content, self.status_code, dict(self.headers or {}), MEDIA_TYPE)


def not_found(what: str, name: str) -> Problem:
    return Problem(404, NOT_FOUND, f"there is no {what} {name[:80]!r}", where=name[:80])


def invalid(where: str, title: str, help: str = "", code: str = INVALID_REQUEST) -> Problem:
    return Problem(422, code, title, where=where, help=help)


def unavailable(title: str) -> Problem:
    return Problem(503, UNAVAILABLE, title, help="Try again in a few seconds.", headers={"Retry-After": "2"})


def install(app: FastAPI) -> None:
    """Answer every failure, foreseen or not, as problem+json."""

    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return method_not_allowed(request).response()
        status = HTTPStatus(error.status_code)
        code = NOT_FOUND if status == HTTPStatus.NOT_FOUND else INVALID_REQUEST
        title = f"there is nothing at {request.url.path}" if status == HTTPStatus.NOT_FOUND else str(error.detail)
        return Problem(status, code, title, headers=dict(error.headers or {})).response()

    async def validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return from_validation(error.errors()).response()

    async def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, DeepMetalError)
        return from_compiler(error).response()

    async def database(_: Request, error: Exception) -> Response:
        log.warning("database unavailable: %s", error)
        return unavailable("the database does not answer").response()

    async def bug(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return Problem(500, INTERNAL, "the service has a bug; its log has the traceback").response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(DeepMetalError, ours)
    app.add_exception_handler(OperationalError, database)
    app.add_exception_handler(Exception, bug)


def from_compiler(error: DeepMetalError, where: str = "") -> Problem:
    """An error of the compiler: the request's fault, or the service's. `where` is what the request calls the place."""
    status = 422 if error.kind in ("model", "budget") else 500
    return Problem(status, error.code, error.title, where=where or error.where, facts=error.facts, help=error.help)


def from_validation(errors: Any, code: str = INVALID_REQUEST, prefix: str = "") -> Problem:
    """One problem for pydantic's list: the first error as title, all of them as facts."""
    facts = {prefix + _place(e["loc"]): str(e["msg"]).removeprefix("Value error, ") for e in errors}
    where, message = next(iter(facts.items()), ("", "the request is not valid"))
    return Problem(422, code, f"{where}: {message}" if where else message, where=where, facts=facts)


def _place(loc: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in loc]
    return ".".join(parts[1:] if len(parts) > 1 and parts[0] in ("body", "query", "path", "header") else parts)


def method_not_allowed(request: Request) -> Problem:
    """405 with every method that the path does allow; the router by itself names those of one route only."""
    methods = allowed_methods(request.app.router, dict(request.scope))
    return Problem(
        405,
        METHOD,
        f"{request.method} is not possible here",
        where=request.url.path,
        headers={"Allow": ", ".join(sorted(methods))},
    )


def allowed_methods(router: Router, scope: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        probe = {**scope, "method": method}
        if any(route.matches(probe)[0] == Match.FULL for route in router.routes):
            found.add(method)
    return found
