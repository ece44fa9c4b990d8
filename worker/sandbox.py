"""What confines a job's process. Level L1 for now: limits, no new privileges, own session, clear environment.

Landlock, seccomp (L2) and bubblewrap (L3) get their place here: `enter` runs inside the process, before anything of
the job is read; `probe` proves at every start of a worker what this machine gives. The level is logged, kept in the
worker's row and shown on /health/ready.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
ROOT = Path(__file__).resolve().parents[1]
PROVEN = "L1 rlimits+no_new_privs"
UNPROVEN = "L0"


@dataclass(frozen=True)
class Limits:
    """For each process of a job: seconds of CPU, bytes of address space, bytes of one file, open files."""

    cpu_seconds: int
    memory: int
    file_size: int
    open_files: int = 1024

    def to_json(self) -> dict[str, int]:
        return asdict(self)


def enter(limits: Limits) -> None:
    """Confine this process and all it starts; there is no way back."""
    os.umask(0o077)
    for what, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_NOFILE, limits.open_files),
    ):
        _, hard = resource.getrlimit(what)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (bound, bound))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")


def environment(home: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """All that a job's process gets to see: no tokens, no addresses, no settings of the service."""
    return {
        "PATH": inherited.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
    }


def probe() -> str:
    """The level that a process really reached, tried out in one."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "worker.sandbox"],
        cwd="/",
        env=environment(Path("/nonexistent"), os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return PROVEN if done.stdout.strip() == PROVEN else UNPROVEN


def _self_test() -> str:
    wanted = Limits(cpu_seconds=30, memory=512 * 1024 * 1024, file_size=1024, open_files=64)
    enter(wanted)
    holds = (
        ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
        and resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
        and resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= wanted.open_files
    )
    try:
        bytearray(2 * wanted.memory)
        holds = False
    except MemoryError:
        pass
    return PROVEN if holds else UNPROVEN


if __name__ == "__main__":
    print(_self_test())
