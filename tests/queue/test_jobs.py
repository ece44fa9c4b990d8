"""What becomes of single jobs: cancelled, crashing, lying, chattering."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.settings import Settings
from tests.queue.conftest import Queue
from tests.support.service import FAKE_CHILD, WorkerProcess, wait_until, wish


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Queue, WorkerProcess]]:
    """One queue and one worker for all tests here."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("jobs"), child_module=FAKE_CHILD, min_free=0, slots=2, job_seconds=20,
        max_log_lines=50, sweep_seconds=0.5,
    )  # fmt: skip
    queue = Queue(settings)
    worker = WorkerProcess(settings)
    worker.start()
    yield queue, worker
    worker.stop()
    queue.close()


@pytest.fixture
def queue(running: tuple[Queue, WorkerProcess]) -> Queue:
    return running[0]


def processes(argument: str) -> list[int]:
    """Processes with this argument, the dead not counted."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if argument.encode() in arguments:
            found.append(int(path.name))
    return found


def test_a_job_tells_its_stages_and_leaves_its_artifact(queue: Queue) -> None:
    id = queue.add(wish(seconds=0.2))
    job = queue.wait_for(id, "succeeded")
    kinds = [(event.kind, event.state or event.stage) for event in queue.events(id)]
    assert kinds[:3] == [("state", "queued"), ("state", "running"), ("stage", "import")]
    assert kinds[-2:] == [("stage_done", "report"), ("state", "succeeded")]
    assert (job.stage, job.progress, job.attempt, job.cached) == ("report", 1.0, 1, False)
    assert (job.summary or {})["instructions"] == 1000


def test_cancelling_kills_every_process_of_the_job(queue: Queue) -> None:
    from server.jobs import cancel
    from server.models import Job

    token = "86399.0271828"
    id = queue.add(wish("brood", seconds=60, sleep=token))
    wait_until(lambda: len(processes(token)) == 3, "the job's processes")
    with queue.db.writing() as session:
        assert cancel(session, session.get_one(Job, id))
    wait_until(lambda: not processes(token), "the end of the job's processes", 20)
    wait_until(lambda: not list(queue.settings.folder("work").glob(f"{id}.*")), "an empty work folder", 20)
    assert queue.ends(id) == ["cancelled"]
    queue.wait_for(queue.add(wish(after=id)), "succeeded")


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (b"garbage", "E0101"),
        (wish("error"), "E0201"),
        (wish("bug"), "E9901"),
        (wish("crash"), "E0922"),
        (wish("memory"), "E0922"),
        (wish("silent"), "E0922"),
        (wish("nonsense"), "E0923"),
        (wish("link"), "E0923"),
    ],
)
def test_a_job_that_fails_says_how(queue: Queue, model: bytes, code: str) -> None:
    id = queue.add(model)
    job = queue.wait_for(id, "failed")
    error = job.error or {}
    assert (error["code"], job.attempt, job.artifact_sha256) == (code, 1, None)
    assert error["title"]
    assert str(queue.settings.data_dir) not in json.dumps(error)


def test_a_job_that_never_ends_is_ended(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, child_module=FAKE_CHILD, min_free=0, job_seconds=1)
    queue, worker = Queue(settings), WorkerProcess(settings)
    worker.start()
    try:
        job = queue.wait_for(queue.add(wish(seconds=300)), "failed")
        assert (job.error or {})["code"] == "E0921"
    finally:
        worker.stop()
        queue.close()


def test_a_chattering_job_is_cut_short_and_its_text_defused(queue: Queue) -> None:
    id = queue.add(wish("chatter", lines=5000))
    queue.wait_for(id, "succeeded")
    logs = [event.message for event in queue.events(id) if event.kind == "log"]
    assert len(logs) == 51
    assert logs[-1] == "Further log lines are left out."
    assert logs[0] == "line 0 \ufffd[31m<script>"


def test_the_celery_process_never_loads_torch_or_the_compilers_packages(
    queue: Queue, running: tuple[Queue, WorkerProcess]
) -> None:
    queue.wait_for(queue.add(wish(maps=1)), "succeeded")
    ours = [pid for pid in processes("worker.consumer") if str(queue.settings.data_dir) in environ(pid)]
    loaded = [Path(f"/proc/{pid}/maps").read_text() for pid in ours]
    assert loaded
    for name in ("torch", "onnx", "numpy"):
        assert not any(f"/{name}/" in maps for maps in loaded)


def environ(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")
