"""Finding tools and reading their versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.errors import ToolError
from compiler.toolchain import find

Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install(name, version line)`: a tool on a PATH of its own."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    find.path_of.cache_clear()
    monkeypatch.setattr(find, "path_of", find.path_of.__wrapped__)

    def make(name: str, line: str) -> Path:
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\necho '{line}'\n")
        tool.chmod(0o755)
        return tool

    return make


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205", "12.2.1"),
        ("Debian clang version 19.1.7 (3~deb12u1)", "19.1.7"),
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "7.2.22"),
        ("gcc (Debian 12.2.0-14) 12.2.0", "12.2.0"),
        ("a tool without a number", "unknown"),
    ],
)
def test_versions(install: Install, line: str, version: str) -> None:
    assert find.version_of(install(f"tool-{version}", line)) == version


def test_clang_of_the_tested_version_comes_first(install: Install) -> None:
    install("clang-20", "clang version 20.0.0")
    assert find.NAMES["clang"][0] == "clang-19"
    tested = install("clang-19", "clang version 19.9.9")
    tool = find.find("clang")
    assert tool is not None
    assert tool.path == tested


def test_a_missing_tool_says_what_it_is_for() -> None:
    assert find.find("no-such-tool-here") is None
    with pytest.raises(ToolError) as caught:
        find.require("no-such-tool-here", "flying")
    assert caught.value.facts["needed for"] == "flying"
