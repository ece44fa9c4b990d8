"""`python -m compiler.sandbox.self_test LEVEL TRIED FOLDER CANARY`: enter a level, then try what TRIED must stop.

Prints one JSON object: the name of each attempt, and "" when it was stopped, else how it got through. Every attempt
is harmless where it does get through. Run by `probe.py`, never in a process that has something else to do.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

from compiler.sandbox.confine import Level, confine
from compiler.sandbox.limits import PR_GET_NO_NEW_PRIVS, Limits
from compiler.sandbox.seccomp import CLONE_NEW, NotHere
from compiler.sandbox.syscalls import MACHINES

LIMITS = Limits(cpu_seconds=30, memory=1 << 30, file_size=1 << 20, open_files=64)
NOT_THERE = "not entered"  # the key under which the answer says why a level cannot be entered
CLONE_NEWUSER = 0x10000000
assert CLONE_NEW & CLONE_NEWUSER


class GotThrough(Exception):
    """An attempt that should have failed did not; the text says what it got."""


def main(level: Level, tried: Level, folder: Path, canary: Path) -> dict[str, str]:
    """What became of each attempt. `canary` is a file outside `folder` that this user may read and write."""
    outside = os.getppid()
    try:
        confine(level, LIMITS, folder)
    except (NotHere, OSError) as error:
        return {NOT_THERE: str(error)}
    attempts: dict[str, Callable[[], object]] = dict(_limits(folder))
    if tried == "L2":
        attempts |= _files(folder, canary) | _sockets() | _processes(outside) | _kernel()
    return {name: _try(attempt) for name, attempt in attempts.items()} | {"work": _work(folder)}


def _try(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except (OSError, MemoryError):
        return ""
    except GotThrough as error:
        return str(error)
    return "it worked"


# -- L1 -----------------------------------------------------------------------------------------------------------


def _limits(folder: Path) -> Mapping[str, Callable[[], object]]:
    def privileges() -> None:
        _expect(ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "set-uid programs gain rights")

    def core() -> None:
        _expect(resource.getrlimit(resource.RLIMIT_CORE) == (0, 0), "a core file may be written")

    def raise_limit() -> None:
        with suppress(ValueError):  # which is how Python says that it may not
            resource.setrlimit(resource.RLIMIT_NOFILE, (LIMITS.open_files, 2 * LIMITS.open_files))
            _expect(os.geteuid() == 0, "a limit was raised")  # root may, but for a level above this one

    def large_file() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with (folder / "large").open("wb", buffering=0) as file:
            file.write(bytes(LIMITS.file_size))
            return file.write(bytes(1))

    return {
        "gain privileges": _raising(privileges),
        "dump core": _raising(core),
        "raise a limit": _raising(raise_limit),
        "much memory": lambda: len(bytearray(2 * LIMITS.memory)),
        "a large file": large_file,
    }


def _raising(check: Callable[[], None]) -> Callable[[], object]:
    """A check that is silent when all is well, as an attempt."""

    def attempt() -> object:
        check()
        raise OSError

    return attempt


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise GotThrough(otherwise)


# -- L2 -----------------------------------------------------------------------------------------------------------


def _files(folder: Path, canary: Path) -> dict[str, Callable[[], object]]:
    def move_out() -> None:
        (folder / "mine").write_bytes(b"x")
        (folder / "mine").rename(canary.with_suffix(".moved"))

    def through_link() -> bytes:
        (folder / "link").symlink_to(canary)
        return (folder / "link").read_bytes()

    return {
        "read a file": canary.read_bytes,
        "read through a link": through_link,
        "list a folder": lambda: os.listdir(canary.parent),  # noqa: PTH208 -- names are enough
        "write a file": lambda: canary.write_bytes(b"changed"),
        "empty a file": lambda: os.truncate(canary, 0),
        "empty a file by opening it": lambda: os.open(canary, os.O_RDONLY | os.O_TRUNC),
        "make a file": canary.with_suffix(".new").touch,
        "move a file out": move_out,
        "open a file to all": lambda: canary.chmod(0o666),
        "remove a file": canary.unlink,
        "read accounts": lambda: Path("/etc/shadow").read_bytes(),
        "look into the parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    }


def _sockets() -> dict[str, Callable[[], object]]:
    def opening(family: int, kind: int) -> Callable[[], object]:
        return lambda: socket.socket(family, kind).fileno()

    return {
        "TCP": opening(socket.AF_INET, socket.SOCK_STREAM),
        "UDP": opening(socket.AF_INET, socket.SOCK_DGRAM),
        "TCP over IPv6": opening(socket.AF_INET6, socket.SOCK_STREAM),
        "netlink": opening(socket.AF_NETLINK, socket.SOCK_RAW),
        "packets": opening(socket.AF_PACKET, socket.SOCK_RAW),
        "Unix socket": opening(socket.AF_UNIX, socket.SOCK_STREAM),
        "Unix datagrams": lambda: [end.fileno() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)],
    }


def _processes(outside: int) -> dict[str, Callable[[], object]]:
    return {
        "signal the parent": lambda: os.kill(outside, 0),
        "trace the parent": lambda: _call("ptrace", 0x4206, outside, 0, 0),  # PTRACE_SEIZE: it goes on running
        "read the parent's memory": lambda: _call("process_vm_readv", outside, 0, 0, 0, 0, 0),
        "leave the session": os.setsid,
        "become root": lambda: os.setresuid(0, 0, 0),
        "many processes": _raising(_processes_are_bounded),
    }


def _processes_are_bounded() -> None:
    _expect(os.geteuid() != 0, "root's processes are not counted; run the worker as another user")
    _expect(resource.getrlimit(resource.RLIMIT_NPROC)[1] != resource.RLIM_INFINITY, "any number of processes")


def _kernel() -> dict[str, Callable[[], object]]:
    return {
        "user namespace by clone": lambda: _call("clone", CLONE_NEWUSER, 0, 0, 0, 0),
        "user namespace": lambda: _call("unshare", CLONE_NEWUSER),
        "mount": lambda: _call("mount", 0, 0, 0, 0, 0),
        "change root": lambda: _call("chroot", 0),
        "load a filter program": lambda: _call("bpf", 0, 0, 0),
        "performance counters": lambda: _call("perf_event_open", 0, 0, -1, -1, 0),
        "keys": lambda: _call("keyctl", 0, -3, 1),  # the id of the session's key ring
        "asynchronous calls": lambda: _call("io_uring_setup", 1, 0),
        "load a module": lambda: _call("init_module", 0, 0, 0),
        "another kernel": lambda: _call("kexec_load", 0, 0, 0, 0),
    }


def _call(name: str, *arguments: int) -> int:
    """A system call; an answer other than "not permitted" or "no such call" means that the filter let it through."""
    number = MACHINES[os.uname().machine].number(name)
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(ctypes.c_long(number or 0), *map(ctypes.c_long, arguments))
    if result == 0 and name == "clone":
        os._exit(0)  # the new process
    if result < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
        raise OSError(ctypes.get_errno(), name)
    raise GotThrough(f"the kernel took it: {errno.errorcode.get(ctypes.get_errno(), result)}")


def _work(folder: Path) -> str:
    """What a job does need: files of its own, and programs that it starts."""
    try:
        (folder / "own").write_bytes(b"x")
        code = "import json, zlib, socket; socket.socketpair(); print(open('/dev/urandom', 'rb').read(1) != b'')"
        done = subprocess.run(
            [sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.stdout.strip() == "True" else done.stderr.strip()[-200:] or "no answer"


if __name__ == "__main__":
    print(
        json.dumps(main(cast("Level", sys.argv[1]), cast("Level", sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
    )
