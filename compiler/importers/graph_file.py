"""Graph files on disk: `m.graph.json` with `m.weights.bin` beside it, or both in one zip, which is what uploads are."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from compiler.errors import ModelError
from compiler.graph.disk import MAX_JSON, Stored, parse, read, weights_of
from compiler.graph.disk_check import check
from compiler.importers.archive import PACKED, open_archive

JSON = ".graph.json"
MAX_WEIGHTS = 1 << 30  # bytes


def open_graph(path: Path, where: str) -> Stored:
    """The graph of a file, checked. Raises ModelError E0180 to E0184, E0193 for an archive that breaks the rules."""
    with path.open("rb") as file:
        packed = file.read(2) == b"PK"
    try:
        stored = read(*(_of_archive(path, where) if packed else _of_files(path)))
        check(stored.graph)
    except ModelError as error:
        error.where = f"{where}: {error.where}" if error.where and error.where != where else where
        raise
    return stored


def _of_archive(path: Path, where: str) -> tuple[bytes, bytes]:
    archive = open_archive(path, where, lambda name: True, PACKED)
    graphs = [name for name in archive.members if name.endswith(JSON)]
    if len(graphs) != 1:
        raise ModelError("E0182", f"the archive holds {len(graphs)} files *{JSON}, not one")
    content = bytes(archive.read(graphs[0], MAX_JSON))
    wanted = graphs[0].rpartition("/")[0]
    name = "/".join(filter(None, (wanted, weights_of(parse(content)).file)))
    if name not in archive.members:
        raise ModelError("E0182", f"the weights file '{name}' is not in the archive", help="put both files into it")
    return content, bytes(archive.read(name, MAX_WEIGHTS))


def _of_files(path: Path) -> tuple[bytes, bytes]:
    content = _bounded(path, MAX_JSON, os.O_RDONLY)
    beside = path.parent / weights_of(parse(content)).file
    try:
        return content, _bounded(beside, MAX_WEIGHTS, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise ModelError(
            "E0182",
            f"the weights file '{beside.name}' is not beside the graph file",
            help="keep both files in one folder; to upload them, put both into one zip, or write one: -o m.graph.zip",
        ) from error


def _bounded(path: Path, limit: int, flags: int) -> bytes:
    """The content of a regular file. For a name out of a file links are not followed: it reaches nothing elsewhere."""
    with os.fdopen(os.open(path, flags | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("no regular file")
        if status.st_size > limit:
            raise ModelError("E0184", f"'{path.name}' has {status.st_size} bytes, more than {limit}")
        return file.read(limit + 1)
