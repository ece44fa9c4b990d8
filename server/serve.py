"""`deepmetal serve`: the server in this process, the worker in one below it, ended together however they end."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from types import FrameType

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from compiler.errors import ModelError, ToolError
from server import logs
from server.codes import CANNOT_LISTEN, INVALID_SETTING
from server.main import create_app
from server.settings import Settings
from server.trust import is_loopback

SHUTDOWN_SECONDS = 3  # for answers under way; streams are ended at once, their clients come back
WORKER_SECONDS = 20
WORKER_REFUSES, REFUSED = 78, 5  # the worker's exit status for "not on this computer", and ours then


def serve(args: argparse.Namespace) -> int:
    """Until Ctrl-C, SIGTERM or SIGHUP."""
    settings = settings_from(args)
    logs.configure(settings)
    # A body is spooled where the free space is watched, not in a temporary folder that may be memory.
    tempfile.tempdir = str(settings.folder("tmp"))
    listener = listen(settings)
    app = create_app(settings)
    server = Server(app, listener, settings)
    stop_on(signal.SIGTERM, signal.SIGHUP)
    keeper = None if args.no_worker else WorkerKeeper(settings)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # uvicorn raises the signal again after it has ended well
    finally:
        if keeper is not None:
            keeper.stop()
    if keeper is not None and keeper.refused:
        return REFUSED
    return 0 if server.started else 1


def settings_from(args: argparse.Namespace) -> Settings:
    """Environment, then flags. What is wrong with a variable is said by its name."""
    flags = {"host": args.host, "port": args.port, "data_dir": args.data_dir}
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        facts = {f"DEEPMETAL_{'_'.join(map(str, e['loc'])).upper()}": e["msg"] for e in error.errors()}
        raise ModelError(INVALID_SETTING, "a setting has a value that does not work", facts=facts) from error


def listen(settings: Settings) -> socket.socket:
    """The listening socket, bound before anything else is started."""
    try:
        [(family, kind, _, _, address), *_] = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ToolError(
            CANNOT_LISTEN,
            f"cannot listen on {settings.host} port {settings.port}",
            facts={"reason": error.strerror or str(error)},
            help="Choose another port: `deepmetal serve --port 8001`, or `make serve PORT=8001`.",
        ) from error
    listener.set_inheritable(False)
    return listener


class Server(uvicorn.Server):
    """Says when it answers, and ends its event streams when it is told to stop."""

    def __init__(self, app: FastAPI, listener: socket.socket, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._app = app
        self._settings = settings
        self._port = listener.getsockname()[1]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"DeepMetal is ready: {self.url}", flush=True)
            if not is_loopback(self._settings.host):
                print("Anyone who reaches this address may use the service: it has no accounts yet.", file=sys.stderr)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.service.hub.close()
        super().handle_exit(sig, frame)

    @property
    def url(self) -> str:
        host = self._settings.host
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self._port}"


def stop_on(*signals: signal.Signals) -> None:
    """uvicorn ends well and then raises the signal again: without this the process would die of it, untidily."""

    def ignore(_: int, __: FrameType | None) -> None: ...

    for number in signals:
        signal.signal(number, ignore)


class WorkerKeeper:
    """Holds a worker's supervisor: starts it again should it die, and ends it with us by the pipe it reads."""

    def __init__(self, settings: Settings) -> None:
        self._environment = {**os.environ, **environment(settings)}
        self._stopping = threading.Event()
        self.refused = False
        self._process = self._start()
        self._thread = threading.Thread(target=self._keep, name="worker-keeper", daemon=True)
        self._thread.start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "worker.supervisor", "--lifeline"],
            env=self._environment,
            stdin=subprocess.PIPE,
            process_group=0,  # Ctrl-C comes to us alone; we end it in order
        )

    def _keep(self) -> None:
        while not self._stopping.is_set():
            if self._process.wait() == WORKER_REFUSES:
                self.refused = True
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if not self._stopping.wait(1.0):
                self._process = self._start()

    def stop(self) -> None:
        self._stopping.set()
        process = self._process
        process.terminate()
        try:
            process.wait(WORKER_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def environment(settings: Settings) -> dict[str, str]:
    """What flags have changed, for the worker that reads the environment only."""
    return {"DEEPMETAL_DATA_DIR": str(settings.data_dir.absolute())}
