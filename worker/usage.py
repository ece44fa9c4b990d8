"""What a whole job uses: the kernel's limits are each process's own, and a job may start many."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worker import session

MAX_FILES = 100_000
MAX_PROCESSES = 512


@dataclass(frozen=True)
class Usage:
    """Of one job, right now."""

    processes: int
    resident: int
    disk: int
    files: int

    def excess(self, memory: int, disk: int) -> str | None:
        """What there is too much of, in words, or None. `memory` and `disk` are bytes that the job may hold."""
        for name, used, most in (
            ("processes", self.processes, MAX_PROCESSES),
            ("bytes of memory", self.resident, memory),
            ("bytes on the disk", self.disk, disk),
            ("files", self.files, MAX_FILES),
        ):
            if used > most:
                return f"it has {used} {name}; {most} are allowed"
        return None


def usage(leader: int, folder: Path) -> Usage:
    """Of the session that `leader` leads and the folder that it may write to."""
    pids = list(session.members(leader))
    sizes: dict[int, int] = {}
    for number, found in enumerate(_files(folder)):
        sizes[found.st_ino] = 512 * found.st_blocks
        if number > MAX_FILES:
            break
    count = len(sizes)
    for pid in pids[:MAX_PROCESSES]:
        sizes.update(_removed(pid, folder))
    return Usage(len(pids), sum(map(_resident, pids)), sum(sizes.values()), count)


def _files(folder: Path) -> Iterator[os.stat_result]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    yield found
                    if stat.S_ISDIR(found.st_mode):
                        yield from _files(Path(entry.path))
    except (OSError, RecursionError):
        return


def _removed(pid: int, folder: Path) -> Iterator[tuple[int, int]]:
    """Files that a process holds open after removing them: they take space, and no folder shows them."""
    device = folder.stat().st_dev
    try:
        handles = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 -- plain names are wanted
    except OSError:
        return
    for handle in handles:
        with suppress(OSError):
            found = os.stat(f"/proc/{pid}/fd/{handle}")  # noqa: PTH116 -- one of many
            if found.st_nlink == 0 and found.st_dev == device and stat.S_ISREG(found.st_mode):
                yield found.st_ino, 512 * found.st_blocks


def _resident(pid: int) -> int:
    """Without the pages of files, which others share."""
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
