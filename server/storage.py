"""Blobs by content: `blobs/sha256/ab/cdef...`, in a local folder or an S3-compatible store.

What is stored under a hash never changes, so any number of rows may point at it.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from server.mebibytes import KIB, MIB
from server.settings import Settings

CHUNK = MIB
READ_AHEAD = 64 * KIB


class MissingBlob(Exception):
    """A row points at a blob that the store does not have."""


@dataclass(frozen=True)
class Blob:
    sha256: str
    size: int


class Storage:
    """Puts, reads and lists blobs. Reading yields chunks, so memory stays small whatever the size."""

    def __init__(self, settings: Settings) -> None:
        self.local: Path | None = None
        store: ObjectStore
        if settings.store_url:
            store = from_url(settings.store_url)
        else:
            self.local = settings.folder("store")
            store = LocalStore(self.local)
        self.store = store

    def put(self, file: IO[bytes]) -> Blob:
        """Store the rest of a seekable file under its hash. Putting it again only refreshes its age."""
        start = file.tell()
        digest, size = hashlib.sha256(), 0
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
        file.seek(start)
        blob = Blob(digest.hexdigest(), size)
        obstore.put(self.store, key(blob.sha256), iter(lambda: file.read(CHUNK), b""))
        return blob

    def put_path(self, path: Path) -> Blob:
        with path.open("rb") as file:
            return self.put(file)

    def stream(self, sha256: str) -> Iterator[bytes]:
        """The content in chunks. A missing blob shows at once, not at the first chunk."""
        try:
            found = obstore.get(self.store, key(sha256))
        except (NotFoundError, FileNotFoundError) as error:
            raise MissingBlob(sha256) from error
        return (bytes(chunk) for chunk in found.stream(min_chunk_size=CHUNK))

    def open(self, sha256: str) -> io.BufferedReader:
        """A seekable reader, for reading one member of a zip without the rest."""
        try:
            return io.BufferedReader(_Reader(obstore.open_reader(self.store, key(sha256), buffer_size=READ_AHEAD)))
        except (NotFoundError, FileNotFoundError) as error:
            raise MissingBlob(sha256) from error

    def copy_to(self, sha256: str, path: Path) -> None:
        with path.open("wb") as file:
            for chunk in self.stream(sha256):
                file.write(chunk)

    def list(self) -> Iterator[tuple[str, float]]:
        """Every blob's hash and the time it was last put, in seconds since the epoch."""
        for batch in obstore.list(self.store, prefix="blobs/sha256"):
            for meta in batch:
                yield "".join(meta["path"].split("/")[-2:]), meta["last_modified"].timestamp()

    def delete(self, sha256: str) -> None:
        obstore.delete(self.store, key(sha256))

    def free_bytes(self) -> int | None:
        """Free space of the disk that a local store is on; None for a remote one."""
        return shutil.disk_usage(self.local).free if self.local else None

    def check(self) -> None:
        """Write and read a few bytes, or raise what the store raises."""
        probe = "probe/ready"
        obstore.put(self.store, probe, b"ready")
        if bytes(obstore.get(self.store, probe).bytes()) != b"ready":
            raise MissingBlob(probe)


class _Reader(io.RawIOBase):
    """The store's reader as a file of Python's kind."""

    def __init__(self, reader: obstore.ReadableFile) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._reader.read(len(buffer))
        buffer[: len(data)] = memoryview(data)
        return len(data)


def key(sha256: str) -> str:
    return f"blobs/sha256/{sha256[:2]}/{sha256[2:]}"
