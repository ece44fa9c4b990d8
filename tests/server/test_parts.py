"""Migrations, storage, tidying, identifiers, the OpenAPI copy, pages and health."""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from fastapi.testclient import TestClient
from sqlalchemy import inspect

from server import openapi
from server.artifacts import report_format
from server.db import MIGRATIONS, Database
from server.ids import new_id
from server.janitor import tidy
from server.main import create_app
from server.models import Base
from server.settings import Settings
from server.storage import MissingBlob, Storage, key
from tests.server.support import API, both_databases, compile_one, parts, register_worker, upload
from tests.support.needs import ROOT


@both_databases
def test_the_migrations_make_the_tables_of_the_models_and_unmake_them(settings: Settings) -> None:
    db = Database(settings)
    db.migrate()
    db.migrate()  # a second time changes nothing
    assert db.is_current()
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    with db.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    assert not db.is_current()
    db.close()


def test_blobs_are_named_by_their_content(tmp_path: Path) -> None:
    storage = Storage(Settings(data_dir=tmp_path))
    data = os.urandom(3_000_000)
    blob = storage.put(io.BytesIO(data))
    assert (blob.sha256, blob.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert storage.put(io.BytesIO(data)) == blob
    assert b"".join(storage.stream(blob.sha256)) == data
    with storage.open(blob.sha256) as file:
        file.seek(2_500_000)
        assert file.read(1000) == data[2_500_000:2_501_000]
    storage.copy_to(blob.sha256, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data
    assert [sha256 for sha256, _ in storage.list()] == [blob.sha256]
    storage.delete(blob.sha256)
    with pytest.raises(MissingBlob):
        storage.stream(blob.sha256)


def test_tidying_removes_old_blobs_that_nothing_points_at(client: TestClient) -> None:
    service = parts(client)
    kept, deleted = compile_one(client), compile_one(client, content=b"other")
    client.delete(deleted["url"])
    orphan = service.storage.put(io.BytesIO(b"orphan")).sha256
    young = service.storage.put(io.BytesIO(b"young")).sha256
    folder = service.settings.folder("store")
    long_ago = time.time() - 48 * 3600
    for sha256, _ in service.storage.list():
        if sha256 != young:
            os.utime(folder / key(sha256), (long_ago, long_ago))
    tidy(service.db, service.storage, service.settings)
    left = {sha256 for sha256, _ in service.storage.list()}
    assert orphan not in left
    assert young in left
    assert kept["model"]["sha256"] in left
    assert client.get(f"{kept['url']}/artifact").status_code == 200


def test_identifiers_rise() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert {len(id) for id in ids} == {26}


def test_the_front_ends_copy_of_openapi_is_fresh() -> None:
    committed = (ROOT / "frontend" / "openapi.json").read_text(encoding="utf-8")
    assert committed == openapi.text(), "run: .venv/bin/python -m server.openapi > frontend/openapi.json"


@pytest.mark.parametrize(
    ("accept", "file"),
    [
        ("", "report.json"),
        ("*/*", "report.json"),
        ("text/html", "report.html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "report.html"),
        ("text/markdown", "report.md"),
        ("text/html;q=0.1, text/markdown;q=0.5", "report.md"),
        ("text/html;q=nan, application/json;q=x", "report.json"),
        ("image/png", "report.json"),
    ],
)
def test_the_report_that_an_accept_header_gets(accept: str, file: str) -> None:
    assert report_format(accept) == file


def test_the_report_carries_the_times_of_this_compilation(client: TestClient) -> None:
    made = compile_one(client)
    assert client.get(f"{made['url']}/report").json()["timings"] == {"import": 0.5}


def test_an_artifact_is_not_sent_twice(client: TestClient) -> None:
    made = compile_one(client)
    first = client.get(f"{made['url']}/artifact")
    again = client.get(f"{made['url']}/artifact", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_catalog_and_samples(client: TestClient) -> None:
    catalog = client.get(f"{API}/catalog").json()
    assert "cortex-m4" in [target["name"] for target in catalog["targets"]]
    assert catalog["limits"]["upload_bytes"] == 200_000
    assert client.get(f"{API}/samples/nothing").status_code == 404
    for sample in catalog["samples"]:
        assert len(client.get(sample["url"]).content) == sample["size"]


def test_health(client: TestClient) -> None:
    assert client.get(f"{API}/health/live").json()["status"] == "ok"
    assert client.get("/health/live").status_code == 200
    ready = client.get(f"{API}/health/ready").json()
    assert ready["status"] == "degraded"  # no worker
    register_worker(client, "tools")
    ready = client.get(f"{API}/health/ready").json()
    assert (ready["status"], ready["workers"][0]["id"]) == ("ok", "test")


def test_metrics(client: TestClient) -> None:
    upload(client, b"12345")
    text = client.get("/metrics").text
    assert 'deepmetal_jobs{kind="compile",state="queued"} 1.0' in text
    assert 'route="/compilations",status="201"} 1.0' in text
    assert "deepmetal_upload_bytes_total 5.0" in text


def test_pages(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html>app")
    (dist / "assets" / "main-1a2b.js").write_text("run()")
    (tmp_path / "secret.txt").write_text("password")
    settings = Settings(data_dir=tmp_path / "data", ui_dir=dist)
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        for path in ("/", "/jobs/01h", "/history?state=failed", "/index.html"):
            assert client.get(path).text == "<!doctype html>app"
        script = client.get("/assets/main-1a2b.js")
        assert script.text == "run()"
        assert "immutable" in script.headers["cache-control"]
        assert client.get("/assets/gone.js").status_code == 404
        assert client.get("/api/v2").status_code == 404
        for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/%00"):
            assert "password" not in client.get(path).text


def test_without_a_build_the_page_says_how_to_get_one(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", ui_dir=tmp_path / "nothing")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        assert "npm run build" in client.get("/").text
        assert client.get("/jobs/1").status_code == 404
