"""What the service does with bodies that are too large, and disks that are too full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from server.main import create_app
from server.settings import Settings
from tests.server.support import API, parts, upload


def test_a_declared_length_beyond_the_limit_is_refused_before_the_body_is_read(client: TestClient) -> None:
    read = []

    def body() -> Iterator[bytes]:
        read.append(1)
        yield b"x"

    answer = client.post(f"{API}/compilations", content=body(), headers={"Content-Length": "200001"})
    assert (answer.status_code, answer.json()["code"]) == (413, "E0903")
    assert answer.headers["connection"] == "close"


def test_a_body_that_grows_beyond_the_limit_is_refused_on_the_way(client: TestClient) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="model"; filename="m.onnx"\r\n\r\n'
        for _ in range(1000):
            sent += 1
            yield b"x" * 10_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post(f"{API}/compilations", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "E0903")
    assert list(parts(client).storage.list()) == []


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "0x10"])
def test_a_length_that_is_no_number(client: TestClient, length: str) -> None:
    answer = client.get(f"{API}/catalog", headers={"Content-Length": length.encode()})  # type: ignore[dict-item]
    assert (answer.status_code, answer.json()["where"]) == (400, "Content-Length")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"garbage", "multipart/form-data; boundary=b"),
        (b"garbage", "multipart/form-data"),
        (b"--b\r\n\r\n", "multipart/form-data; boundary=b"),
        (b"{}", "application/json"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form(client: TestClient, content: bytes, kind: str) -> None:
    answer = client.post(f"{API}/compilations", content=content, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_uploads_are_refused_while_the_disk_is_nearly_full(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, min_free=1 << 60)
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        answer = client.post(f"{API}/compilations", files={"model": ("m.onnx", b"x")})
        assert (answer.status_code, answer.json()["code"]) == (507, "E0904")
        ready = client.get(f"{API}/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "unready")


def test_equal_uploads_are_stored_once(client: TestClient) -> None:
    first, second = upload(client, b"same", "a.onnx"), upload(client, b"same", "b.onnx")
    assert first["model"]["sha256"] == second["model"]["sha256"]
    stored = [sha256 for sha256, _ in parts(client).storage.list()]
    assert stored == [first["model"]["sha256"]]
