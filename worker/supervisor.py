"""Keeps one consumer alive: starts it, restarts it when it dies, hangs or is stuck, replaces it before it grows old.

Nothing but the standard library: a few megabytes beside the process they watch.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

log = logging.getLogger("deepmetal.supervisor")

TOO_WEAK = 78  # exit status: starting it again does not help

SILENT_SECONDS = 20.0  # it reports once a second
BOOT_SECONDS = 120.0  # until the first report: waiting for the schema, a slow disk
STOP_SECONDS = 15.0
OLD_SECONDS = 24 * 3600.0
FAT_BYTES = 400 << 20
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
HEALTHY_SECONDS = 10.0  # having lived so long, it is restarted without a pause


@dataclass
class Consumer:
    """A running consumer process and what it last said."""

    process: subprocess.Popen[bytes]
    status_fd: int
    started: float = field(default_factory=time.monotonic)
    heard: float | None = None
    status: dict[str, Any] = field(default_factory=dict)
    partial: bytes = b""

    @classmethod
    def start(cls) -> Consumer:
        read_end, write_end = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "worker.consumer", "--status-fd", str(write_end)],
            stdin=subprocess.PIPE,  # the lifeline: it ends with us, however we end
            pass_fds=(write_end,),
        )
        os.close(write_end)
        return cls(process, read_end)

    def listen(self, seconds: float) -> None:
        """Wait for a report, at most so long."""
        if not select.select([self.status_fd], [], [], seconds)[0]:
            return
        data = os.read(self.status_fd, 65536)
        if not data:  # it has ended, or is about to
            time.sleep(min(seconds, 0.05))
            return
        *lines, self.partial = (self.partial + data).split(b"\n")
        if lines:
            self.heard = time.monotonic()
            with suppress(ValueError):
                self.status = json.loads(lines[-1])

    def complaint(self) -> str | None:
        """Why it has to be replaced, if it has to."""
        now = time.monotonic()
        if self.heard is None:
            return "it does not start" if now - self.started > BOOT_SECONDS else None
        if now - self.heard > SILENT_SECONDS:
            return "it hangs"
        if self.status.get("stuck"):
            return "it is stuck"
        if not self.status.get("busy"):
            if now - self.started > OLD_SECONDS:
                return "it is a day old"
            if self.status.get("resident", 0) > FAT_BYTES:
                return "it has grown fat"
        return None

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask, wait, kill. Its jobs go back to the table, and their processes with their guards."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        os.close(self.status_fd)


class Supervisor:
    """`run` returns when `stop` was called."""

    def __init__(self) -> None:
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> int:
        """The exit status: the consumer's, when it says that it cannot work on this computer."""
        pause = SHORTEST_PAUSE
        while not self._stopping.is_set():
            consumer = Consumer.start()
            try:
                reason = self._watch(consumer)
            finally:
                consumer.stop()
            if consumer.process.returncode == TOO_WEAK:
                return TOO_WEAK
            if reason is None:
                return 0
            lived = time.monotonic() - consumer.started
            pause = SHORTEST_PAUSE if lived > HEALTHY_SECONDS else min(2 * pause, LONGEST_PAUSE)
            log.warning("starting the worker anew in %.1f s: %s", pause, reason)
            self._stopping.wait(pause)
        return 0

    def _watch(self, consumer: Consumer) -> str | None:
        """Why it has to be started anew; None when we are to stop."""
        while not self._stopping.is_set():
            consumer.listen(0.5)
            code = consumer.process.poll()
            if code is not None:
                return f"it ended with {code}"
            if complaint := consumer.complaint():
                return complaint
        return None


def main(*, lifeline: bool = False) -> int:
    """Run until SIGTERM, SIGINT, or, with a lifeline, the end of standard input."""
    supervisor = Supervisor()

    def on_signal(_: int, __: FrameType | None) -> None:
        supervisor.stop()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    if lifeline:

        def follow() -> None:
            while os.read(0, 4096):
                pass
            supervisor.stop()

        threading.Thread(target=follow, name="lifeline", daemon=True).start()
    return supervisor.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    sys.exit(main(lifeline="--lifeline" in sys.argv[1:]))
