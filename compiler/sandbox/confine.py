"""All of the sandbox, entered by the process that is to be confined, before it reads anything hostile."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from compiler.sandbox import landlock, seccomp
from compiler.sandbox.landlock import LIST, READ, READ_FILE, WRITE, WRITE_FILE, Allowed
from compiler.sandbox.limits import Limits, limit, limit_processes
from compiler.sandbox.user import give_away_root

Level = Literal["L0", "L1", "L2"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("compiler", "deepmetal", "server", "worker")

# Programs and their libraries; what tells a program about the processor it runs on.
SYSTEM = "/usr /bin /sbin /lib /lib32 /lib64 /libx32 /opt /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d".split()
ABOUT = "/proc/cpuinfo /proc/meminfo /proc/sys/vm /sys/devices/system /sys/bus/pci/devices".split()
DEVICES = {
    "/dev/null": READ_FILE | WRITE_FILE,
    "/dev/zero": READ_FILE,
    "/dev/urandom": READ_FILE,
    "/dev/random": READ_FILE,
}

_entered: list[Level] = []


def confine(level: Level, limits: Limits, folder: Path, *, alone: bool = False, also: Sequence[Path] = ()) -> None:
    """Confine this process, and all it starts, to `folder`. There is no way back; `NotHere` when it cannot be done.

    The process must have one thread. `alone`: it may start threads and no process, and ends with its parent. `also`:
    files elsewhere that it may read.
    """
    if level == "L0":
        return
    abi = landlock.version()
    if level == "L2":
        give_away_root(folder)
    if alone:
        ctypes.CDLL(None).prctl(seccomp.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    limit(limits)
    if level == "L2":
        limit_processes()
        spare = () if landlock.covers_signals(abi) else tuple(_ancestors())
        landlock.restrict([*readable(), Allowed(folder, WRITE), *(Allowed(path, READ_FILE) for path in also)], abi)
        chosen = seccomp.rules(truncate=not landlock.covers_truncation(abi), alone=alone, spare=spare)
        seccomp.install(list(chosen), alone=alone)
    _entered.append(level)


def current() -> str | None:
    """What confines this process, in words for people; None when nothing does."""
    return describe(_entered[-1]) if _entered else None


def confined_to(level: Level) -> bool:
    """Whether this process has entered the level already; one that it starts cannot leave it."""
    return level in _entered


def describe(level: Level) -> str:
    return {"L0": "L0", "L1": "L1 rlimits+no_new_privs", "L2": "L2 landlock+seccomp"}[level]


def readable() -> Iterator[Allowed]:
    """What every confined process may read: programs, libraries, Python and our own packages."""
    prefixes = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    prefixes |= {path for path in tensorflow() if path.is_dir()}
    for path in (*map(Path, (*SYSTEM, *ABOUT)), *sorted(prefixes), *(ROOT / name for name in PACKAGES)):
        yield Allowed(path, READ)
    for name, rights in DEVICES.items():
        yield Allowed(Path(name), rights)
    yield Allowed(ROOT, LIST)  # Python looks for a package by listing the folder it is in


def tensorflow() -> Iterator[Path]:
    """The environment that has TensorFlow, beside us or where the setting says."""
    yield ROOT / ".venv-tensorflow"
    if named := os.environ.get("DEEPMETAL_TENSORFLOW_PYTHON"):
        yield Path(named).absolute().parent.parent


def _ancestors() -> Iterator[int]:
    """The processes that started this one, but for init."""
    pid = os.getppid()
    while pid > 1:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
