"""One call in a confined process of its own: `python -m MODULE FOLDER`, which confines itself to FOLDER first of all.

Such a process is alone (`confine.py`), so killing it ends all of it. What it leaves in the folder is hostile.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from compiler.sandbox.probe import environment

SAID = "said.txt"
PAUSE = 0.1
MAX_SAID = 4000


class Unusable(Exception):
    """What the process left behind is not what it should have left; the text says why."""


@dataclass(frozen=True)
class Ended:
    """How the process ended: its status, negative for a signal; and why we ended it, if we did."""

    status: int
    ended_for: str
    said: str  # the end of what it printed, without control characters


def call(module: str, folder: Path, *, seconds: float, disk: int) -> Ended:
    """Run it and wait, at most `seconds`; `disk` bounds the bytes that it may have in its folder."""
    ended_for = ""
    with (folder / SAID).open("wb") as said:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(folder)],
            cwd=folder,
            env=environment() | {"HOME": str(folder), "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            process_group=0,
        )
    try:
        deadline = time.monotonic() + seconds
        while child.poll() is None and not ended_for:
            time.sleep(PAUSE)
            if time.monotonic() > deadline:
                ended_for = f"it did not end within {seconds:g} s"
            elif _held(folder) > disk:
                ended_for = f"it wrote more than {disk} bytes"
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return Ended(child.returncode, ended_for, _printable(_tail(folder / SAID)))


def read_back(path: Path, most: int) -> bytes:
    """A file that the process left: a plain one, no larger than `most`. Raises `Unusable`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Unusable(f"{path.name}: {error.strerror}") from error
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            raise Unusable(f"{path.name} is no plain file, or larger than {most} bytes")
        return file.read(most)


def _held(folder: Path) -> int:
    """Bytes of the files in the folder; a link counts as itself."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += 512 * os.lstat(os.path.join(parent, name)).st_blocks  # noqa: PTH118 -- many, and plain
    return total


def _tail(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        file.seek(max(0, os.fstat(fd).st_size - MAX_SAID))
        return file.read(MAX_SAID)


def _printable(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
