"""What there is to choose from, and models to try."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from server import catalog
from server.artifacts import download_headers
from server.deps import SettingsDep
from server.samples import sample_path
from server.schemas import Catalog

router = APIRouter(tags=["catalog"])


@router.get("/catalog")
def get_catalog(settings: SettingsDep) -> Catalog:
    """Targets, operators, emitters, precisions, limits, samples."""
    return catalog.read(settings)


@router.get(
    "/samples/{name}",
    response_class=Response,
    responses={200: {"description": "The model file.", "content": {"application/octet-stream": {}}}},
)
def download_sample(name: str) -> FileResponse:
    """A trained model to try."""
    path = sample_path(name)
    return FileResponse(path, media_type="application/octet-stream", headers=download_headers(path.name, inline=False))
