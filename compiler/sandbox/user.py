"""A process that runs as root gives its rights away: to a user without any, who owns the job's folder and nothing else.

Landlock does not bound modes and owners of files, the kernel does not count root's processes, and signals reach
whatever has the same user. A user of its own bounds all three. One right stays, to read through folders that are
closed to others (a virtual environment under /root): what may be read is Landlock's decision, made for that folder.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

FIRST, COUNT = 61184, 4336  # the numbers that systemd gives to services without a user of their own
DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2  # either opens closed folders; the second cannot write
PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 28, 47, 2
NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522


def give_away_root(folder: Path) -> None:
    """Become the owner of `folder`, a user without rights. Nothing happens in a process that is not root's."""
    if os.geteuid() != 0:
        return
    uid = FIRST + os.getpid() % COUNT
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(parent, name), uid, uid, follow_symlinks=False)  # noqa: PTH118 -- many, and plain
    os.chown(folder, uid, uid)
    held = _permitted()
    keep = next((1 << c for c in (DAC_READ_SEARCH, DAC_OVERRIDE) if held & 1 << c), 0)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    libc.prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP, 0, 0, 0)  # else access(2) denies what open(2) would grant
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    if libc.capset(header, struct.pack("=6I", keep, keep, keep, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    if keep:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, keep.bit_length() - 1, 0, 0)


def _permitted() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("CapPrm:")[1].split()[0], 16)
