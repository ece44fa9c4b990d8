"""The whole service as its users run it: `deepmetal serve`, uploads by many, streams across a restart."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.settings import Settings
from tests.attacks import corpus
from tests.support.needs import ROOT
from tests.support.servers import RedisServer, free_port
from tests.support.service import FAKE_CHILD, WorkerProcess, environment, mortal, wait_until, wish

API = "/api/v1/compilations"


class Serve:
    """`deepmetal serve` in a process group of its own."""

    def __init__(self, settings: Settings, *flags: str) -> None:
        self.settings, self.flags = settings, flags
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        log = (self.settings.folder("logs") / "serve.log").open("a")
        self.process = subprocess.Popen(
            mortal(sys.executable, "-m", "compiler.cli", "serve", "--port", str(self.port), *self.flags),
            cwd=ROOT, env=environment(self.settings), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            text=True, start_new_session=True,
        )  # fmt: skip
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line == f"DeepMetal is ready: {self.url}\n", log.name

    def send(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        with suppress(ProcessLookupError):
            self.send(number)
        code = self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=60)


def patient(settings: Settings) -> Settings:
    """With a lease that no busy machine lets run out: for tests that count attempts and end no worker."""
    return settings.model_copy(update={"lease_seconds": 60.0})


@contextmanager
def serving(settings: Settings, *flags: str) -> Iterator[Serve]:
    server = Serve(settings, *flags)
    server.start()
    try:
        yield server
    finally:
        if server.process and server.process.poll() is None:
            server.end()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data", child_module=FAKE_CHILD, min_free=0, lease_seconds=3.0, sweep_seconds=0.5, slots=2
    )


def workers_of(settings: Settings) -> list[int]:
    """Supervisors, consumers and jobs that use this data folder."""
    mine = f"DEEPMETAL_DATA_DIR={settings.data_dir}\0".encode()
    work = str(settings.data_dir / "work").encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (path / "cmdline").read_bytes()
            if (b"worker." in command and mine in (path / "environ").read_bytes()) or work in command:
                found.append(int(path.name))
    return found


def upload(client: httpx2.Client, content: bytes, **options: Any) -> dict[str, Any]:
    answer = client.post(API, files={"model": ("m.onnx", content)}, data={"options": json.dumps(options)})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def ended(client: httpx2.Client, made: dict[str, Any], seconds: float = 90.0) -> dict[str, Any]:
    def read() -> dict[str, Any] | None:
        job = client.get(made["url"]).json()
        return job if job["state"] in ("succeeded", "failed", "cancelled") else None

    return dict(wait_until(read, f"the end of {made['id']}", seconds))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_all_of_it_ends_with_serve(settings: Settings, how: signal.Signals) -> None:
    with serving(settings) as server, server.client() as client:
        made = upload(client, wish(seconds=60))
        wait_until(lambda: client.get(made["url"]).json()["state"] == "running", "a running job")
        wait_until(lambda: len(workers_of(settings)) >= 4, "supervisor, consumer, guard and job")
        code = server.end(how)
        assert code == (0 if how != signal.SIGKILL else -signal.SIGKILL)
        wait_until(lambda: not workers_of(settings), "the end of all processes", 30)


def test_an_accepted_job_survives_a_restart(settings: Settings) -> None:
    server = Serve(settings)
    server.start()
    with server.client() as client:
        jobs = [upload(client, wish(seconds=1, n=n)) for n in range(3)]
        server.end(signal.SIGKILL)
        server.start()
        try:
            assert [ended(client, job)["state"] for job in jobs] == ["succeeded"] * 3
        finally:
            server.end()


def test_ten_uploads_at_once_all_succeed_though_the_worker_is_killed(settings: Settings) -> None:
    worker = WorkerProcess(settings)
    with serving(settings, "--no-worker") as server, server.client() as client:
        worker.start()
        try:
            with ThreadPoolExecutor(10) as pool:
                jobs = list(pool.map(lambda n: upload(client, wish(seconds=0.8, n=n)), range(10)))
                wait_until(lambda: client.get(API, params={"state": "running"}).json()["items"], "a running job")
                worker.kill()
                worker.start()
                ends = list(pool.map(lambda job: ended(client, job), jobs))
            assert [job["state"] for job in ends] == ["succeeded"] * 10
            assert any(job["attempt"] > 1 for job in ends), "the kill hit nothing"
        finally:
            worker.stop()


@pytest.mark.needs_redis
@pytest.mark.needs_postgres
def test_the_same_on_postgresql_and_redis(settings: Settings, postgres_url: str, redis_server: RedisServer) -> None:
    settings = patient(settings).model_copy(update={"database_url": postgres_url, "redis_url": redis_server.url})
    settings.model_fields_set.update({"database_url", "redis_url"})
    with serving(settings) as server, server.client() as client:
        jobs = [upload(client, wish(seconds=0.2, n=n)) for n in range(4)]
        jobs += [upload(client, wish(seconds=0.2, n=0)), upload(client, wish("error"))]
        ends = [ended(client, job) for job in jobs]
        assert [job["state"] for job in ends] == [*["succeeded"] * 5, "failed"]
        assert [job["attempt"] for job in ends] == [1, 1, 1, 1, 0, 1]
        ready = client.get("/api/v1/health/ready").json()
        assert ready["status"] == "ok", ready


def test_twenty_equal_uploads_at_once_are_compiled_once(settings: Settings) -> None:
    with serving(patient(settings)) as server, server.client() as client, ThreadPoolExecutor(20) as pool:
        jobs = list(pool.map(lambda _: upload(client, wish(seconds=1)), range(20)))
        ends = list(pool.map(lambda job: ended(client, job), jobs))
        assert [job["state"] for job in ends] == ["succeeded"] * 20
        assert sum(job["attempt"] for job in ends) == 1
        assert sum(job["cached"] for job in ends) == 19
        assert upload(client, wish(seconds=1))["cached"]


def test_a_stream_goes_on_across_a_restart_of_the_server(settings: Settings) -> None:
    server, worker = Serve(settings, "--no-worker"), WorkerProcess(settings)
    server.start()
    worker.start()
    seen: list[dict[str, Any]] = []
    try:
        with server.client() as client:
            made = upload(client, wish("chatter", lines=300, seconds=4))
            restarts = 0
            while not (seen and seen[-1]["state"] == "succeeded"):
                last = {"Last-Event-ID": str(seen[-1]["id"])} if seen else {}
                with (
                    suppress(httpx2.TransportError),
                    client.stream("GET", f"{made['url']}/events", headers=last) as got,
                ):
                    for line in got.iter_lines():
                        if line.startswith("data: "):
                            seen.append(json.loads(line.removeprefix("data: ")))
                        if restarts < 2 and len(seen) > 100 * (restarts + 1):
                            restarts += 1
                            server.end(signal.SIGKILL)
                            server.start()
                            break
            assert restarts == 2
            assert seen == client.get(f"{made['url']}/log").json()["items"]
            assert len([event for event in seen if event["kind"] == "log"]) == 300
    finally:
        worker.stop()
        server.end()


def test_submit_waits_fetches_and_ends_like_compile(settings: Settings, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.onnx", tmp_path / "bad.onnx"
    good.write_bytes(wish(seconds=0.2))
    bad.write_bytes(wish("error"))
    with serving(settings) as server:

        def submit(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "compiler.cli", "submit", "--server", server.url, *arguments]
            return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)

        done = submit(str(good), "--wait", "--json", "-o", str(tmp_path / "out"), "--tag", "ci", "--name", "kws")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["totals"]["instructions"] == 1000
        assert "[8/8]" in done.stderr
        assert (tmp_path / "out" / "src" / "model.c").is_file()
        assert (tmp_path / "out.zip").is_file()
        failed = submit(str(bad), "--wait", "-o", str(tmp_path / "no"))
        assert (failed.returncode, failed.stdout) == (1, "")
        assert "error[E0201]" in failed.stderr
        assert submit(str(good), "--wait").returncode == 2
        assert submit(str(good), "--target", "z80").returncode == 1
        assert submit(str(good), "--precision", "int4").returncode == 2
    gone = submit(str(good))
    assert gone.returncode == 5
    assert "error[E0914]" in gone.stderr


def test_a_port_that_is_taken_is_said_so(settings: Settings) -> None:
    with serving(settings) as server:
        command = [sys.executable, "-m", "compiler.cli", "serve", "--port", str(server.port)]
        again = subprocess.run(
            command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=60, check=False
        )
    assert again.returncode == 5
    assert "error[E0915]" in again.stderr


@pytest.mark.slow
@pytest.mark.needs_torch
def test_hostile_files_become_errors_with_codes_and_run_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", min_free=0, slots=2)  # the real child
    canary = tmp_path / "canary"
    files = corpus.build(tmp_path / "corpus", canary)
    with serving(settings) as server, server.client() as client:
        jobs = {}
        for path in files:
            answer = client.post(API, files={"model": (path.name, path.read_bytes())})
            if path.stat().st_size == 0:
                assert (answer.status_code, answer.json()["code"]) == (422, "E0902")
                continue
            assert answer.status_code == 201, answer.text
            jobs[path.name] = answer.json()
        for name, made in jobs.items():
            job = ended(client, made, 300)
            assert job["state"] == "failed", name
            assert job["error"]["code"] in corpus.CASES[name][0], (name, job["error"])
        assert client.get("/api/v1/health/live").status_code == 200
    assert not canary.exists()
