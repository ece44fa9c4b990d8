"""Real Redis and PostgreSQL servers for tests: own port on 127.0.0.1, own temporary folder, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import needs

START_SECONDS = 30.0


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(ready: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Poll until `ready()`, or fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} after {seconds:g} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class RedisServer:
    """A Redis that a test may kill and start again; it keeps nothing on disk."""

    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        executable = needs.program("redis-server")
        assert executable, "redis-server is not installed"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [executable, *options], cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: listens(self.port), "redis-server does not listen")

    def kill(self) -> None:
        """SIGKILL, as a crash would; whatever was queued is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: it still accepts connections, and answers nobody."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def _end(self, sig: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(sig)
            self.process.wait(timeout=START_SECONDS)
            self.process = None


@dataclass
class PostgresServer:
    """A PostgreSQL cluster in a temporary folder. As root it runs as an unprivileged user, or it would refuse."""

    folder: Path
    port: int = field(default_factory=free_port)
    user: str | None = None  # the system user it runs as; None: ours
    process: subprocess.Popen[bytes] | None = None
    databases: int = 0

    @classmethod
    def create(cls) -> PostgresServer:
        # Not pytest's tmp_path: its parents are closed to other users.
        folder = Path(tempfile.mkdtemp(prefix="deepmetal-postgres-"))
        user = _unprivileged_user() if os.geteuid() == 0 else None
        server = cls(folder=folder, user=user)
        if user is not None:
            shutil.chown(folder, user=user)
        server._run("initdb", "-D", str(folder / "data"), "-U", "deepmetal", "-A", "trust", "-E", "UTF8", "--no-sync")
        return server

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",  # test data, not to be kept
            "max_connections": "100",
        }
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program("postgres"), "-D", str(self.folder / "data"), *arguments],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._identity(),
            )
        wait_for(lambda: listens(self.port) and self._accepts(), "PostgreSQL does not answer")

    def url(self, database: str = "postgres") -> str:
        """A SQLAlchemy URL."""
        return f"postgresql+psycopg://deepmetal@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        self.databases += 1
        name = f"test_{self.databases}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "deepmetal", name)
        return self.url(name)

    def stop(self) -> None:
        """SIGINT is PostgreSQL's fast shutdown: it does not wait for clients."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=START_SECONDS)
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _program(self, name: str) -> str:
        folder = needs.postgres_bin()
        assert folder, "PostgreSQL's server programs are not installed"
        return str(folder / name)

    def _run(self, name: str, *arguments: str) -> None:
        command = [self._program(name), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=120, **self._identity(), check=False
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr}")

    def _accepts(self) -> bool:
        command = [self._program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, timeout=30, check=False).returncode == 0

    def _identity(self) -> dict[str, object]:
        return {} if self.user is None else {"user": self.user, "extra_groups": []}


def _unprivileged_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)
