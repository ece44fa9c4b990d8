"""Level L2, the system calls: a filter that the kernel runs before each one, for a process and all it starts.

The filter is written here as the few instructions that it is, with no library in between: what libseccomp would add,
a program to install and a binding to it, is more than the 40 lines that assemble it, and Debian's knows no call that
is younger than itself. Calls younger than our own table are answered like an older kernel would (ENOSYS).

What is not named is allowed: compilers, emulators and PyTorch need most of the rest. Files are Landlock's part.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import stat
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from compiler.sandbox.syscalls import MACHINES, NEWEST, Machine

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
CLONE_THREAD = 0x00010000
CLONE_NEW = 0x7E020000  # every kind of namespace
PR_SET_PDEATHSIG = 1
TIOCSTI = 0x5412  # types into a terminal

# Other processes, other hosts, other names for the same machine, and what only an administrator needs.
DENIED = """
    socket connect bind listen accept accept4
    ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
    pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo tkill setsid
    mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare setns
    bpf perf_event_open userfaultfd keyctl add_key request_key
    kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct quotactl quotactl_fd
    syslog settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname iopl ioperm modify_ldt vhangup
    name_to_handle_at open_by_handle_at fanotify_init
    shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink
    setuid setgid setgroups setreuid setregid setresuid setresgid setfsuid setfsgid capset
    chown fchown lchown fchownat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
""".split()

# Callers take this answer for an older kernel's and use the older call, which can be looked into.
ABSENT = "clone3 openat2 io_uring_setup io_uring_enter io_uring_register memfd_create memfd_secret".split()

# Without them a process stays alone, and killing it ends everything.
ALONE = "fork vfork execve execveat setpgid kill".split()


class NotHere(Exception):
    """This computer cannot do it; the text says why."""


@dataclass(frozen=True)
class Rule:
    """Refuse `call` when its argument, masked, equals the value; or, with `unless`, when it does not."""

    call: str
    argument: int
    mask: int
    value: int
    unless: bool = False


def rules(*, truncate: bool, alone: bool, spare: Iterable[int] = ()) -> Iterator[Rule]:
    """The calls that depend on their arguments.

    `truncate`: Landlock does not cover it here. `spare`: processes that must not get signals, where Landlock does
    not see to that.
    """
    yield Rule("clone", 0, CLONE_NEW, 0, unless=True)
    yield Rule("socketpair", 0, 0xFFFFFFFF, socket.AF_UNIX, unless=True)
    # One that takes datagrams could be pointed at any other such socket afterwards.
    yield Rule("socketpair", 1, 0xF, socket.SOCK_DGRAM)
    yield Rule("socketpair", 1, 0xF, socket.SOCK_RAW)
    yield Rule("prctl", 0, 0xFFFFFFFF, PR_SET_PDEATHSIG)
    yield Rule("prlimit64", 0, 0xFFFFFFFF, 0, unless=True)  # limits of other processes
    yield Rule("ioctl", 1, 0xFFFFFFFF, TIOCSTI)
    # Older Landlocks take an opening that empties the file for one that reads it.
    for call, flags in (("open", 1), ("openat", 2)):
        yield Rule(call, flags, os.O_TRUNC | os.O_ACCMODE, os.O_TRUNC)
    if truncate:
        yield Rule("truncate", 0, 0, 0)
    # Landlock does not cover modes: a linker may make its output a program, nobody may open a file to others.
    for call, mode in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2)):
        yield Rule(call, mode, stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX | stat.S_IRWXG | stat.S_IRWXO, 0, unless=True)
        yield Rule(call, mode, stat.S_IRUSR | stat.S_IWUSR, stat.S_IRUSR | stat.S_IWUSR, unless=True)
    for pid in (*spare, -1) if spare else ():
        for call in ("kill", "tgkill"):
            yield Rule(call, 0, 0xFFFFFFFF, pid & 0xFFFFFFFF)
        yield Rule("kill", 0, 0xFFFFFFFF, -pid & 0xFFFFFFFF)
    if alone:
        yield Rule("clone", 0, CLONE_THREAD, 0)


def install(chosen: Sequence[Rule], *, alone: bool) -> None:
    """Filter the calls of this thread, and of what it starts, from now on. Needs no_new_privs."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise NotHere(f"seccomp: the calls of {platform.machine()} are not listed here")
    code = assemble(machine, chosen, [*DENIED, *(ALONE if alone else ())])
    program = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a length, and after the padding the address
    description = ctypes.create_string_buffer(struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(program)), 16)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(description), 0, 0) != 0:
        raise NotHere(f"seccomp: {os.strerror(ctypes.get_errno())}")


# -- the assembler ------------------------------------------------------------------------------------------------

LOAD, AND, RETURN = 0x20, 0x54, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_RET|K
IF_EQUAL, IF_GREATER = 0x15, 0x25  # BPF_JMP|JEQ|K, BPF_JMP|JGT|K: how many to skip when true, when false
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16  # struct seccomp_data
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000


def assemble(machine: Machine, chosen: Sequence[Rule], denied: Sequence[str]) -> bytes:
    """The filter as the kernel reads it."""
    code = [
        _op(LOAD, MACHINE),
        _op(IF_EQUAL, machine.audit, 1, 0),
        _op(RETURN, KILL),  # calls of another kind of program have other numbers
        _op(LOAD, NUMBER),
        _op(IF_GREATER, NEWEST, 0, 1),
        _op(RETURN, REFUSE | errno.ENOSYS),
    ]
    for names, answer in ((denied, errno.EPERM), (ABSENT, errno.ENOSYS)):
        for number in [n for name in names if (n := machine.number(name)) is not None]:
            code += [_op(IF_EQUAL, number, 0, 1), _op(RETURN, REFUSE | answer)]
    for rule in chosen:
        if (known := machine.number(rule.call)) is not None:
            body = _body(rule)
            code += [_op(IF_EQUAL, known, 0, len(body)), *body]
    return b"".join([*code, _op(RETURN, ALLOW)])


def _body(rule: Rule) -> list[bytes]:
    """The lower half of the argument is what the kernel reads of each argument that a rule looks at."""
    return [
        _op(LOAD, ARGUMENTS + 8 * rule.argument),
        _op(AND, rule.mask),
        _op(IF_EQUAL, rule.value, *((1, 0) if rule.unless else (0, 1))),
        _op(RETURN, REFUSE | errno.EPERM),
        _op(LOAD, NUMBER),
    ]


def _op(code: int, k: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, true, false, k)
