"""What the embedded service costs: start-up, waiting, idling, cancelling, a long history.

Starts `deepmetal serve` in a temporary folder with its defaults, prints a table, writes bench/results/service.json.
The goals are those of a quiet machine; whatever else runs here shows in the numbers.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from server.db import Database
from server.ids import new_id
from server.models import Job
from server.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
API = "/api/v1/compilations"
JOBS, IDLE_SECONDS, HISTORY, PAGES = 40, 15.0, 100_000, 60


def main() -> None:
    rows: list[tuple[str, float, str, str]] = []
    with tempfile.TemporaryDirectory(prefix="deepmetal-bench-") as folder:
        settings = Settings(data_dir=Path(folder), min_free=0)
        with serving(settings) as (client, pid, ready):
            rows.append(("start to first answer", ready, "s", ""))
            rows.append(("start to first job begun", first_job(client) + ready, "s", ""))
            rows += latency(client)
            rows += idle(pid)
            rows.append(("cancel to no process left, worst of 5", cancelling(client, Path(folder)), "s", "<= 2"))
            rows += history(client, settings)
    show(rows)


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[httpx2.Client, int, float]]:
    """A client of a fresh service, the service's process id, and the seconds until it answered."""
    began = time.perf_counter()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DEEPMETAL_")}
    environment |= {"DEEPMETAL_DATA_DIR": str(settings.data_dir), "DEEPMETAL_MIN_FREE": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "compiler.cli", "serve", "--port", "0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout
        url = process.stdout.readline().strip().removeprefix("DeepMetal is ready: ")
        ready = time.perf_counter() - began
        with httpx2.Client(base_url=url, timeout=60) as client:
            yield client, process.pid, ready
    finally:
        process.terminate()
        process.wait(30)


def submit(client: httpx2.Client, content: bytes, name: str = "x.onnx") -> dict[str, Any]:
    answer = client.post(API, files={"model": (name, content)})
    answer.raise_for_status()
    return dict(answer.json())


def until(client: httpx2.Client, url: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(2000):
        job = client.get(url).json()
        if true(job):
            return dict(job)
        time.sleep(0.02)
    raise TimeoutError(url)


def is_over(job: dict[str, Any]) -> bool:
    return job["state"] not in ("queued", "running")


def first_job(client: httpx2.Client) -> float:
    began = time.perf_counter()
    made = submit(client, b"no model")
    until(client, made["url"], lambda job: job["started_at"] is not None)
    return time.perf_counter() - began


def latency(client: httpx2.Client) -> list[tuple[str, float, str, str]]:
    """From the row's creation to its claim, by the database's clock; the worker is idle each time."""
    waits, answers = [], []
    for i in range(JOBS):
        began = time.perf_counter()
        made = submit(client, b"no model %d" % i)
        answers.append(1000 * (time.perf_counter() - began))
        job = until(client, made["url"], is_over)
        waits.append(1000 * (seconds(job["started_at"]) - seconds(job["created_at"])))
    return [
        ("upload to 201, p50", statistics.median(answers), "ms", ""),
        ("submit to start, p50", statistics.median(waits), "ms", "<= 100"),
        ("submit to start, p95", percentile(waits, 95), "ms", "<= 250"),
    ]


def idle(pid: int) -> list[tuple[str, float, str, str]]:
    """CPU and memory of the whole process tree while nothing happens."""
    time.sleep(2)
    pids = tree(pid)
    before, began = sum(map(cpu_seconds, pids)), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    share = 100 * (sum(map(cpu_seconds, pids)) - before) / (time.perf_counter() - began)
    return [
        ("idle CPU of the process tree", share, "% of a core", "<= 2"),
        ("idle memory of the process tree (PSS)", sum(map(pss_bytes, pids)) / 2**20, "MiB", "<= 300"),
        ("processes", float(len(pids)), "", ""),
    ]


def cancelling(client: httpx2.Client, folder: Path) -> float:
    """From DELETE to the end of the last process of the job, while it compiles a sample model."""
    sample = client.get("/api/v1/samples/conv").content
    worst = 0.0
    for i in range(5):
        options = json.dumps({"name": f"cancelled{i}"})
        made = client.post(API, files={"model": ("conv.pth", sample)}, data={"options": options}).json()
        until(client, made["url"], lambda job: job["stage"] is not None or is_over(job))
        mine = session_of(f"{folder}/work/{made['id']}")
        began = time.perf_counter()
        client.delete(made["url"])
        while any(process_session(pid) == mine for pid in processes()):
            time.sleep(0.01)
        worst = max(worst, time.perf_counter() - began)
    return worst


def history(client: httpx2.Client, settings: Settings) -> list[tuple[str, float, str, str]]:
    """Pages of a history of many jobs, by the filters that a page has."""
    db = Database(settings)
    at = time.time()
    with db.writing() as session:
        session.bulk_save_objects(
            Job(
                id=new_id(), kind="compile", state="succeeded" if i % 50 else "failed", owner="local", team="local",
                project="", model_sha256=f"{i % 97:064}", model_name=f"model-{i % 97}.onnx", model_size=1,
                target="cortex-m4", emit="c", precision="float32", options={}, cache_key=f"{i:064}", cached=False,
                attempt=1, losses=0, progress=1.0, created_at=at, started_at=at, ended_at=at,
            )
            for i in range(HISTORY)
        )  # fmt: skip
    db.close()
    times: dict[str, list[float]] = {}
    for query in ({}, {"state": "failed"}, {"model": "model-13"}, {"target": "cortex-m4"}):
        name = "history page, " + (", ".join(query) or "no filter")
        cursor = None
        for _ in range(PAGES):
            began = time.perf_counter()
            page = client.get(API, params={**query, **({"cursor": cursor} if cursor else {})}).json()
            times.setdefault(name, []).append(1000 * (time.perf_counter() - began))
            cursor = page["next_cursor"]
    return [(f"{name}, p95", percentile(values, 95), "ms", "<= 100") for name, values in times.items()]


def show(rows: list[tuple[str, float, str, str]]) -> None:
    print(f"The embedded service, {HISTORY:,} jobs of history; load average {os.getloadavg()[0]:.1f}")
    for name, value, unit, goal in rows:
        print(f"  {name:<44} {value:>9.2f} {unit:<12} {goal}")
    results = ROOT / "bench" / "results"
    results.mkdir(parents=True, exist_ok=True)
    data = {"load_average": os.getloadavg()[0], **{name: {"value": v, "unit": u, "goal": g} for name, v, u, g in rows}}
    (results / "service.json").write_text(json.dumps(data, indent=1) + "\n")


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def percentile(values: list[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command; empty for a process that has gone or is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] == "Z" else fields


def process_session(pid: int) -> int | None:
    fields = stat_fields(pid)
    return int(fields[3]) if fields else None


def session_of(argument: str) -> int | None:
    """The session of the processes that have this text in their command line."""
    for pid in processes():
        try:
            if argument.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return process_session(pid)
        except OSError:
            continue
    return None


def tree(pid: int) -> list[int]:
    children = [other for other in processes() if (fields := stat_fields(other)) and int(fields[1]) == pid]
    return [pid, *(found for child in children for found in tree(child))]


def cpu_seconds(pid: int) -> float:
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def pss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
