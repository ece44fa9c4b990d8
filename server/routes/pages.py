"""The browser's side: the built front end, whose router owns every path that is not the API's."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from server.deps import SettingsDep
from server.errors import not_found

router = APIRouter(include_in_schema=False)

RESERVED = ("api", "metrics", "health")
FOR_EVER = "public, max-age=31536000, immutable"  # the bundler puts a hash into these names

UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>DeepMetal</title>
<h1>DeepMetal is running</h1>
<p>The pages are not built yet. In the repository run <code>make serve</code>, or
<code>cd frontend &amp;&amp; npm ci &amp;&amp; npm run build</code>, and reload.</p>
<p>The API works without them: <a href="/api/openapi.json">/api/openapi.json</a>.</p></html>
"""


@router.get("/{path:path}")
@router.head("/{path:path}")
def page(path: str, settings: SettingsDep, request: Request) -> Response:
    """A file of the build; any other path is a page of the app, unless it looks like a file."""
    if path.split("/")[0] in RESERVED:
        raise not_found("address", f"/{path}")
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
