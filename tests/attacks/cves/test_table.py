"""README.md lists every vulnerability that we have looked into, and its tests exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
LISTED = """
    CVE-2025-32434 CVE-2026-24747 CVE-2026-4538 CVE-2024-48063 CVE-2022-45907
    CVE-2022-25882 CVE-2024-27318 CVE-2024-5187 CVE-2024-7776 CVE-2025-51480 CVE-2026-27489 CVE-2026-34445
    CVE-2026-34446 CVE-2026-34447 VA-26-233-01
    CVE-2024-0450 CVE-2024-8088 CVE-2025-8291 CVE-2025-4517 CVE-2025-4435 CVE-2025-8194 CVE-2026-82049
    CVE-2026-3490 CVE-2026-53873 CVE-2026-53874 CVE-2026-56315 CVE-2025-71347 CVE-2025-71367 CVE-2025-71378
""".split()


def rows() -> dict[str, list[str]]:
    """Vulnerability -> the tests of its row."""
    found = {}
    for line in (HERE / "README.md").read_text("utf-8").splitlines():
        if match := re.match(r"\| ((?:CVE|VA)-[\d-]+) \|", line):
            assert match[1] not in found
            found[match[1]] = re.findall(r"`(test_\w+\.py::test_\w+)`", line)
    return found


def existing_tests() -> set[str]:
    return {
        f"{path.name}::{node.name}"
        for path in HERE.glob("test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


def test_every_vulnerability_has_a_row() -> None:
    assert sorted(rows()) == sorted(LISTED)


def test_every_row_names_tests_that_exist() -> None:
    existing = existing_tests()
    for vulnerability, named in rows().items():
        assert named, vulnerability
        assert set(named) <= existing, vulnerability
