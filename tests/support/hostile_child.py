"""A job's process that has been taken over: its "model" says what the attacker does.

For tests/attacks/test_from_inside.py, chosen by DEEPMETAL_CHILD_MODULE; guard, limits, sandbox and pipes are the real
ones. Every attack ends by itself before it harms a computer on which it gets through.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker.child import Emit, main

FORKS = 600
CHUNK = 16 << 20
MOST = 1 << 30
UNSHARE, PTRACE = {"x86_64": (272, 101), "aarch64": (97, 117)}[os.uname().machine]


def work(job: dict[str, Any], folder: Path, _: Emit) -> dict[str, Any]:
    wish = json.loads((folder / job["model"]).read_bytes())
    if wish["do"] == "look around":
        return answer({name: tried(attempt) for name, attempt in attempts(wish).items()})
    return answer({wish["do"]: HEAVY[wish["do"]](folder)})


def answer(found: dict[str, str]) -> dict[str, Any]:
    """What the attacks got, as the facts of an error."""
    error = {"kind": "model", "code": "E0101", "title": "attacked", "where": "", "facts": found, "help": ""}
    return {"error": error}


def tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError:
        return "denied"
    return "got through"


def attempts(wish: dict[str, Any]) -> dict[str, Callable[[], object]]:
    guard = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)

    def call(*arguments: int) -> None:
        if libc.syscall(*map(ctypes.c_long, arguments)) < 0:
            raise OSError(ctypes.get_errno(), "system call")

    def opened(family: int, kind: int, address: object) -> None:
        with socket.socket(family, kind) as caller:
            caller.connect(address)
            caller.send(b"x")

    return {
        "read /etc/shadow": lambda: Path("/etc/shadow").read_bytes(),
        "read the database": lambda: Path(wish["database"]).read_bytes(),
        "change the database": lambda: os.close(os.open(wish["database"], os.O_WRONLY)),
        "read another job's file": lambda: Path(wish["other"]).read_bytes(),
        "change another job's file": lambda: os.close(os.open(wish["other"], os.O_WRONLY)),
        "list the blobs": lambda: list(Path(wish["blobs"]).iterdir()),
        "TCP": lambda: opened(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", wish["port"])),
        "UDP": lambda: opened(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", wish["port"])),
        "Unix socket": lambda: opened(socket.AF_UNIX, socket.SOCK_STREAM, wish["socket"]),
        "ptrace": lambda: call(PTRACE, 0x4206, guard, 0, 0),
        "signal the guard": lambda: os.kill(guard, 0),
        "signal the worker": lambda: os.kill(wish["worker"], 0),
        "signal everybody": lambda: os.kill(wish["bystander"], signal.SIGTERM),
        "write to /tmp": lambda: Path(wish["tmp"]).write_bytes(b"x"),
        "set-uid": lambda: os.setresuid(0, 0, 0),
        "user namespace": lambda: call(UNSHARE, 0x10000000),
    }


def fork_bomb(folder: Path) -> str:
    for number in range(FORKS):
        try:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        except OSError:
            (folder / "forks").write_text(str(number))
            time.sleep(60)
    return "got through"


def fill_disk(folder: Path) -> str:
    for number in range(MOST // CHUNK):
        (folder / f"file{number}").write_bytes(bytes(CHUNK))
        time.sleep(0.02)
    return "got through"


def fill_removed(folder: Path) -> str:
    """Files without a name: no folder shows them."""
    kept = []
    for number in range(MOST // CHUNK):
        path = folder / "tmp" / f"file{number}"
        kept.append(path.open("wb", buffering=0))
        path.unlink()
        kept[-1].write(bytes(CHUNK))
        time.sleep(0.02)
    return "got through"


def allocate(folder: Path) -> str:
    bytearray(10 << 30)
    return "got through"


def allocate_together(folder: Path) -> str:
    """Each within its own limit."""
    for _ in range(7):
        if os.fork() == 0:
            break
    data = b"x" * (100 << 20)
    time.sleep(20)
    return f"got through with {len(data)}"


def loop(folder: Path) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pass
    return "got through"


def daemon(folder: Path) -> str:
    """A process that wants to outlive the job, in a session of its own."""
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            (folder / "kept").write_text("in the session")
        time.sleep(60)
    time.sleep(60)
    return "got through"


HEAVY = {
    "fork bomb": fork_bomb,
    "fill disk": fill_disk,
    "fill disk without names": fill_removed,
    "10 GiB": allocate,
    "memory of many": allocate_together,
    "loop": loop,
    "daemon": daemon,
}


if __name__ == "__main__":
    main(sys.argv[1:], work)
