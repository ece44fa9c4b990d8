"""Following a job: the stream begins, goes on, resumes and ends where it should."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi.testclient import TestClient

from server import lease
from server.events import QUEUE, Listener
from server.lease import Outcome, Progress
from server.main import create_app
from server.models import EventRow
from server.settings import Settings
from tests.server.support import API, both_databases, claim, finish, parts, upload
from tests.support.servers import free_port, wait_for


def messages(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The data of Server-Sent Events, each checked to carry its own id."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif not line and "data" in fields:
            data = json.loads(fields["data"])
            assert fields["id"] == str(data["id"])
            yield data
            fields = {}


def tell(client: TestClient, taken: lease.Claim, *texts: str) -> None:
    events = [{"kind": "log", "stage": "import", "message": text, "seconds": None} for text in texts]
    with parts(client).db.writing() as session:
        assert lease.record(session, taken, Progress(events, "import", 0.1))


@pytest.fixture
def server(settings: Settings) -> Iterator[TestClient]:
    """A client of a real server: streams cannot be followed through the in-process one."""
    app = create_app(settings)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, "uvicorn does not start")
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
    client.app = app  # type: ignore[attr-defined]
    yield client  # type: ignore[misc]
    client.close()
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


@both_databases
def test_a_stream_follows_a_job_to_its_end(server: TestClient) -> None:
    made = upload(server)
    with server.stream("GET", f"{made['url']}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = messages(answer.iter_lines())
        assert next(stream)["state"] == "queued"
        taken = claim(server)
        assert taken is not None
        assert next(stream)["state"] == "running"
        tell(server, taken, "one", "two")
        assert [next(stream)["message"], next(stream)["message"]] == ["one", "two"]
        finish(server, taken, Outcome("failed", error={"kind": "tool", "code": "E0701", "title": "no"}))
        assert next(stream)["state"] == "failed"
        assert list(stream) == []


def test_a_stream_resumes_after_the_last_event_seen(server: TestClient) -> None:
    made = upload(server)
    taken = claim(server)
    assert taken is not None
    tell(server, taken, *(f"line {i}" for i in range(1000)))
    seen: list[dict[str, Any]] = []
    while len(seen) < 1002:
        last = {"Last-Event-ID": str(seen[-1]["id"])} if seen else {}
        with server.stream("GET", f"{made['url']}/events", headers=last) as answer:
            for _, message in zip(range(400), messages(answer.iter_lines()), strict=False):
                seen.append(message)
                if len(seen) == 1002:
                    break
    assert [event["message"] for event in seen[2:]] == [f"line {i}" for i in range(1000)]
    ids = [event["id"] for event in seen]
    assert ids == sorted(set(ids))


def test_a_stream_that_was_told_to_its_end_is_over(client: TestClient) -> None:
    made = upload(client)
    client.delete(made["url"])
    told = list(messages(iter([*client.get(f"{made['url']}/events").text.splitlines(), ""])))
    assert [event["state"] for event in told] == ["queued", "cancelled"]
    last = str(told[-1]["id"])
    again = client.get(f"{made['url']}/events", headers={"Last-Event-ID": last})
    assert (again.status_code, again.content) == (204, b"")
    for nonsense in ("x", "-1", "9" * 40, "١"):
        answer = client.get(f"{made['url']}/events", headers={"Last-Event-ID": nonsense.encode()})  # type: ignore[dict-item]
        assert answer.status_code == 200


def test_the_log_gives_the_same_to_those_who_poll(client: TestClient) -> None:
    made = upload(client)
    taken = claim(client)
    assert taken is not None
    tell(client, taken, "one", "two")
    page = client.get(f"{made['url']}/log", params={"limit": 3}).json()
    assert [event["message"] for event in page["items"]] == ["", "", "one"]
    rest = client.get(f"{made['url']}/log", params={"after": page["items"][-1]["id"]}).json()
    assert ([event["message"] for event in rest["items"]], rest["state"]) == (["two"], "running")


def test_a_listener_that_does_not_read_is_dropped() -> None:
    listener = Listener(last=0)
    for id in range(1, QUEUE + 10):
        listener.offer(EventRow(id=id, job_id="x", attempt=1, kind="log", at=0.0))
    assert listener.dropped
    assert listener.queue.qsize() == QUEUE


def test_many_streams_end_with_the_server(server: TestClient) -> None:
    made = upload(server)
    with server.stream("GET", f"{made['url']}/events") as one, server.stream("GET", f"{made['url']}/events") as two:
        streams = [messages(one.iter_lines()), messages(two.iter_lines())]
        assert [next(stream)["state"] for stream in streams] == ["queued", "queued"]
        assert "deepmetal_event_streams 2.0" in server.get(f"{API}/metrics").text
