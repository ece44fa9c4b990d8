"""Who this worker is, for its row and for the results it makes."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

from compiler.sandbox.confine import ROOT

UNKNOWN = ""  # results made without a fingerprint are never used again


def worker_id() -> str:
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"


def fingerprint() -> str:
    """The compiler's fingerprint, asked for in a process of its own: this one stays without the compiler's packages."""
    code = "from compiler.catalog import fingerprint; print(fingerprint())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else UNKNOWN


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def resolved(future: Future[str]) -> str | None:
    """The value of a future that may not have one yet."""
    return future.result() if future.done() else None
