"""An accepted job is never lost and never completed twice, whoever dies."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from server.models import ENDED
from server.settings import Settings
from tests.queue.conftest import Queue
from tests.support.service import FAKE_CHILD, WorkerProcess, wait_until, wish

KILLS = 20
JOBS = 44
CONSUMER = "worker.consumer"


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_complete_nothing_twice(tmp_path: Path, broker: str) -> None:
    settings = Settings(
        data_dir=tmp_path / "data", redis_url=broker, child_module=FAKE_CHILD, min_free=0, slots=2,
        lease_seconds=3.0, sweep_seconds=0.5, max_losses=1000,
    )  # fmt: skip
    queue = Queue(settings, drop=0.1)
    chance = random.Random(1)
    workers = [WorkerProcess(settings, CONSUMER) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        ids = [queue.add(wish(seconds=0.4, n=n)) for n in range(JOBS // 2)]
        wait_until(lambda: queue.states()["succeeded"] >= 1, "the first success")
        for n in range(KILLS):
            # At work, and not while it is still starting: those kills would be worth little.
            wait_until(lambda: queue.states()["running"] >= 1 or queue.states()["queued"] == 0, "a running job")
            victim = chance.choice(workers)
            victim.kill()
            victim.start()
            ids += [queue.add(wish(seconds=0.4, n=JOBS + 2 * n + i)) for i in range(2)]
            time.sleep(chance.uniform(0.2, 0.8))
        wait_until(lambda: sum(queue.states()[state] for state in ENDED) == len(ids), "the end of all jobs", 180)
        assert queue.states() == {"succeeded": len(ids)}
        assert [queue.ends(id) for id in ids] == [["succeeded"]] * len(ids)
        assert all(queue.job(id).artifact_sha256 for id in ids)
        assert sum(queue.job(id).losses for id in ids) > 0, "no kill hit a running job: the test tests nothing"
    finally:
        for worker in workers:
            worker.stop()
        queue.close()


def test_a_worker_that_wakes_after_its_lease_cannot_publish(queue: Queue, settings: Settings) -> None:
    first, second = WorkerProcess(settings, CONSUMER), WorkerProcess(settings, CONSUMER)
    try:
        id = queue.add(wish(seconds=1.5))
        first.start()
        queue.wait_for(id, "running")
        freeze(first, settings)  # its job's process goes on and leaves a result
        second.start()
        done = queue.wait_for(id, "succeeded")
        assert (done.attempt, done.losses) == (2, 1)
        first.signal(signal.SIGCONT)
        wait_until(lambda: "is not ours any more" in first.log.read_text(), "the first worker's surprise")
        after = queue.job(id)
        assert queue.ends(id) == ["succeeded"]
        assert (after.attempt, after.artifact_sha256, after.ended_at) == (2, done.artifact_sha256, done.ended_at)
    finally:
        first.stop()
        second.stop()


def freeze(worker: WorkerProcess, settings: Settings) -> None:
    """SIGSTOP, at a moment when the worker does not hold the one lock that SQLite has for writers."""

    def frozen() -> bool:
        worker.signal(signal.SIGSTOP)
        with closing(sqlite3.connect(settings.data_dir / "deepmetal.db", timeout=0.2)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                worker.signal(signal.SIGCONT)
                return False
            db.rollback()
            return True

    wait_until(frozen, "a moment without the lock")


def test_a_poison_model_fails_after_three_workers_and_harms_no_other(queue: Queue, settings: Settings) -> None:
    poison = queue.add(wish("poison"))
    # From level L2 on, a job cannot send its worker a signal.
    worker = WorkerProcess(settings.model_copy(update={"sandbox": "L1"}))
    worker.start()  # its supervisor starts each consumer anew
    try:
        failed = queue.wait_for(poison, "failed", seconds=120)
        other = queue.add(wish())
        assert ((failed.error or {})["code"], failed.losses, failed.attempt) == ("E0920", 3, 3)
        assert queue.wait_for(other, "succeeded").attempt == 1
        assert queue.ends(poison) == ["failed"]
    finally:
        worker.stop()


def test_a_worker_that_is_told_to_stop_gives_its_job_back(queue: Queue, settings: Settings) -> None:
    id = queue.add(wish(seconds=30))
    worker = WorkerProcess(settings)
    worker.start()
    try:
        queue.wait_for(id, "running")
        worker.stop()
        assert queue.state(id) == "queued"
        assert queue.job(id).losses == 0
        assert list(settings.folder("work").iterdir()) == []
    finally:
        worker.stop()


@pytest.mark.needs_redis
def test_jobs_run_while_the_broker_is_away(tmp_path: Path, redis_server: object) -> None:
    from tests.support.servers import RedisServer

    assert isinstance(redis_server, RedisServer)
    settings = Settings(
        data_dir=tmp_path, redis_url=redis_server.url, child_module=FAKE_CHILD, min_free=0, sweep_seconds=0.5
    )
    queue = Queue(settings)
    worker = WorkerProcess(settings)
    worker.start()
    try:
        queue.wait_for(queue.add(wish(n=1)), "succeeded")
        redis_server.kill()
        queue.wait_for(queue.add(wish(n=2)), "succeeded")
        redis_server.start()
        queue.wait_for(queue.add(wish(n=3)), "succeeded")
    finally:
        worker.stop()
        queue.close()
