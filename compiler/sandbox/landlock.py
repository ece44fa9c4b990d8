"""Level L2, the files: Landlock lets a process give up every file but those under a few folders, itself.

System calls by number, because no C library has them. What each version ("ABI") of Landlock can do is in the
kernel's documentation, userspace-api/landlock.rst; what it cannot is left to `seccomp.py`.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.sandbox.seccomp import NotHere

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every machine
VERSION = 1  # a flag: tell the version instead
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (
    1 << bit for bit in range(4, 13)
)
REFER, TRUNCATE, IOCTL_DEVICE = (1 << bit for bit in range(13, 16))
TCP = 0b11  # bind, connect
ABSTRACT_SOCKETS, SIGNALS = 1, 2

OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
LIST = READ_DIR
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE

OLDEST = 2  # the first that lets files move between folders


@dataclass(frozen=True)
class Allowed:
    """A folder, with all beneath it, or a file; and the rights there. What does not exist is passed over."""

    path: Path
    rights: int


def version() -> int:
    """Landlock's version in this kernel; 0 when there is none."""
    found: int = ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, VERSION)
    return max(0, found)


def covers_truncation(abi: int) -> bool:
    return abi >= 3


def covers_signals(abi: int) -> bool:
    return abi >= 6


def restrict(allowed: Sequence[Allowed], abi: int) -> None:
    """Give up all files but those, TCP, and signals to processes outside; for this thread and all it starts.

    Needs no_new_privs.
    """
    if abi < OLDEST:
        raise NotHere("Landlock is not in this kernel" if not abi else "Landlock of this kernel is too old")
    libc = ctypes.CDLL(None, use_errno=True)
    handled = (1 << 14) - 1 | (TRUNCATE if abi >= 3 else 0) | (IOCTL_DEVICE if abi >= 5 else 0)
    attributes = struct.pack("=QQQ", handled, TCP, ABSTRACT_SOCKETS | SIGNALS)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = libc.syscall(CREATE_RULESET, attributes, size, 0)
    if ruleset < 0:
        raise NotHere(f"Landlock: {os.strerror(ctypes.get_errno())}")
    try:
        for one in allowed:
            _add(libc, ruleset, one, handled)
        if libc.syscall(RESTRICT_SELF, ruleset, 0) != 0:
            raise NotHere(f"Landlock: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(ruleset)


def _add(libc: ctypes.CDLL, ruleset: int, one: Allowed, handled: int) -> None:
    try:
        fd = os.open(one.path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = one.rights & handled
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= OF_FILES
        if rights and libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, fd), 0) != 0:
            raise NotHere(f"Landlock: {os.strerror(ctypes.get_errno())}: {one.path}")
    finally:
        os.close(fd)
