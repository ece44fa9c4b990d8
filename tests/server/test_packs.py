"""Packages for build systems: made of the stored artifact, without compiling."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from compiler.pack.formats import package
from server import artifacts
from server.lease import Outcome
from tests.pack.test_pack import make
from tests.server.support import API, claim, finish, parts, upload

SUMMARY = {"instructions": None, "flash_total": None, "ram_total": None, "arena": 1, "stack": None, "macs": 3}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    return dict(make(tmp_path / "out").files)


def compiled(client: TestClient, files: dict[str, bytes], **options: str) -> str:
    """The address of a compilation whose artifact is `files`."""
    made = upload(client, options=json.dumps(options))
    taken = claim(client, ["compile"])
    assert taken is not None
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    buffer.seek(0)
    blob = parts(client).storage.put(buffer)
    summary = {**SUMMARY, "max_abs_error": None, "validation_passed": None, "latency_ms": None}
    outcome = Outcome(
        "succeeded", artifact_sha256=blob.sha256, artifact_size=blob.size, summary=summary, fingerprint="f"
    )
    assert finish(client, taken, outcome)
    return str(made["url"])


def test_every_format_of_the_catalogue_can_be_downloaded(client: TestClient, files: dict[str, bytes]) -> None:
    url = compiled(client, files)
    packs = client.get(f"{API}/catalog").json()["packs"]
    assert {"arduino", "cmake", "zephyr"} <= {pack["name"] for pack in packs}
    for pack in packs:
        assert pack["title"]
        assert pack["description"]
        assert "cortex-m4" in pack["targets"]["c"]
        answer = client.get(f"{url}/packs/{pack['name']}")
        name, data = package(pack["name"], files)
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["content-type"] == "application/zip"
        assert f'filename="{name}"' in answer.headers["content-disposition"]
        assert answer.headers["content-disposition"].startswith("attachment")


def test_the_catalogue_says_what_there_is_no_package_for(client: TestClient) -> None:
    targets = {pack["name"]: pack["targets"] for pack in client.get(f"{API}/catalog").json()["packs"]}
    assert targets["arduino"]["llvm"] == []
    assert "host" not in targets["bare-metal"]["c"]
    assert targets["esp-idf"]["llvm"] == [name for name in targets["esp-idf"]["c"] if name.startswith("rv32")]


def test_an_unknown_format_is_404_and_lists_the_known_ones(client: TestClient, files: dict[str, bytes]) -> None:
    answer = client.get(f"{compiled(client, files)}/packs/rpm")
    assert (answer.status_code, answer.json()["code"]) == (404, "E1030")
    assert "platformio" in answer.json()["facts"]["formats"]


def test_what_cannot_be_packed_is_409_with_the_reason(client: TestClient, files: dict[str, bytes]) -> None:
    answer = client.get(f"{compiled(client, files, emit='llvm')}/packs/arduino")
    assert (answer.status_code, answer.json()["code"]) == (409, "E1032")
    assert "emit c or cpp" in answer.json()["title"]


def test_an_artifact_of_another_version_is_409(client: TestClient, files: dict[str, bytes]) -> None:
    url = compiled(client, {**files, "report.json": b'{"schema": "deepmetal.report/9"}'})
    answer = client.get(f"{url}/packs/cmake")
    assert (answer.status_code, answer.json()["code"]) == (409, "E1031")


def test_there_is_no_package_before_there_is_an_artifact(client: TestClient) -> None:
    answer = client.get(f"{upload(client)['url']}/packs/cmake")
    assert (answer.status_code, answer.json()["code"]) == (409, "E0907")


def test_large_artifacts_are_not_read_into_memory(
    client: TestClient, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = compiled(client, files)
    monkeypatch.setattr(artifacts, "MAX_MEMBER", 1000)
    assert client.get(f"{url}/packs/cmake").status_code == 413


def test_an_option_that_no_package_can_be_made_for_is_refused_at_once(client: TestClient) -> None:
    for pack, code in (("rpm", "E1030"), ("arduino", "E1032")):
        options = json.dumps({"pack": pack, "emit": "llvm"})
        answer = client.post(f"{API}/compilations", files={"model": ("n.onnx", b"m")}, data={"options": options})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["where"] == "options.pack"
