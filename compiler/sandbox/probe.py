"""Which level this computer gives, found by trying it in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compiler.sandbox.confine import ROOT, Level, describe
from compiler.sandbox.self_test import NOT_THERE

SECONDS = 60
ORDER: tuple[Level, ...] = ("L0", "L1", "L2")


@dataclass(frozen=True)
class Proof:
    """The level that held, and why the one above did not."""

    level: Level
    missing: str = ""

    def __str__(self) -> str:
        return describe(self.level) + (f" ({self.missing})" if self.missing else "")

    def reaches(self, level: Level) -> bool:
        return ORDER.index(self.level) >= ORDER.index(level)


def prove(outside: Path, highest: Level = "L2") -> Proof:
    """The highest level whose self-test passes. `outside` is a folder that a confined process must not look into."""
    missing = ""
    for level in reversed(ORDER[1 : ORDER.index(highest) + 1]):
        faults = {name: text for name, text in attempt(level, outside).items() if text}
        if not faults:
            return Proof(level, missing)
        missing = (
            missing or f"{level} does not hold: " + "; ".join(f"{k}: {v}" for k, v in sorted(faults.items()))[:150]
        )
    return Proof("L0", missing)


@cache
def proof() -> Proof:
    """For a command on this computer: tried once."""
    return prove(Path(tempfile.gettempdir()))


def attempt(level: Level, outside: Path, entered: Level | None = None) -> Mapping[str, str]:
    """What became of each attempt at what a level must stop, by name; "" where it was stopped.

    `entered`: the level that is really entered, for tests that see the attempts get through.
    """
    with _places(outside) as (folder, canary):
        command = [sys.executable, "-P", "-m", "compiler.sandbox.self_test", entered or level, level]
        command += [str(folder), str(canary)]
        try:
            done = subprocess.run(
                command, cwd="/", env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=SECONDS, check=False,
            )  # fmt: skip
            found = json.loads(done.stdout)
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            return {NOT_THERE: f"the self-test did not end well: {type(error).__name__}"}
        assert isinstance(found, dict)
        return found


def environment() -> dict[str, str]:
    """What a program of ours needs to be started, and nothing more."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "USER": "deepmetal"}


@contextmanager
def _places(outside: Path) -> Iterator[tuple[Path, Path]]:
    """A folder to be confined to, and a file beside it that the test's user may read and write."""
    with tempfile.TemporaryDirectory(prefix="sandbox-", dir=outside) as name:
        folder, canary = Path(name, "folder"), Path(name, "canary")
        folder.mkdir()
        canary.write_bytes(b"untouched")
        if os.geteuid() == 0:  # the test runs as another user then, and must not fail for that reason alone
            Path(name).chmod(0o777)
            canary.chmod(0o666)
        yield folder, canary
