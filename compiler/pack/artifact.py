"""The artifact: the files of one compilation in memory, in a folder, and as a zip."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from compiler.errors import ModelError
from compiler.graph.types import Array
from compiler.pack.archive import write_zip
from compiler.pack.manifest import listed_files
from compiler.program import Program
from compiler.report import Report

MOST_BYTES = 1 << 30  # of all files of an artifact together


@dataclass(frozen=True)
class Vector:
    """One test vector: what goes in and what the reference model answers, in the order of the model's tensors.

    Arrays have the element order of the generated API: the source model's, or the internal one when the option
    `io_layout` says native.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    allowed: tuple[float, ...] = ()  # per output the largest difference that passes; empty: by the common tolerance


@dataclass(frozen=True)
class Artifact:
    """What a compilation leaves behind. `files` maps the path inside the zip to its bytes.

    `program` is what was printed, for running it again in this process.
    """

    report: Report
    files: Mapping[str, bytes]
    directory: Path
    archive: Path
    program: Program | None = None


def write(report: Report, files: Mapping[str, bytes], out: Path) -> Artifact:
    """Write `files` to the folder `out` and to `out`.zip beside it.

    `report` may carry timings that `files` must not. Files that an earlier artifact left in `out` and that this one
    does not have are removed, unless they were edited; anything else in the folder stays.
    """
    out = out.resolve()
    archive = out.parent / (out.name + ".zip")
    try:
        _write_folder(files, out)
        part = archive.with_name(archive.name + ".part")
        write_zip(files, part)
        part.replace(archive)
    except OSError as error:
        raise ModelError(
            "E1009",
            f"cannot write to the output folder: {error.strerror or error}",
            where=out.name,
            help="give -o a folder that does not exist yet, or one you may write to",
        ) from error
    return Artifact(report=report, files=dict(files), directory=out, archive=archive)


def read(path: Path) -> dict[str, bytes]:
    """The files of an artifact that was written before, as a folder or as a zip.

    Of a folder only those that its manifest lists, so that what a user built there stays out.
    """
    try:
        if path.is_dir():
            return {name: (path / name).read_bytes() for name in (*_earlier(path), "manifest.json")}
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            if sum(info.file_size for info in members) > MOST_BYTES:
                raise zipfile.BadZipFile("it holds too much")
            return {info.filename: archive.read(info) for info in members}
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(
            "E1031",
            f"{path.name!r} cannot be read as an artifact: {getattr(error, 'strerror', None) or error}",
            help="give the OUT.zip or the folder OUT that `deepmetal compile -o OUT` wrote",
        ) from error


def _write_folder(files: Mapping[str, bytes], out: Path) -> None:
    earlier = _earlier(out)
    for path, data in sorted(files.items()):
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, data)
    for path in sorted(set(earlier) - set(files)):
        target = out / path
        if target.is_file() and not target.is_symlink() and sha256(target.read_bytes()).hexdigest() == earlier[path]:
            target.unlink()


def _earlier(out: Path) -> dict[str, str]:
    """Files that an earlier artifact left in `out`, with their SHA-256; only paths that stay inside the folder."""
    path = out / "manifest.json"
    listed = listed_files(path.read_bytes()) if path.is_file() else {}
    pure = {name: PurePosixPath(name) for name in listed}
    return {n: digest for n, digest in listed.items() if not pure[n].is_absolute() and ".." not in pure[n].parts}


def _replace(target: Path, data: bytes) -> None:
    """Write beside the target, then rename: a reader sees the old bytes or the new ones, never half a file."""
    part = target.with_name(target.name + ".part")
    part.write_bytes(data)
    part.replace(target)
