"""Expected text that people read: `golden("dense.c").check(text)`, refreshed by `pytest --update-golden`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Golden:
    """One expected text, a file under tests/golden/<test file>/."""

    path: Path
    update: bool

    def check(self, actual: str) -> None:
        if self.update:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(actual, encoding="utf-8")
        elif not self.path.exists():
            pytest.fail(f"no golden file {self.path}; run pytest --update-golden")
        else:
            assert actual == self.path.read_text(encoding="utf-8")
