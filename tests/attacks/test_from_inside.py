"""A job that was taken over attacks what is around it: at each level of the sandbox, on a real worker.

One test per row. What L2 denies gets through at L1 on the same computer, so each attempt is a real one.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compiler.sandbox import landlock
from compiler.sandbox.limits import PROCESSES
from server.models import Job
from server.settings import Settings
from tests.queue.conftest import Queue
from tests.support.service import WorkerProcess, wait_until, wish

CHILD = "tests.support.hostile_child"
ROWS = (
    "read /etc/shadow", "read the database", "change the database", "read another job's file",
    "change another job's file", "list the blobs", "TCP", "UDP", "Unix socket", "ptrace", "signal the guard",
    "signal the worker", "signal everybody", "write to /tmp", "user namespace", "set-uid",
)  # fmt: skip
ONLY_ROOT = {"read /etc/shadow", "set-uid"}
DENIED_ANYWAY = {"user namespace", "ptrace"}  # by some kernels and containers

needs_landlock = pytest.mark.skipif(
    landlock.version() < landlock.OLDEST, reason="needs Landlock 2 or newer in the kernel"
)


@contextmanager
def service(folder: Path, **more: object) -> Iterator[tuple[Queue, WorkerProcess]]:
    given = {"data_dir": folder / "data", "child_module": CHILD, "min_free": 0, "sweep_seconds": 0.5, "slots": 1}
    settings = Settings.model_validate(given | more)
    queue, worker = Queue(settings), WorkerProcess(settings)
    worker.start()
    try:
        yield queue, worker
    finally:
        worker.stop()
        queue.close()


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What a job got hold of at each level."""
    found = {}
    for level in ("L1", "L2"):
        folder = tmp_path_factory.mktemp(level)
        outside = Path("/tmp", f"deepmetal-attack-{os.getpid()}-{level}")
        bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
        with (
            service(folder, sandbox=level) as (queue, worker),
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.socket(socket.AF_UNIX) as local,
        ):
            local.bind(str(folder / "socket"))
            local.listen()
            other = queue.settings.folder("work") / "other" / "model.onnx"
            other.parent.mkdir()
            other.write_bytes(b"secret")
            blobs = next(path for path in queue.settings.data_dir.iterdir() if path.name in ("blobs", "store"))
            assert worker.process is not None
            told = {
                "database": str(queue.settings.data_dir / "deepmetal.db"), "other": str(other), "blobs": str(blobs),
                "port": server.getsockname()[1], "socket": str(folder / "socket"), "worker": worker.process.pid,
                "bystander": bystander.pid, "tmp": str(outside),
            }  # fmt: skip
            job = queue.wait_for(queue.add(wish("look around", **told)), "failed")
        outside.unlink(missing_ok=True)
        bystander.kill()
        bystander.wait()
        assert (job.error or {})["title"] == "attacked", job.error
        found[level] = (job.error or {})["facts"]
    return found


@needs_landlock
@pytest.mark.parametrize("row", ROWS)
def test_is_denied_at_l2(row: str, looked: dict[str, dict[str, str]]) -> None:
    assert looked["L2"][row] == "denied"


@pytest.mark.parametrize("row", sorted(set(ROWS) - ONLY_ROOT - DENIED_ANYWAY))
def test_gets_through_at_l1(row: str, looked: dict[str, dict[str, str]]) -> None:
    assert looked["L1"][row] == "got through"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root may try these")
@pytest.mark.parametrize("row", sorted(ONLY_ROOT))
def test_a_job_of_roots_gets_through_at_l1(row: str, looked: dict[str, dict[str, str]]) -> None:
    assert looked["L1"][row] == "got through"


# -- what exhausts ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def greedy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    """A worker whose jobs may use little."""
    folder = tmp_path_factory.mktemp("greedy")
    with service(folder, sandbox="L2", job_seconds=8, job_disk=200 << 20, job_memory=600 << 20, max_losses=1) as (
        queue,
        _,
    ):
        yield queue


def ended(queue: Queue, attack: str) -> tuple[Job, str]:
    job = queue.wait_for(queue.add(wish(attack)), "failed")
    assert (job.attempt, job.losses) == (1, 0), "the worker did not survive"
    work = queue.settings.folder("work")
    wait_until(lambda: not list(work.glob(f"{job.id}.*")), "the end of its files")
    return job, (job.error or {})["code"]


@needs_landlock
def test_a_fork_bomb_is_bounded_and_ends(greedy: Queue) -> None:
    id = greedy.add(wish("fork bomb"))
    folder = greedy.settings.folder("work")
    forks = wait_until(lambda: [p.read_text() for p in folder.glob(f"{id}.*/forks")], "the end of the bomb")
    assert 100 < int(forks[0]) < PROCESSES + 4 * (os.cpu_count() or 1) + 300  # an ordinary user's others count too
    job = greedy.wait_for(id, "failed")
    assert (job.error or {})["code"] in ("E0921", "E1054")  # by its time, or by what it holds all together
    assert job.losses == 0


@needs_landlock
@pytest.mark.parametrize("attack", ["fill disk", "fill disk without names"])
def test_filling_the_disk_ends_the_job(attack: str, greedy: Queue) -> None:
    job, code = ended(greedy, attack)
    assert code == "E1054"
    assert "bytes on the disk" in (job.error or {})["facts"]["excess"]


@needs_landlock
def test_ten_gibibytes_are_not_to_be_had(greedy: Queue) -> None:
    job, code = ended(greedy, "10 GiB")
    assert code == "E0922"
    assert "memory" in (job.error or {})["title"]


@needs_landlock
def test_memory_is_bounded_for_all_processes_together(greedy: Queue) -> None:
    job, code = ended(greedy, "memory of many")
    assert code == "E1054"
    assert "bytes of memory" in (job.error or {})["facts"]["excess"]


@needs_landlock
def test_an_endless_loop_ends(greedy: Queue) -> None:
    assert ended(greedy, "loop")[1] == "E0921"


@needs_landlock
def test_nothing_outlives_the_job(greedy: Queue) -> None:
    id = greedy.add(wish("daemon"))
    folder = greedy.settings.folder("work")
    wait_until(lambda: list(folder.glob(f"{id}.*/kept")), "the process that stays in the session")
    assert greedy.wait_for(id, "failed").losses == 0
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _works_in(int(pid), folder)]  # noqa: PTH208


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return str(folder) in os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115
    except OSError:
        return False
