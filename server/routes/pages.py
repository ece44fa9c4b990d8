"""The browser's side: the built front end, whose router owns every path that is not the API's."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.convertors import Convertor, register_url_convertor

from server.deps import SettingsDep
from server.errors import not_found


class PagePath(Convertor[str]):
    """Any path but the API's: those must not match here, or a wrong method would look like a missing page."""

    regex = r"(?!(?:api|health|metrics)(?:/|$)).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("page", PagePath())
router = APIRouter(include_in_schema=False)

FOR_EVER = "public, max-age=31536000, immutable"  # the bundler puts a hash into these names

UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>DeepMetal</title>
<h1>DeepMetal is running</h1>
<p>The pages are not built yet. In the repository run <code>make serve</code>, or
<code>cd frontend &amp;&amp; npm ci &amp;&amp; npm run build</code>, and reload.</p>
<p>The API works without them: <a href="/api/openapi.json">/api/openapi.json</a>.</p></html>
"""


@router.get("/{path:page}")
@router.head("/{path:page}")
def page(path: str, settings: SettingsDep) -> Response:
    """A file of the build; any other path is a page of the app, unless it looks like a file."""
    folder = settings.front_end()
    if folder is None:
        return HTMLResponse(UNBUILT, status_code=200 if not path else 404)
    folder = folder.resolve()
    file = (folder / path).resolve() if "\0" not in path else folder
    if file.is_relative_to(folder) and file.is_file() and file.name != "index.html":
        caching = FOR_EVER if path.startswith("assets/") else "no-cache"
        return FileResponse(file, headers={"Cache-Control": caching})
    if path.startswith("assets/"):
        raise not_found("file", f"/{path}")
    return FileResponse(folder / "index.html", headers={"Cache-Control": "no-cache"})
