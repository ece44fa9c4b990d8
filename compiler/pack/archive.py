"""A zip whose bytes depend on its content alone: sorted names, one fixed time, one set of attributes."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can express
_MODE = stat.S_IFREG | 0o644
_UNIX = 3


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """The archive of `files` (path inside the zip -> content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            archive.writestr(entry, files[path])
    return buffer.getvalue()
