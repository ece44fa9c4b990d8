"""Uploads from elsewhere, while a worker's sandbox is weak."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from server.main import create_app
from server.settings import Settings
from tests.server.support import API, register_worker

WEAK = "L1 rlimits+no_new_privs (Landlock is not in this kernel)"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"allowed_hosts": ("deepmetal.example",)})


def calling(settings: Settings, peer: str, host: str) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url=f"http://{host}", client=(peer, 50000)) as client:
        yield client


def post(settings: Settings, peer: str, host: str, sandbox: str, route: str = "compilations") -> int:
    for client in calling(settings, peer, host):
        register_worker(client, "tools", sandbox)
        answer = client.post(f"{API}/{route}", files={"model": ("net.onnx", b"model")})
        assert answer.status_code == 201 or answer.json()["code"] == "E1052"
        return answer.status_code
    raise AssertionError


@pytest.mark.parametrize("route", ["compilations", "inspections"])
def test_strangers_are_refused_while_a_worker_is_weak(settings: Settings, route: str) -> None:
    assert post(settings, "192.0.2.7", "deepmetal.example", WEAK, route) == 403


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1"])
def test_this_computer_is_not(settings: Settings, peer: str) -> None:
    assert post(settings, peer, "localhost:8000", WEAK) == 201


def test_a_proxy_on_this_computer_does_not_make_strangers_local(settings: Settings) -> None:
    assert post(settings, "127.0.0.1", "deepmetal.example", WEAK) == 403


def test_a_good_sandbox_takes_all(settings: Settings) -> None:
    assert post(settings, "192.0.2.7", "deepmetal.example", "L2 landlock+seccomp") == 201


def test_the_operator_may_accept_the_risk(settings: Settings) -> None:
    brave = settings.model_copy(update={"allow_weak_sandbox": True})
    assert post(brave, "192.0.2.7", "deepmetal.example", WEAK) == 201


def submit_source(settings: Settings, **more: object) -> tuple[int, dict[str, object]]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        files = {"model": ("net.pth", b"weights"), "source": ("model.py", b"class Net: ...")}
        options = {"class_name": "Net", "class_args": [1], **more}
        answer = client.post(f"{API}/compilations", files=files, data={"options": json.dumps(options)})
        return answer.status_code, answer.json()


def test_a_source_is_an_option_of_the_job(settings: Settings) -> None:
    status, made = submit_source(settings)
    assert status == 201
    assert isinstance(made["options"], dict)
    assert made["options"]["source"] == "class Net: ..."
    assert made["options"]["class_args"] == [1]


@pytest.mark.parametrize(
    ("host", "allow", "status"),
    [("0.0.0.0", None, 403), ("127.0.0.1", False, 403), ("0.0.0.0", True, 201), ("::1", None, 201)],
)
def test_a_shared_service_runs_no_source_by_default(
    host: str, allow: bool | None, status: int, settings: Settings
) -> None:
    answer = submit_source(settings.model_copy(update={"host": host, "allow_source": allow}))
    assert answer[0] == status
    assert status == 201 or answer[1]["code"] == "E1051"


def test_a_source_without_its_class(settings: Settings) -> None:
    status, answer = submit_source(settings, class_name=None, class_args=None)
    assert (status, answer["code"]) == (422, "E1002")
    assert "class_name" in str(answer)
