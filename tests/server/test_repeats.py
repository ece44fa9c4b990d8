"""Idempotency keys, and the cache of compilations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from fastapi.testclient import TestClient

from server.lease import Outcome
from tests.server.support import API, both_databases, claim, compile_one, finish, register_worker, succeed, upload

pytestmark = both_databases


def test_a_repeated_request_creates_nothing(client: TestClient) -> None:
    key = {"Idempotency-Key": "build-17"}
    first = upload(client, headers=key)
    second = upload(client, headers=key)
    assert first["id"] == second["id"]
    assert len(client.get(f"{API}/compilations").json()["items"]) == 1


def test_a_key_is_for_one_request_only(client: TestClient) -> None:
    key = {"Idempotency-Key": "build-17"}
    upload(client, headers=key)
    answer = client.post(f"{API}/compilations", files={"model": ("net.onnx", b"another")}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "E0906")


def test_a_repeated_list_creates_nothing_and_another_list_is_another_request(client: TestClient) -> None:
    key = {"Idempotency-Key": "matrix-3"}
    options = '{"target": ["cortex-m4", "host"], "emit": ["c", "cpp"]}'
    first = upload(client, headers=key, options=options)
    second = upload(client, headers=key, options=options)
    ids = [one["id"] for one in first["compilations"]]
    assert (len(set(ids)), first["group"]) == (4, second["group"])
    assert [one["id"] for one in second["compilations"]] == ids
    files = {"model": ("net.onnx", b"model")}
    fewer = client.post(f"{API}/compilations", files=files, data={"options": '{"target": ["host"]}'}, headers=key)
    assert (fewer.status_code, fewer.json()["code"]) == (422, "E0906")


def test_the_same_key_at_once(client: TestClient) -> None:
    def send(_: int) -> str:
        return str(upload(client, headers={"Idempotency-Key": "k"})["id"])

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(send, range(8)))
    assert len(ids) == 1


def test_an_equal_compilation_is_not_done_again(client: TestClient) -> None:
    register_worker(client, "tools-1")
    first = compile_one(client)
    second = upload(client)
    assert (second["state"], second["cached"], second["summary"]) == ("succeeded", True, first["summary"])
    assert claim(client) is None
    assert client.get(f"{second['url']}/artifact").content == client.get(f"{first['url']}/artifact").content
    events = client.get(f"{second['url']}/log").json()["items"]
    assert [event["state"] for event in events] == ["queued", "succeeded"]


def test_other_options_or_other_tools_are_another_compilation(client: TestClient) -> None:
    register_worker(client, "tools-1")
    compile_one(client)
    assert upload(client, options='{"optimize": "size"}')["state"] == "queued"
    register_worker(client, "tools-2")
    assert upload(client)["state"] == "queued"


def test_equal_compilations_at_once_are_done_once(client: TestClient) -> None:
    made = [upload(client) for _ in range(5)]
    taken = claim(client)
    assert taken is not None
    assert claim(client) is None  # the others wait for it
    succeed(client, taken)
    read = [client.get(one["url"]).json() for one in made]
    assert [one["state"] for one in read] == ["succeeded"] * 5
    assert sorted(one["cached"] for one in read) == [False, True, True, True, True]


def test_equal_compilations_share_an_error_of_the_model_but_not_of_the_machine(client: TestClient) -> None:
    made = [upload(client) for _ in range(2)]
    taken = claim(client)
    assert taken is not None
    tool = {"kind": "tool", "code": "E0701", "title": "gcc is missing", "where": "", "facts": {}, "help": ""}
    finish(client, taken, Outcome("failed", error=tool))
    assert [client.get(one["url"]).json()["state"] for one in made] == ["failed", "queued"]
    made.append(upload(client))
    taken = claim(client)
    assert taken is not None
    finish(client, taken, Outcome("failed", error={**tool, "kind": "model", "code": "E0201"}))
    assert [client.get(one["url"]).json()["state"] for one in made] == ["failed", "failed", "failed"]


def test_a_cancelled_compilation_lets_its_equals_go_on(client: TestClient) -> None:
    made = [upload(client) for _ in range(2)]
    assert claim(client) is not None
    client.delete(made[0]["url"])
    taken = claim(client)
    assert taken is not None
    assert taken.id == made[1]["id"]
