"""Calibration data, samples and labels beside a model: stored, told apart, given to the job, kept while needed."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.janitor import tidy
from server.storage import key
from tests.server.support import API, both_databases, claim, parts, register_worker, succeed
from worker.run import Parts, prepare

pytestmark = both_databases
INT8 = '{"precision": "int8"}'


def send(client: TestClient, options: str = INT8, /, name: str = "digits.npz", **files: Any) -> Any:
    names = {"calibration": name, "labels": "y.npy", "model": "net.onnx", "samples": "test.npz"}
    given = {"model": b"model", **files}
    return client.post(
        f"{API}/compilations",
        files={part: (names[part], content) for part, content in given.items()},
        data={"options": options},
    )


def test_both_files_reach_the_job_under_plain_names(client: TestClient, tmp_path: Path) -> None:
    made = send(client, calibration=b"inputs", labels=b"classes", name="../My Photos.ZIP").json()
    assert (made["calibration"], made["labels"]) == ("My Photos.ZIP", True)
    taken = claim(client)
    assert taken is not None
    service = parts(client)
    prepare(
        taken,
        tmp_path,
        Parts(service.settings, service.db, service.storage, "test", Future(), threading.Event(), "L1"),
    )
    job = json.loads((tmp_path / "job.json").read_text())
    assert (job["calibration"], job["labels"], job["vectors"]) == ("calibration.zip", "labels.npy", None)
    assert (tmp_path / job["calibration"]).read_bytes() == b"inputs"
    assert (tmp_path / job["labels"]).read_bytes() == b"classes"


def test_other_calibration_data_is_another_compilation(client: TestClient) -> None:
    register_worker(client, "tools-1")
    send(client, calibration=b"inputs")
    taken = claim(client)
    assert taken is not None
    succeed(client, taken)
    assert send(client, calibration=b"inputs", name="again.npz").json()["cached"]
    for other in (
        send(client, calibration=b"others"),
        send(client, calibration=b"inputs", labels=b"classes"),
        send(client, calibration=b"inputs", name="digits.zip"),
        send(client),
    ):
        assert other.json()["state"] == "queued"


def test_float_beside_int8_needs_no_calibration(client: TestClient) -> None:
    both = '{"precision": ["float32", "int8"]}'
    made = {one["precision"]: one for one in send(client, both, calibration=b"inputs").json()["compilations"]}
    assert (made["float32"]["calibration"], made["int8"]["calibration"]) == (None, "digits.npz")
    labelled = send(client, both, calibration=b"inputs", labels=b"classes").json()["compilations"]
    assert [one["calibration"] for one in labelled] == ["digits.npz", "digits.npz"]
    apart = send(client, both, calibration=b"inputs", labels=b"classes", samples=b"more").json()["compilations"]
    assert [one["calibration"] for one in apart] == [None, "digits.npz"]


@pytest.mark.parametrize(
    ("options", "files", "code", "where"),
    [
        ("{}", ["calibration"], "E0470", "calibration"),
        ("{}", ["calibration", "labels", "samples"], "E0470", "calibration"),
        (INT8, ["calibration", "samples"], "E0471", "samples"),
        (INT8, ["labels"], "E0472", "labels"),
    ],
)
def test_what_nothing_would_use_is_refused(
    client: TestClient, options: str, files: list[str], code: str, where: str
) -> None:
    given: dict[str, Any] = dict.fromkeys(files, b"content")
    answer = send(client, options, **given)
    assert (answer.status_code, answer.json()["code"], answer.json()["where"]) == (422, code, where)
    assert list(parts(client).storage.list()) == [], "refused before anything is stored"


@pytest.mark.parametrize("empty", ["calibration", "labels", "samples"])
def test_an_empty_file_is_refused(client: TestClient, empty: str) -> None:
    given: dict[str, Any] = {"calibration": b"inputs", "labels": b"classes", "samples": b"more", empty: b""}
    answer = send(client, **given)
    assert (answer.status_code, answer.json()["where"]) == (422, empty)


def test_a_key_is_for_one_set_of_files(client: TestClient) -> None:
    def post(content: bytes) -> Any:
        files = {"model": ("net.onnx", b"model"), "calibration": ("c.npz", content)}
        headers = {"Idempotency-Key": "build-17"}
        return client.post(f"{API}/compilations", files=files, data={"options": INT8}, headers=headers)

    first = post(b"inputs").json()["id"]
    assert post(b"inputs").json()["id"] == first
    assert (post(b"others").status_code, post(b"others").json()["code"]) == (422, "E0906")


def test_files_stay_while_a_job_points_at_them(client: TestClient) -> None:
    send(client, calibration=b"inputs", labels=b"classes", samples=b"more")
    service = parts(client)
    orphan = service.storage.put(io.BytesIO(b"orphan")).sha256
    folder = service.settings.folder("store")
    long_ago = time.time() - 48 * 3600
    for sha256, _ in service.storage.list():
        os.utime(folder / key(sha256), (long_ago, long_ago))
    tidy(service.db, service.storage, service.settings)
    left = {sha256 for sha256, _ in service.storage.list()}
    assert orphan not in left
    assert len(left) == 4
