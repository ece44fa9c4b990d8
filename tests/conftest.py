"""Fixtures and rules for every test: needs and skips, golden files, real servers, hypothesis profiles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import compiler  # noqa: F401 - before anything imports onnxruntime: it turns its telemetry off
from tests.support import needs, skips
from tests.support.golden import Golden
from tests.support.servers import PostgresServer, RedisServer

ROOT = needs.ROOT

pytest_plugins = ["pytester"]

# Folders whose tests start processes by the dozen, or search for long: `--quick` leaves them out as a whole.
NOT_QUICK = tuple(ROOT / "tests" / name for name in ("attacks", "emulator", "kernels", "queue"))

# No deadlines: a loaded machine is not a failure. CI draws the same examples every time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("quick", settings.get_profile("default"), max_examples=10)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected texts under tests/golden/")
    parser.addoption("--quick", action="store_true", help="leave out slow tests and those that need other programs")


def pytest_configure(config: pytest.Config) -> None:
    quick = config.getoption("--quick")
    settings.load_profile("quick" if quick else "ci" if os.environ.get("CI") else "default")
    if not hasattr(config, "workerinput"):  # the process that the user started, not one of xdist's workers
        config.pluginmanager.register(skips.gate(ROOT), "skip-gate")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    quick = config.getoption("--quick")
    left_out: list[pytest.Item] = []
    for item in items:
        wanted = [marker for marker in needs.NEEDS if item.get_closest_marker(marker)]
        on = [marker.args[0] for marker in item.iter_markers("needs_target")]
        slow = item.get_closest_marker("slow") or any(item.path.is_relative_to(folder) for folder in NOT_QUICK)
        if quick and (wanted or on or slow):
            left_out.append(item)
            continue
        for reason in (*map(needs.missing, wanted), *map(needs.missing_for, on)):
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(map(id, left_out))
        items[:] = [item for item in items if id(item) not in gone]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str], Golden]:
    """`golden(name)`: the expected text tests/golden/<test file>/<name>."""
    folder = ROOT / "tests" / "golden" / request.path.stem
    return lambda name: Golden(folder / name, update=request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with models and baselines beside the repository; without it the test is skipped."""
    if not needs.SHARED.is_dir():
        pytest.skip("needs the folder ../shared beside the repository")
    return needs.SHARED


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A Redis of the test's own, which it may kill. Mark the test `needs_redis`."""
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the test process. Mark the test `needs_postgres`."""
    server = PostgresServer.create()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The SQLAlchemy URL of an empty PostgreSQL database."""
    return postgres_server.new_database()
