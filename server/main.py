"""The app: `create_app(settings)` puts the parts together; routes are in `routes/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute

from compiler.options import CompileOptions
from server import errors
from server.db import Database
from server.deps import Service
from server.events import Hub
from server.metrics import MeasureRequests, Metrics
from server.public import API
from server.queue import Doorbell
from server.routes import catalog, compilations, explanations, health, inspections, pages
from server.security import Guard
from server.settings import Settings
from server.storage import Storage

PROBLEM = {
    "model": errors.ProblemDetails,
    "description": "What went wrong.",
    "content": {errors.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service for these settings; the database is opened and brought up to date when the app starts."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        db.migrate()
        service.hub.start()
        yield
        service.hub.close()
        service.bell.close()
        db.close()

    db = Database(settings)
    metrics = Metrics(db)
    service = Service(settings, db, Storage(settings), Doorbell(settings), Hub(db), metrics)
    app = FastAPI(
        title="DeepMetal",
        version="1",  # the API's own; the distribution's is in /health and /catalog
        summary="Compiles neural networks to standalone code for small processors.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # both would fetch their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        redirect_slashes=False,
    )
    app.state.service = service
    api = APIRouter(prefix=API, responses={"4XX": PROBLEM, "5XX": PROBLEM})
    for module in (compilations, inspections, catalog, explanations, health):
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(health.router, include_in_schema=False)  # where orchestrators look by habit
    app.include_router(pages.router)
    errors.install(app)
    app.add_exception_handler(compilations.NothingMore, _no_content)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(MeasureRequests, metrics=metrics)
    _describe(app)
    return app


def operation_id(route: APIRoute) -> str:
    """The function's name is the operation's: `createCompilation` in generated clients."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


async def _no_content(_: Request, __: Exception) -> Response:
    return Response(status_code=204)


def _describe(app: FastAPI) -> None:
    """OpenAPI plus the class behind the form field `options`, which is JSON text to the form itself."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        schema = plain()
        options = CompileOptions.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, part in (options.pop("$defs", {}) | {"CompileOptions": options}).items():
            schema["components"]["schemas"].setdefault(name, part)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
