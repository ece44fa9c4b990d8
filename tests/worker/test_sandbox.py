"""The level of the sandbox: every attempt of the self-test is stopped at its level, and gets through below it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import PIPE

import pytest

from compiler.sandbox import landlock
from compiler.sandbox.probe import Proof, attempt, prove
from server.settings import Settings
from tests.support.needs import ROOT
from tests.support.service import environment
from worker import sandbox, session
from worker.usage import usage

L1 = ("gain privileges", "dump core", "raise a limit", "much memory", "a large file")
L2 = (
    "read a file", "read through a link", "list a folder", "write a file", "empty a file", "empty a file by opening it",
    "make a file", "move a file out", "remove a file", "open a file to all", "read accounts", "look into the parent",
    "TCP", "UDP", "TCP over IPv6", "netlink", "packets", "Unix socket", "Unix datagrams",
    "signal the parent", "trace the parent", "read the parent's memory", "leave the session", "become root",
    "many processes", "user namespace", "user namespace by clone", "mount", "change root", "load a filter program",
    "performance counters", "keys", "asynchronous calls", "load a module", "another kernel",
)  # fmt: skip
# What an ordinary user may not do in any case, and what has other reasons not to work.
DENIED_ANYWAY = {
    "raise a limit", "open a file to all", "read accounts", "packets", "become root", "mount", "change root",
    "load a filter program", "performance counters", "user namespace", "user namespace by clone", "keys",
    "asynchronous calls", "load a module", "another kernel", "many processes", "trace the parent",
    "read the parent's memory",
}  # fmt: skip

needs_landlock = pytest.mark.skipif(
    landlock.version() < landlock.OLDEST, reason="needs Landlock 2 or newer in the kernel"
)


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """What became of everything that L2 must stop, after entering each level."""
    folder = tmp_path_factory.mktemp("sandbox")
    return {
        "L0": attempt("L2", folder, entered="L0"),
        "L1": attempt("L2", folder, entered="L1"),
        "L2": attempt("L2", folder),
    }


@needs_landlock
@pytest.mark.parametrize("name", [*L1, *L2, "work"])
def test_is_stopped_at_l2(name: str, attempts: Mapping[str, Mapping[str, str]]) -> None:
    assert attempts["L2"][name] == ""


@pytest.mark.parametrize("name", [*L1, "work"])
def test_is_stopped_at_l1(name: str, attempts: Mapping[str, Mapping[str, str]]) -> None:
    assert attempts["L1"][name] == ""


@pytest.mark.parametrize("name", sorted({*L1, *L2} - DENIED_ANYWAY))
def test_gets_through_without_a_sandbox(name: str, attempts: Mapping[str, Mapping[str, str]]) -> None:
    """So an attempt that is stopped was stopped by the sandbox."""
    assert attempts["L0"][name] != ""


@pytest.mark.parametrize("name", sorted(set(L2) - DENIED_ANYWAY))
def test_limits_alone_do_not_stop(name: str, attempts: Mapping[str, Mapping[str, str]]) -> None:
    assert attempts["L1"][name] != ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root may try these")
@pytest.mark.parametrize("name", ["read accounts", "packets", "become root", "open a file to all", "many processes"])
def test_root_gets_through_without_a_sandbox(name: str, attempts: Mapping[str, Mapping[str, str]]) -> None:
    assert attempts["L1"][name] != ""


@needs_landlock
def test_every_attempt_is_listed_here(attempts: Mapping[str, Mapping[str, str]]) -> None:
    assert set(attempts["L2"]) == {*L1, *L2, "work"}


@needs_landlock
def test_a_worker_finds_its_level(tmp_path: Path) -> None:
    assert sandbox.find(Settings(data_dir=tmp_path)) == Proof("L2")
    assert str(sandbox.find(Settings(data_dir=tmp_path))) == "L2 landlock+seccomp"
    assert str(sandbox.find(Settings(data_dir=tmp_path, sandbox="L1"))) == "L1 rlimits+no_new_privs"


def test_the_level_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that programs may read include this data folder: so it is not level L2."""
    monkeypatch.setattr(
        "compiler.sandbox.probe.attempt", lambda level, _: {"TCP": "it worked" if level == "L2" else ""}
    )
    found = prove(tmp_path)
    assert found.level == "L1"
    assert str(found) == "L1 rlimits+no_new_privs (L2 does not hold: TCP: it worked)"


