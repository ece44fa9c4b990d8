"""The wheel holds everything that is needed at run time: templates, migrations, samples, the built pages."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.needs import ROOT

PACKAGES = ("compiler", "deepmetal", "server", "worker")
NOT_SHIPPED = {".pyc"}


@pytest.mark.slow
def test_every_file_of_the_packages_and_the_pages_is_in_the_wheel(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pages = source / "frontend" / "dist" / "assets"
    pages.mkdir(parents=True)
    (pages.parent / "index.html").write_text("<!doctype html>")
    (pages / "index.js").write_text("")

    command = [ROOT / ".venv/bin/python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "."]
    subprocess.run([*command, "--wheel-dir", str(tmp_path)], cwd=source, check=True, timeout=120)
    (wheel,) = tmp_path.glob("deepmetal-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())

    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    wanted = {path.relative_to(ROOT).as_posix() for path in files if path.suffix not in NOT_SHIPPED}
    assert wanted - inside == set()
    assert {"server/ui/index.html", "server/ui/assets/index.js"} <= inside
    assert not [name for name in inside if name.startswith(("tests/", "bench/", "frontend/"))]
