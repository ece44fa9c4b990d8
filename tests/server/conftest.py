"""The real app on a real database, without a worker: jobs stay queued unless a test ends them itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from server.main import create_app
from server.settings import Settings


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Empty: SQLite in the data folder. `support.both_databases` asks for PostgreSQL as well."""
    wanted = getattr(request, "param", "sqlite")
    return str(request.getfixturevalue("postgres_url")) if wanted == "postgresql" else ""


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(data_dir=tmp_path / "data", database_url=database_url, min_free=0, max_upload=200_000)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client
