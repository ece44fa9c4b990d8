"""What the documentation says is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.needs import ROOT

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").glob("*.md")),
]


def test_generated_pages_are_fresh(tmp_path: Path) -> None:
    """Else run `make docs`."""
    subprocess.run([sys.executable, ROOT / "scripts" / "docs.py", tmp_path], check=True, timeout=120)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {"supported.md", "settings.md"} <= written.keys()
    assert written == {name: (ROOT / "docs" / name).read_text() for name in written}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    document = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target
