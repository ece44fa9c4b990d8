"""Starting, following and killing a job's processes."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from worker import session
from worker.sandbox import environment

PIPE_CHUNK = 1 << 16


class Child:
    """A running job: its session, its pipe of events, its end."""

    def __init__(self, module: str, folder: Path) -> None:
        read_end, write_end = os.pipe()
        try:
            with (folder / "stderr.txt").open("wb") as stderr:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", module, str(folder), str(write_end)],
                    stdin=subprocess.PIPE,  # held open as long as we live; its end is the guard's signal
                    stdout=stderr,
                    stderr=stderr,
                    cwd=folder,
                    env=environment(folder, os.environ),
                    pass_fds=(write_end,),
                    start_new_session=True,
                )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        os.set_blocking(read_end, False)
        self.pid = self._process.pid
        self._events = read_end
        self._exit = os.pidfd_open(self.pid)
        self._poll = select.poll()
        self._poll.register(self._events, select.POLLIN)
        self._poll.register(self._exit, select.POLLIN)
        self.exited = False

    def wait(self, seconds: float) -> bytes:
        """Bytes of events, as soon as there are some; after the end, what is left."""
        ready = {fd for fd, _ in self._poll.poll(max(0, seconds) * 1000)}
        if self._exit in ready:
            self.exited = True
        if self._events not in ready:
            return b""
        data = self._read()
        if not data:
            self._poll.unregister(self._events)
        return data

    def rest(self) -> bytes:
        """Everything that is still in the pipe."""
        parts = []
        while data := self._read():
            parts.append(data)
        return b"".join(parts)

    def _read(self) -> bytes:
        try:
            return os.read(self._events, PIPE_CHUNK)
        except BlockingIOError:
            return b""

    def end(self) -> int:
        """Kill whatever is left, and collect the exit status: negative for a signal, like Popen's."""
        session.kill(self.pid)
        # The leader is dead by now but not collected, so until here its number cannot be another session's.
        code = self._process.wait()
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
        for fd in (self._events, self._exit):
            os.close(fd)
        return 128 - code if code > 128 else code
