"""Killing everything a job started.

The process group would not be enough: the tools that the compiler runs live in groups of their own, so that it can
end one of them without ending itself. All of them share the job's session.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROUNDS = 20  # a process that forks while we look is found in the next round


def members(session: int) -> Iterator[int]:
    """Process ids of a session, the dead that nobody collected yet left out."""
    for name in os.listdir("/proc"):  # noqa: PTH208 -- plain names are wanted
        if not name.isdigit():
            continue
        with suppress(OSError, ValueError, IndexError):
            # The command, in parentheses, may contain anything; the fields after it are plain.
            fields = Path("/proc", name, "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            state, found = fields[0], int(fields[3])
            if found == session and state not in "ZX":
                yield int(name)


def kill(session: int, spare: int | None = None) -> None:
    """SIGKILL for all of a session, until nobody is left but `spare`."""
    for _ in range(ROUNDS):
        found = [pid for pid in members(session) if pid != spare]
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
