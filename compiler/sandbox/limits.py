"""Level L1: what a process may use, for itself and all it starts."""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import asdict, dataclass
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PROCESSES = 256  # threads count too; what tools need at once, and more per processor for those that use all


@dataclass(frozen=True)
class Limits:
    """For each process: seconds of CPU, bytes of address space, bytes of one file, open files."""

    cpu_seconds: int
    memory: int
    file_size: int
    open_files: int = 1024

    def to_json(self) -> dict[str, int]:
        return asdict(self)


def limit(limits: Limits) -> None:
    """Lower this process's limits and renounce set-uid programs; there is no way back."""
    os.umask(0o077)
    for what, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_NOFILE, limits.open_files),
    ):
        at_most(what, value)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")


def limit_processes() -> None:
    """Bound the processes of this user: those there are, and some more. The kernel does not count root's.

    A process that is confined already cannot count them, and has its bound.
    """
    if not os.access("/proc", os.R_OK) or not any(Path("/proc").glob("[0-9]*")):
        return
    at_most(resource.RLIMIT_NPROC, _threads_of(os.getuid()) + PROCESSES + 4 * (os.cpu_count() or 1))


def at_most(what: int, value: int) -> None:
    """Set a limit, unless a lower one holds already: a confined process may not raise it."""
    _, hard = resource.getrlimit(what)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (bound, bound))


def _threads_of(uid: int) -> int:
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text("utf-8", "replace").splitlines())
            total += int(fields["Threads"]) if int(fields["Uid"].split()[0]) == uid else 0
        except (OSError, KeyError, ValueError):  # it ended while we looked
            continue
    return total
