"""The artifact: the files of one compilation in memory, in a folder, and as a zip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ModelError
from compiler.pack.archive import zip_bytes
from compiler.report import Report


@dataclass(frozen=True)
class Vector:
    """One test vector: what goes in and what the reference model answers, in the order of the model's tensors.

    Arrays have the element order of the generated API: the source model's, or the internal one when the option
    `io_layout` says native.
    """

    inputs: tuple[NDArray[Any], ...]
    outputs: tuple[NDArray[Any], ...]
    name: str = ""


@dataclass(frozen=True)
class Artifact:
    """What a compilation leaves behind. `files` maps the path inside the zip to its bytes."""

    report: Report
    files: Mapping[str, bytes]
    directory: Path
    archive: Path


def write(report: Report, files: Mapping[str, bytes], out: Path) -> Artifact:
    """Write `files` to the folder `out` and to `out`.zip beside it.

    `report` may carry timings that `files` must not. Files that an earlier artifact left in `out` and that this one
    does not have are removed; anything else in the folder stays.
    """
    archive = out.with_name(out.name + ".zip")
    try:
        _write_folder(files, out)
        _replace(archive, zip_bytes(files))
    except OSError as error:
        raise ModelError(
            "E1003",
            f"cannot write to the output folder: {error.strerror or error}",
            where=out.name,
            help="give -o a folder that does not exist yet, or one you may write to",
        ) from error
    return Artifact(report=report, files=dict(files), directory=out, archive=archive)


def _write_folder(files: Mapping[str, bytes], out: Path) -> None:
    stale = _listed_in_manifest(out) - set(files)
    for path, data in sorted(files.items()):
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, data)
    for path in sorted(stale):
        target = out / path
        if target.is_file() and not target.is_symlink():
            target.unlink()


def _replace(target: Path, data: bytes) -> None:
    """Write beside the target, then rename: a reader sees the old bytes or the new ones, never half a file."""
    part = target.with_name(target.name + ".part")
    part.write_bytes(data)
    part.replace(target)


def _listed_in_manifest(out: Path) -> set[str]:
    """Paths that the manifest of an earlier artifact in `out` names; only such that stay inside the folder."""
    try:
        listed = json.loads((out / "manifest.json").read_text("utf-8"))["files"]
        paths = {str(path) for path in listed}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {p for p in paths if not PurePosixPath(p).is_absolute() and ".." not in PurePosixPath(p).parts}


def elements(arrays: tuple[NDArray[Any], ...]) -> int:
    return int(sum(np.asarray(a).size for a in arrays))
