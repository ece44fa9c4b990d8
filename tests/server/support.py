"""What the API tests have in common."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server import lease
from server.deps import Service
from server.lease import Claim, Outcome
from server.models import WorkerRow, now

API = "/api/v1"

both_databases = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_postgres)], indirect=True
)


def parts(client: TestClient) -> Service:
    service = client.app.state.service  # type: ignore[attr-defined]
    assert isinstance(service, Service)
    return service


def upload(client: TestClient, content: bytes = b"model", name: str = "net.onnx", **fields: Any) -> dict[str, Any]:
    """The answer to a submission that is expected to work."""
    headers = fields.pop("headers", None)
    answer = client.post(f"{API}/compilations", files={"model": (name, content)}, data=fields, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def claim(client: TestClient, kinds: Sequence[str] = ("inspect", "compile"), seconds: float = 60.0) -> Claim | None:
    """Be a worker and take the next job."""
    with parts(client).db.writing() as session:
        return lease.claim(session, "test", seconds, kinds, max_losses=3)


def finish(client: TestClient, claim: Claim, outcome: Outcome) -> bool:
    with parts(client).db.writing() as session:
        return lease.finish(session, claim, outcome)


def succeed(client: TestClient, claim: Claim, fingerprint: str = "tools-1") -> None:
    """End a compilation with a small artifact."""
    blob = parts(client).storage.put(io.BytesIO(artifact()))
    summary = {
        "instructions": 5, "flash_total": 6, "ram_total": 7, "arena": 1, "stack": 2, "macs": 3,
        "max_abs_error": 0.0, "validation_passed": True, "latency_ms": None,
    }  # fmt: skip
    outcome = Outcome(
        "succeeded", artifact_sha256=blob.sha256, artifact_size=blob.size, summary=summary,
        result={"timings": {"import": 0.5}}, fingerprint=fingerprint,
    )  # fmt: skip
    assert finish(client, claim, outcome)


def compile_one(client: TestClient, **fields: Any) -> dict[str, Any]:
    """A compilation that has succeeded."""
    made = upload(client, **fields)
    taken = claim(client, ["compile"])
    assert taken is not None
    assert taken.id == made["id"]
    succeed(client, taken)
    return dict(client.get(made["url"]).json())


def register_worker(client: TestClient, fingerprint: str, sandbox: str = "L2 landlock+seccomp") -> None:
    with parts(client).db.writing() as session:
        session.merge(
            WorkerRow(
                id="test", host="here", version="0", sandbox=sandbox, fingerprint=fingerprint, slots=1, busy=0,
                started_at=now(), seen_at=now(),
            )
        )  # fmt: skip


def artifact() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.json", '{"schema": "deepmetal.report/1", "timings": {}}')
        archive.writestr("report.html", "<!doctype html><script>steal()</script>")
        archive.writestr("report.md", "# Report\n")
        archive.writestr("src/model.c", "int model_run;\n")
        archive.writestr("memory.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script>steal()</script></svg>")
    return buffer.getvalue()
