"""Tools end within their limits, take their children along, and say what went wrong without paths."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from compiler.errors import ToolError
from compiler.toolchain.run import Limits, run_tool

PYTHON = [sys.executable, "-I", "-c"]


def test_output_and_status(tmp_path: Path) -> None:
    outcome = run_tool(
        [*PYTHON, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"], cwd=tmp_path, check=False
    )
    assert (outcome.status, outcome.stdout, outcome.stderr) == (3, "out\n", "err\n")


def test_failure_quotes_the_last_lines_without_the_work_folder(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd() + '/x.c:1: bad', file=sys.stderr); sys.exit(1)"
    with pytest.raises(ToolError) as caught:
        run_tool([*PYTHON, script], cwd=tmp_path)
    assert caught.value.code == "E0702"
    assert caught.value.facts["it said"] == "x.c:1: bad"


def test_arguments_reach_the_tool_unchanged(tmp_path: Path) -> None:
    words = ["$(touch x)", "a b", ";", "*", "'\""]
    outcome = run_tool([*PYTHON, "import sys; print(sys.argv[1:])", *words], cwd=tmp_path)
    assert outcome.stdout == f"{words}\n"


def test_a_missing_tool(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        run_tool(["no-such-tool-here"], cwd=tmp_path)
    assert caught.value.code == "E0701"


def test_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    script = (
        "import os, time\n"
        "child = os.fork()\n"
        "open(f'pid{int(child == 0)}', 'w').write(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    with pytest.raises(ToolError) as caught:
        run_tool([*PYTHON, script], cwd=tmp_path, limits=Limits(seconds=1.5))
    assert caught.value.code == "E0703"
    for name in ("pid0", "pid1"):
        assert _is_gone(int((tmp_path / name).read_text()))


def test_a_child_left_behind_is_ended(tmp_path: Path) -> None:
    script = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.close(1); os.close(2)\n"
        "    open('pid', 'w').write(str(os.getpid()))\n"
        "    os.rename('pid', 'ready')\n"
        "    time.sleep(60)\n"
        "while not os.path.exists('ready'): time.sleep(0.01)\n"
    )
    run_tool([*PYTHON, script], cwd=tmp_path, limits=Limits(seconds=30))
    assert _is_gone(int((tmp_path / "ready").read_text()))


def test_output_limit(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        run_tool([*PYTHON, "while True: print('x' * 1000)"], cwd=tmp_path, limits=Limits(seconds=30, output=100_000))
    assert caught.value.code == "E0704"


def test_memory_limit(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        run_tool([*PYTHON, "bytearray(2**30)"], cwd=tmp_path, limits=Limits(memory=2**29))
    assert "MemoryError" in caught.value.facts["it said"]


def test_file_limit(tmp_path: Path) -> None:
    with pytest.raises(ToolError):
        run_tool([*PYTHON, "open('x', 'wb').write(bytes(2**20))"], cwd=tmp_path, limits=Limits(file=2**16))
    assert (tmp_path / "x").stat().st_size <= 2**16


def test_an_orphan_is_bounded_by_its_processor_time(tmp_path: Path) -> None:
    script = "import resource; print(resource.getrlimit(resource.RLIMIT_CPU)[0])"
    seconds = int(run_tool([*PYTHON, script], cwd=tmp_path, limits=Limits(seconds=10)).stdout)
    assert 10 < seconds <= 10 * (os.cpu_count() or 1) + 1


def test_the_callers_environment_stays_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_CALLER", "1")
    outcome = run_tool([*PYTHON, "import os; print(sorted(os.environ))"], cwd=tmp_path)
    assert "SECRET_OF_CALLER" not in outcome.stdout


def _is_gone(pid: int) -> bool:
    """Killed: no such process, or one that only waits to be reaped by init. Waits up to five seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
