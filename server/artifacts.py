"""Handing out what a compilation made. It comes from a hostile model, so no browser may run it under our origin."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from server.codes import NOT_FOUND, TOO_LARGE
from server.errors import Problem, unavailable
from server.mebibytes import MIB
from server.security import ARTIFACT_POLICY
from server.storage import MissingBlob, Storage

MAX_MEMBER = 256 * MIB

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
    ".c": "text/plain; charset=utf-8",
    ".h": "text/plain; charset=utf-8",
    ".hpp": "text/plain; charset=utf-8",
    ".cpp": "text/plain; charset=utf-8",
    ".S": "text/plain; charset=utf-8",
    ".ll": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}

REPORTS = {
    "application/json": "report.json",
    "text/html": "report.html",
    "application/xhtml+xml": "report.html",
    "text/markdown": "report.md",
    "text/x-markdown": "report.md",
}


@dataclass(frozen=True)
class ArtifactFile:
    """One file out of the zip."""

    path: str
    content: bytes

    def response(self, *, inline: bool) -> Response:
        path = PurePosixPath(self.path)
        kind = TYPES.get(path.suffix, "application/octet-stream")
        return Response(self.content, media_type=kind, headers=download_headers(path.name, inline=inline))


def read_member(storage: Storage, sha256: str, path: str) -> ArtifactFile:
    """A file of a stored artifact, or 404. Reads no more than the member's declared size."""
    try:
        with storage.open(sha256) as file, zipfile.ZipFile(file) as archive:
            info = archive.getinfo(path)
            if info.is_dir() or info.file_size > MAX_MEMBER:
                raise KeyError(path)
            with archive.open(info) as member:
                return ArtifactFile(path, member.read(info.file_size))
    except KeyError as error:
        raise Problem(404, NOT_FOUND, f"the artifact has no file {path[:100]!r}", where=path[:100]) from error
    except MissingBlob as error:
        raise unavailable("the artifact is not in the store") from error


def read_members(storage: Storage, sha256: str) -> dict[str, bytes]:
    """All files of a stored artifact that packages are made of."""
    try:
        with storage.open(sha256) as file, zipfile.ZipFile(file) as archive:
            wanted = [info for info in archive.infolist() if _is_material(info)]
            if sum(info.file_size for info in wanted) > MAX_MEMBER:
                raise Problem(
                    413, TOO_LARGE, "the artifact is too large to make a package of it here",
                    facts={"most": f"{MAX_MEMBER // MIB} MiB"},
                    help="Download the artifact; `deepmetal pack` makes the package of it.",
                )  # fmt: skip
            return {info.filename: archive.read(info) for info in wanted}
    except MissingBlob as error:
        raise unavailable("the artifact is not in the store") from error


def _is_material(info: zipfile.ZipInfo) -> bool:
    """Not reports for people, nor packages that are there already."""
    path = info.filename
    return not info.is_dir() and not path.startswith("pack/") and path not in ("report.html", "listing.json")


def attachment(storage: Storage, sha256: str, size: int, name: str, request: Request) -> Response:
    """A whole blob, streamed; its hash is its entity tag."""
    tag = f'"{sha256}"'
    headers = {**download_headers(name, inline=False), "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    try:
        chunks: Iterator[bytes] = storage.stream(sha256)
    except MissingBlob as error:
        raise unavailable("the artifact is not in the store") from error
    headers["Content-Length"] = str(size)
    return StreamingResponse(chunks, media_type="application/zip", headers=headers)


def download_headers(name: str, *, inline: bool) -> dict[str, str]:
    """Saved, not shown; and where it is shown, in a sandbox without scripts and without our origin."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    kind = "inline" if inline else "attachment"
    return {
        "Content-Disposition": f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": ARTIFACT_POLICY,
        "Cache-Control": "private, no-cache",
    }


def report_format(accept: str) -> str:
    """The report's file that suits an Accept header best; JSON when it has no preference."""
    best, chosen = 0.0, ""
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((_weight(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        file = "report.json" if kind in ("*/*", "application/*") else REPORTS.get(kind)
        if file is not None and weight > best:
            best, chosen = weight, file
    return chosen or "report.json"


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
