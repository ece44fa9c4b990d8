"""The error catalogue: complete, without leftovers, and readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compiler import cli
from compiler.errors import ModelError
from compiler.explain import RANGES, entries, entry

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"""["'](E\d{4})["']""")


def used() -> dict[str, str]:
    """Code -> a source file that uses it."""
    found: dict[str, str] = {}
    for package in ("compiler", "deepmetal", "server", "worker"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for code in CODE.findall(path.read_text("utf-8")):
                found.setdefault(code, path.relative_to(ROOT).as_posix())
    return found


def test_every_code_in_the_sources_has_an_entry() -> None:
    known = {e.code for e in entries()}
    missing = {code: place for code, place in used().items() if code not in known}
    assert not missing, f"write compiler/errors_catalog/<code>.md for {missing}"


def test_every_entry_is_used() -> None:
    stale = {e.code for e in entries()} - set(used())
    assert not stale, f"no source uses {sorted(stale)}; remove their files from compiler/errors_catalog/"


@pytest.mark.parametrize("found", entries(), ids=lambda e: e.code)
def test_an_entry_says_what_it_means_why_and_what_to_do(found: object) -> None:
    assert hasattr(found, "text")
    text = found.text
    assert "**Usual cause.**" in text
    assert "**What to do.**" in text
    assert found.code[:3] in RANGES  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) < 900


def test_explain_prints_an_entry(capsys: pytest.CaptureFixture[str]) -> None:
    for spelling in ("E0201", "e0201", "0201"):
        assert cli.main(["explain", spelling]) == 0
        assert capsys.readouterr().out.startswith("# E0201: an operator has no lowering\n")


def test_explain_lists_all_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain"]) == 0
    listed = capsys.readouterr().out
    assert all(e.code in listed for e in entries())


def test_an_unknown_code_is_an_error_that_names_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError) as caught:
        entry("E0299")
    assert caught.value.code == "E1007"
    assert "E02" in caught.value.facts["near it"]
    assert cli.main(["explain", "E0299"]) == 1