def test_a_worker_refuses_to_start_below_the_level_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sandbox, "prove", lambda *_, **__: Proof("L1", "no Landlock"))
    with pytest.raises(SystemExit) as caught:
        sandbox.find(Settings(data_dir=tmp_path, sandbox="L2"))
    assert caught.value.code == sandbox.TOO_WEAK
    assert "error[E1053]" in caplog.text
    assert sandbox.find(Settings(data_dir=tmp_path)).level == "L1"


def test_limits_hold_and_cannot_be_raised() -> None:
    code = """
import resource
from pathlib import Path
from subprocess import PIPE
from compiler.sandbox.limits import Limits, limit
limit(Limits(cpu_seconds=5, memory=1 << 29, file_size=1000, open_files=32))
names = "CPU AS FSIZE NOFILE CORE".split()
print([resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in names])
print(Path("/proc/self/status").read_text().split("NoNewPrivs:")[1].split()[0])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    limits, no_new_privileges = done.stdout.splitlines()
    assert limits == str([(5, 5), (1 << 29, 1 << 29), (1000, 1000), (32, 32), (0, 0)])
    assert no_new_privileges == "1"


def test_a_job_sees_a_clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEEPMETAL_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "secret" not in str(sandbox.environment(tmp_path, os.environ))


def test_what_a_job_uses_is_the_sum_of_its_processes(tmp_path: Path) -> None:
    script = """
import os, subprocess, sys
kept = open("kept", "wb"); kept.write(bytes(3 << 20)); kept.flush(); os.fsync(kept.fileno())
gone = open("gone", "wb"); gone.write(bytes(5 << 20)); gone.flush(); os.fsync(gone.fileno()); os.unlink("gone")
children = [subprocess.Popen(["sleep", "600"], process_group=0) for _ in range(3)]
data = b"x" * (100 << 20)
print("ready", flush=True)
sys.stdin.read()
"""
    leader = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, start_new_session=True, stdin=PIPE, stdout=PIPE
    )
    try:
        assert leader.stdout is not None
        assert leader.stdout.readline() == b"ready\n"
        found = usage(leader.pid, tmp_path)
    finally:
        session.kill(leader.pid)
        leader.communicate(timeout=30)
    assert found.processes == 4
    assert found.files == 1
    assert 8 << 20 <= found.disk < 9 << 20
    assert 100 << 20 <= found.resident < 200 << 20
    assert found.excess(memory=1 << 30, disk=1 << 30) is None
    assert (
        found.excess(memory=50 << 20, disk=1 << 30)
        == f"it has {found.resident} bytes of memory; {50 << 20} are allowed"
    )


@pytest.fixture
def readable_by_all() -> Iterator[Path]:
    """A data folder where programs lie, which every job may read: the self-test must notice."""
    with tempfile.TemporaryDirectory(prefix="deepmetal-test-", dir=sys.prefix) as name:
        yield Path(name)


@needs_landlock
def test_a_data_folder_among_the_programs_is_not_l2(readable_by_all: Path) -> None:
    found = sandbox.find(Settings(data_dir=readable_by_all))
    assert found.level == "L1"
    assert "read a file: it worked" in found.missing


@needs_landlock
@pytest.mark.parametrize(
    ("command", "status"),
    [(["-m", "worker.supervisor"], 78), (["-m", "compiler.cli", "serve", "--port", "0"], 5)],
    ids=["worker", "serve"],
)
def test_it_ends_where_the_level_is_not_reached(command: list[str], status: int, readable_by_all: Path) -> None:
    settings = Settings(data_dir=readable_by_all, sandbox="L2")
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment(settings), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert "error[E1053]: DEEPMETAL_SANDBOX=L2" in done.stderr + done.stdout


@pytest.mark.parametrize("abi", [2, 3, 4, 5, 6, 7])
def test_older_landlocks_confine_as_well(abi: int, tmp_path: Path) -> None:
    """What an older version does not cover, the filter of system calls does."""
    if landlock.version() < abi:
        pytest.skip(f"needs Landlock {abi} in the kernel")
    code = f"""
import json, sys
from pathlib import Path
from compiler.sandbox import landlock, self_test
landlock.version = lambda: {abi}
print(json.dumps(self_test.main("L2", "L2", *map(Path, sys.argv[1:]))))
"""
    folder, canary = tmp_path / "folder", tmp_path / "canary"
    folder.mkdir()
    canary.write_bytes(b"untouched")
    command = [sys.executable, "-c", code, str(folder), str(canary)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert {name: text for name, text in json.loads(done.stdout).items() if text} == {}
