"""A zip whose bytes depend on its content alone: sorted names, one fixed time, one set of attributes."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can express
_MODE = stat.S_IFREG | 0o644
_UNIX = 3
_PIECE = 1 << 20


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """The same archive in memory."""
    buffer = io.BytesIO()
    write_zip(files, buffer)
    return buffer.getvalue()


def write_zip(files: Mapping[str, bytes], target: Path | IO[bytes]) -> None:
    """The archive of `files` (path inside the zip -> content), written piece by piece: large weights need no copy."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(files):
            data = memoryview(files[path])
            entry = zipfile.ZipInfo(path, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            entry.file_size = len(data)
            with archive.open(entry, "w") as member:
                for start in range(0, len(data), _PIECE):
                    member.write(data[start : start + _PIECE])
