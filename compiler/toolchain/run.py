"""Run a tool within limits: no shell, a process group of its own, bounded time, memory and output.

Tools are not trusted to end or to be brief. Whatever a tool leaves running is killed with its group, and messages
for users carry no paths of this machine.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compiler.errors import ToolError
from compiler.trace import debug_level, log

MISSING, FAILED, TIME_LIMIT, OUTPUT_LIMIT = "E0701", "E0702", "E0703", "E0704"


@dataclass(frozen=True)
class Limits:
    """Bounds of one run; `memory` is the address space of each process, None for tools that reserve a lot."""

    seconds: float = 120.0
    memory: int | None = 4 * 2**30
    output: int = 64 * 2**20  # bytes of stdout and stderr together
    file: int = 2 * 2**30  # bytes of a file that the tool writes


DEFAULT = Limits()


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    stderr: str
    seconds: float

    def last_lines(self, count: int = 12) -> str:
        """The end of what the tool said, errors first."""
        text = self.stderr.strip() or self.stdout.strip()
        return "\n".join(text.splitlines()[-count:])


def run_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    limits: Limits = DEFAULT,
    check: bool = True,
) -> Outcome:
    """Run `argv` in `cwd` and wait. With `check`, a non-zero status is a ToolError that quotes the last lines."""
    words = [str(word) for word in argv]
    name = Path(words[0]).name
    if shutil.which(words[0]) is None:
        raise ToolError(MISSING, f"{name} is not installed", help="`deepmetal doctor` says how to install it")
    if debug_level() >= 7:
        log.info("%s", " ".join(words))
    start = time.monotonic()
    try:
        child = subprocess.Popen(
            [*_limited(limits), *words],
            cwd=cwd,
            env=_environment(cwd),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
    except OSError as error:
        raise ToolError(MISSING, f"cannot start {name}", facts={"reason": error.strerror or str(error)}) from error
    try:
        stdout, stderr, excess = _collect(child, start + limits.seconds, limits.output)
    finally:
        _kill_group(child)
    seconds = time.monotonic() - start
    outcome = Outcome(child.returncode, clean(stdout, cwd), clean(stderr, cwd), seconds)
    if excess:
        code, what = {
            "time": (TIME_LIMIT, f"{name} did not end within {limits.seconds:g} s"),
            "output": (OUTPUT_LIMIT, f"{name} wrote more than {limits.output} bytes of messages"),
        }[excess]
        raise ToolError(code, what, facts=_said(outcome))
    if check and outcome.status != 0:
        raise failure(name, outcome)
    return outcome


def failure(name: str, outcome: Outcome) -> ToolError:
    """The error for a tool that ended with a non-zero status, or by a signal."""
    status = outcome.status
    how = f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"
    return ToolError(FAILED, f"{name} {how}", facts=_said(outcome))


def clean(text: str, cwd: Path) -> str:
    """`text` without the paths of the work folder and the user's home."""
    for folder in {str(cwd), str(cwd.resolve())}:
        text = text.replace(folder + os.sep, "").replace(folder, ".")
    home = str(Path.home())
    return text.replace(home + os.sep, "~/") if len(home) > 1 else text


def _said(outcome: Outcome) -> dict[str, str]:
    said = outcome.last_lines()
    return {"it said": said} if said else {}


def _environment(cwd: Path) -> dict[str, str]:
    """Nothing of the caller's but where programs are: same messages, same objects for everyone."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TMPDIR": str(cwd),
        "SOURCE_DATE_EPOCH": "0",
    }


def _limited(limits: Limits) -> Iterator[str]:
    """`prlimit` in front of the command: limits hold from the first instruction on, for children too."""
    prlimit = _prlimit()
    if prlimit is None:
        return
    yield prlimit
    wanted = {
        "core": (resource.RLIMIT_CORE, 0),
        # Should we be killed ourselves, nobody is left to end the tool: then this does.
        "cpu": (resource.RLIMIT_CPU, math.ceil(limits.seconds) * (os.cpu_count() or 1) + 1),
        "fsize": (resource.RLIMIT_FSIZE, limits.file),
        "as": (resource.RLIMIT_AS, limits.memory),
    }
    for name, (kind, value) in wanted.items():
        if value is not None:
            yield f"--{name}={_at_most(kind, value)}"
    yield "--"


def _at_most(kind: int, value: int) -> int:
    """`value`, or the limit that already holds for us: a confined process may not raise it."""
    hard = resource.getrlimit(kind)[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


@cache
def _prlimit() -> str | None:
    return shutil.which("prlimit")


def _collect(child: subprocess.Popen[bytes], deadline: float, cap: int) -> tuple[str, str, str | None]:
    """Read both pipes to their end, or until time or space runs out; then says which."""
    assert child.stdout is not None
    assert child.stderr is not None
    parts: dict[int, list[bytes]] = {child.stdout.fileno(): [], child.stderr.fileno(): []}
    out, err = parts.values()
    size = 0
    excess: str | None = None
    with selectors.DefaultSelector() as selector, child.stdout, child.stderr:
        for pipe in parts:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                excess = "time"
                break
            for key, _ in selector.select(left):
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fd)
                parts[key.fd].append(data)
                size += len(data)
            if size > cap:
                excess = "output"
                break
        else:
            if not _ended(child.pid, deadline):
                excess = "time"
    text = [b"".join(chunks).decode("utf-8", "replace") for chunks in (out, err)]
    return text[0], text[1], excess


def _ended(pid: int, deadline: float) -> bool:
    """Wait for the end of a child, and leave it unreaped: so its group's number cannot be given to others."""
    pause = 0.0005
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(0.05, 2 * pause)
    return True


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End the tool and whatever it left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
