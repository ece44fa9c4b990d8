"""The test suite's own tools: servers, skips, golden files."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from tests.support.golden import Golden
from tests.support.servers import RedisServer
from tests.support.skips import AllowedSkip, SkipGate, read_allowed


@pytest.mark.needs_redis
def test_a_killed_redis_forgets_and_comes_back(redis_server: RedisServer) -> None:
    client = Redis.from_url(redis_server.url)
    client.set("job", "1")
    redis_server.kill()
    redis_server.start()
    assert client.ping()
    assert client.get("job") is None


@pytest.mark.needs_postgres
def test_postgres_databases_are_empty_and_apart(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as db:
        assert db.execute(text("select current_user")).scalar_one() == "deepmetal"
        db.execute(text("create table t (x int)"))
        assert (
            db.execute(
                text("select count(*) from information_schema.tables where table_schema = 'public'")
            ).scalar_one()
            == 1
        )
    engine.dispose()


def test_golden_compares_and_updates(tmp_path: Path) -> None:
    path = tmp_path / "new" / "text.txt"
    with pytest.raises(pytest.fail.Exception, match="--update-golden"):
        Golden(path, update=False).check("one")
    Golden(path, update=True).check("one")
    Golden(path, update=False).check("one")
    with pytest.raises(AssertionError):
        Golden(path, update=False).check("two")


def test_an_unannounced_skip_is_noticed_and_an_announced_one_is_not() -> None:
    allowed = [AllowedSkip(test="tests/a.py::*", reason="needs x*", because="no x in CI")]
    gate = SkipGate(allowed, enforce=True)
    gate.note("tests/a.py::test_1", ("tests/a.py", 3, "Skipped: needs x (apt install x)"))
    assert gate.unannounced == []
    gate.note("tests/b.py::test_1", ("tests/b.py", 3, "Skipped: needs x (apt install x)"))
    gate.note("tests/a.py::test_2", ("tests/a.py", 9, "Skipped: broken"))
    assert gate.unannounced == ["tests/b.py::test_1: needs x (apt install x)", "tests/a.py::test_2: broken"]


def test_the_list_of_allowed_skips_is_well_formed() -> None:
    for skip in read_allowed(Path(__file__).parents[1] / "allowed_skips.toml"):
        assert skip.because
        assert skip.reason != "*"


def test_a_ci_run_fails_on_an_unannounced_skip(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeconftest(
        """
        import os
        from tests.support.skips import SkipGate
        def pytest_configure(config):
            config.pluginmanager.register(SkipGate([], enforce=bool(os.environ.get("CI"))))
        """
    )
    pytester.makepyfile("import pytest\ndef test_a(): pytest.skip('needs x')\ndef test_b(): assert True")
    monkeypatch.delenv("CI", raising=False)
    assert pytester.runpytest().ret == 0
    monkeypatch.setenv("CI", "true")
    result = pytester.runpytest()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*::test_a: needs x"])
