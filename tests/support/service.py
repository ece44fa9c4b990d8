"""A service for tests: settings in a temporary folder, the real app in a client, real worker processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.settings import Settings
from tests.support.needs import ROOT

FAKE_CHILD = "tests.support.fake_child"


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a process these settings, and no others of ours."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("DEEPMETAL_")}
    chosen = settings.model_dump(mode="json", include=settings.model_fields_set)
    ours = {
        f"DEEPMETAL_{name.upper()}": ",".join(value) if isinstance(value, list) else str(value)
        for name, value in chosen.items()
    }
    return {**plain, **ours, "PYTHONPATH": str(ROOT)}


def mortal(*command: str) -> list[str]:
    """The command, killed by the kernel when the test run is: that leaves no service behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else list(command)


def wait_until(true: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """The first true answer; fails after `seconds`, which no test measures with."""
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} within {seconds:g} s")
        time.sleep(0.05)
    return answer


def wish(do: str = "compile", **more: Any) -> bytes:
    """A model for the fake child."""
    return json.dumps({"do": do, **more}).encode()


@dataclass
class WorkerProcess:
    """A real worker: the supervisor with its consumer, or the consumer alone, in a process group of its own."""

    settings: Settings
    module: str = "worker.supervisor"
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.settings.folder("logs") / f"worker-{id(self)}.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                mortal(sys.executable, "-m", self.module),
                cwd=ROOT,
                env=environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        """To the whole group, as a power cut or a container's end would."""
        assert self.process
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.process
        self.process.wait(30)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def worker(settings: Settings, module: str = "worker.supervisor") -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings, module)
    process.start()
    try:
        yield process
    finally:
        process.stop()
