"""Other sites, other names, other people's scripts: what a browser must not be able to do here."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from server.main import create_app
from server.settings import Settings
from tests.server.support import API, compile_one, upload

HERE = "http://127.0.0.1:8000"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "localhost.evil.example:8000"])
def test_a_foreign_host_name_is_refused(client: TestClient, host: str) -> None:
    for path in ("/", f"{API}/compilations", "/metrics"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "E0908")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "[::1]:8000", "LocalHost", "localhost."])
def test_loopback_names_are_fine(client: TestClient, host: str) -> None:
    assert client.get(f"{API}/health/live", headers={"Host": host}).status_code == 200


def test_further_names_by_setting(settings: Settings) -> None:
    with TestClient(create_app(settings.model_copy(update={"allowed_hosts": ("ci.example",)}))) as client:
        assert client.get(f"{API}/health/live", headers={"Host": "ci.example:80"}).status_code == 200
        assert client.get(f"{API}/health/live", headers={"Host": "other.example"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(client: TestClient, headers: dict[str, str]) -> None:
    made = upload(client)
    posted = client.post(f"{API}/compilations", files={"model": ("m.onnx", b"x")}, headers=headers)
    deleted = client.delete(made["url"], headers=headers)
    for answer in (posted, deleted):
        assert (answer.status_code, answer.json()["code"]) == (403, "E0909")
    assert [one["state"] for one in client.get(f"{API}/compilations").json()["items"]] == ["queued"]


@pytest.mark.parametrize("headers", [{}, {"Origin": HERE}, {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}])
def test_our_page_and_programs_may(client: TestClient, headers: dict[str, str]) -> None:
    upload(client, headers=headers)


def test_other_origins_by_setting(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"allowed_origins": ("http://localhost:5173",)}))
    with TestClient(app, base_url=HERE) as client:
        upload(client, headers={"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-site"})


@pytest.mark.parametrize("path", ["/", "/jobs/1", f"{API}/catalog", f"{API}/nothing", f"{API}/compilations?limit=x"])
def test_headers_on_every_answer(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("path", "accept", "kind", "shown"),
    [
        ("artifact", "*/*", "application/zip", "attachment"),
        ("files/report.html", "*/*", "text/html", "attachment"),
        ("files/memory.svg", "*/*", "image/svg+xml", "attachment"),
        ("files/src/model.c", "*/*", "text/plain", "attachment"),
        ("report", "application/json", "application/json", "inline"),
        ("report", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html", "inline"),
        ("report", "text/markdown", "text/markdown", "inline"),
    ],
)
def test_what_a_compilation_made_never_runs_under_our_origin(
    client: TestClient, path: str, accept: str, kind: str, shown: str
) -> None:
    made = compile_one(client)
    answer = client.get(f"{made['url']}/{path}", headers={"Accept": accept})
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["content-disposition"].startswith(shown)
    assert policy.startswith("sandbox; default-src 'none'")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize("path", ["../report.json", "/etc/passwd", "src", "src/", "nothing", "%2e%2e/x", "a%00"])
def test_only_files_of_the_artifact(client: TestClient, path: str) -> None:
    made = compile_one(client)
    answer = client.get(f"{made['url']}/files/{path}")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/compilations", "GET, POST"),
        ("GET", "/inspections", "POST"),
        ("POST", "/compilations/01hzzzzzzzzzzzzzzzzzzzzzzz", "DELETE, GET"),
        ("DELETE", "/catalog", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client: TestClient, method: str, path: str, allow: str) -> None:
    answer = client.request(method, API + path)
    assert (answer.status_code, answer.json()["code"]) == (405, "E0910")
    assert answer.headers["allow"] == allow
