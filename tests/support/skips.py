"""In CI a skip must be announced: tests/allowed_skips.toml names each test that may be skipped, and why.

Outside CI (the variable `CI` unset or empty) a skip is only reported. The file is a list of tables:

    [[skip]]
    test = "tests/worker/test_sandbox.py::*"    # a glob over node ids
    reason = "needs user namespaces*"           # a glob over the reason that pytest prints
    because = "the hosted runners forbid user namespaces"
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest


@dataclass(frozen=True)
class AllowedSkip:
    test: str
    reason: str
    because: str

    def covers(self, nodeid: str, reason: str) -> bool:
        return fnmatchcase(nodeid, self.test) and fnmatchcase(reason, self.reason)


def read_allowed(path: Path) -> list[AllowedSkip]:
    """The allowed skips; a table with a missing or unknown key is a `TypeError`."""
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("skip", [])
    return [AllowedSkip(**row) for row in rows]


class SkipGate:
    """Counts the skips that nobody announced and makes a CI run fail for them."""

    def __init__(self, allowed: list[AllowedSkip], enforce: bool) -> None:
        self.allowed = allowed
        self.enforce = enforce
        self.unannounced: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.note(report.nodeid, report.longrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.note(report.nodeid, report.longrepr)

    def note(self, nodeid: str, longrepr: object) -> None:
        reason = str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
        reason = reason.removeprefix("Skipped: ")
        line = f"{nodeid}: {reason}"
        if line not in self.unannounced and not any(skip.covers(nodeid, reason) for skip in self.allowed):
            self.unannounced.append(line)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.enforce and self.unannounced and session.exitstatus in (pytest.ExitCode.OK, 0):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.enforce and self.unannounced:
            terminalreporter.section("skips that tests/allowed_skips.toml does not name", red=True)
            for line in sorted(self.unannounced):
                terminalreporter.line(line)


def gate(root: Path) -> SkipGate:
    return SkipGate(read_allowed(root / "tests" / "allowed_skips.toml"), enforce=bool(os.environ.get("CI")))
