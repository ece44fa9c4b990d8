"""`deepmetal doctor` tells what is there and how to get what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler import doctor
from compiler.toolchain import find


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A PATH without any program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    find.path_of.cache_clear()
    yield
    find.path_of.cache_clear()


def test_on_a_bare_machine_each_missing_tool_has_a_remedy(bare_machine: None) -> None:
    checks = doctor.run()
    by_name = {check.name: check for check in checks}
    assert by_name["Python 3.11+"].found
    for name in ("arm-none-eabi-gcc", "newlib for Arm", "qemu-system-arm", "clang", "ld.lld", "gcc", "cmake"):
        assert not by_name[name].found
        assert by_name[name].install.startswith("apt install ")
    assert not doctor.ready(checks)
    report = doctor.text(checks)
    assert "missing  qemu-system-arm" in report
    assert "apt install qemu-system-arm" in report


def test_a_tool_that_is_there_has_version_and_place(bare_machine: None, tmp_path: Path) -> None:
    gcc = tmp_path / "arm-none-eabi-gcc"
    gcc.write_text("#!/bin/sh\necho 'arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205'\n")
    gcc.chmod(0o755)
    check = next(check for check in doctor.run() if check.name == "arm-none-eabi-gcc")
    assert (check.found, check.version, check.where) == (True, "12.2.1", str(gcc))


def test_json_has_every_check() -> None:
    checks = doctor.run()
    data = json.loads(json.dumps(doctor.to_json(checks)))
    assert data["ready"] == doctor.ready(checks)
    assert {row["name"] for row in data["checks"]} == {check.name for check in checks}
    assert all(row["without"] and row["install"] for row in data["checks"])
