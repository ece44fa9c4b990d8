"""The set-up script on machines of all kinds: bare, without rights, with an old Node, and a second time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.needs import ROOT

SHELL_FILES = [*sorted(path for path in (ROOT / "scripts").iterdir() if path.suffix == ""), ROOT / ".ci" / "run"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the set-up reads, without a front end."""
    for name in ("pyproject.toml", "requirements.lock", "requirements-torch.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    return tmp_path


def fake(folder: Path, name: str, body: str) -> None:
    """A program that does what `body` says, and writes its arguments to <folder>/log."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/log\n{body}\n')
    path.chmod(0o755)


def fake_python(folder: Path, version: str = "(3, 11)") -> None:
    """A Python that can only make a virtual environment, and there a uv that accepts everything."""
    fake(
        folder,
        "python3",
        f"""case "$1" in
--version) echo Python ;;
-c) case "$2" in *version_info*base_prefix*) echo "{version} /usr" ;; esac ;;
-m) mkdir -p "$3/bin"; d=$(cd "$3/bin" && pwd)
    cp "$0" "$d/python"; echo "#!$d/python" > "$d/pip"
    for tool in uv deepmetal; do
        printf '#!/bin/sh\\necho "uv $*" >> {folder}/log\\n' > "$d/$tool"
        chmod +x "$d/$tool"
    done ;;
esac""",
    )


def setup(checkout: Path, path: str, what: str = "serve") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "HOME": str(checkout)}
    command = ["bash", "scripts/setup", what]
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def minimal_path(folder: Path) -> str:
    """Only what the script itself is written in."""
    folder.mkdir(exist_ok=True)
    tools = "bash cat sha256sum cut mkdir rm flock env printf grep dirname id find sort xargs ln cp chmod".split()
    for tool in tools:
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize("path", SHELL_FILES, ids=lambda path: path.name)
def test_scripts_are_executable_and_shellcheck_finds_nothing(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run([ROOT / ".venv/bin/shellcheck", path], check=True, timeout=60)


def test_without_apt_it_names_the_packages_and_goes_on(checkout: Path) -> None:
    path = minimal_path(checkout / "bin")
    fake_python(checkout / "fakes")
    done = setup(checkout, f"{checkout}/fakes:{path}", "test")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "please install" in line]
    for package in (
        "gcc",
        "clang-19",
        "lld-19",
        "gcc-arm-none-eabi",
        "qemu-system-arm",
        "cmake",
        "redis-server",
        "chromium",
    ):
        assert package in line.split(), line
    assert (checkout / ".setup" / "python").exists()


def test_only_what_is_missing_is_installed(checkout: Path) -> None:
    path = minimal_path(checkout / "bin")
    fakes = checkout / "fakes"
    fake_python(fakes)
    for program in ("gcc", "clang-19", "arm-none-eabi-gcc"):
        fake(fakes, program, "")
    fake(fakes, "sudo", 'test "$1" = -n && shift; exec "$@"')
    fake(fakes, "apt-get", "")
    setup(checkout, f"{fakes}:{path}")
    (install,) = [
        line
        for line in (fakes / "log").read_text().splitlines()
        if line.startswith("apt-get install") and "lld-19 " in line
    ]
    wanted = install.split()
    assert "qemu-system-arm" in wanted
    assert not {"gcc", "clang-19", "gcc-arm-none-eabi", "python3-venv", "cmake", "chromium"} & set(wanted)


def test_the_second_run_installs_nothing(checkout: Path) -> None:
    path = minimal_path(checkout / "bin")
    fakes = checkout / "fakes"
    fake_python(fakes)
    setup(checkout, f"{fakes}:{path}")
    assert "--requirements requirements.lock" in (fakes / "log").read_text()
    (fakes / "log").write_text("")
    assert setup(checkout, f"{fakes}:{path}").returncode == 0
    assert "uv" not in (fakes / "log").read_text()
    (checkout / "requirements.lock").write_text("changed\n")
    setup(checkout, f"{fakes}:{path}")
    assert "--requirements requirements.lock" in (fakes / "log").read_text()


def test_a_venv_of_another_python_or_place_is_made_anew(checkout: Path) -> None:
    path = minimal_path(checkout / "bin")
    fakes = checkout / "fakes"
    fake_python(fakes)
    setup(checkout, f"{fakes}:{path}")
    (checkout / ".venv" / "mark").touch()
    setup(checkout, f"{fakes}:{path}")
    assert (checkout / ".venv" / "mark").exists()
    fake_python(fakes, version="(3, 12)")
    assert "making .venv" in setup(checkout, f"{fakes}:{path}").stderr
    assert not (checkout / ".venv" / "mark").exists()

    moved = checkout / "moved"
    moved.mkdir()
    for name in ("scripts", ".venv", ".setup", "pyproject.toml", "requirements.lock", "requirements-torch.lock"):
        (checkout / name).rename(moved / name)
    assert "making .venv" in setup(moved, f"{fakes}:{path}").stderr


def test_an_old_python_is_refused_with_a_way_out(checkout: Path) -> None:
    path = minimal_path(checkout / "bin")
    fake(checkout / "fakes", "python3", 'case "$2" in *"(3, 11)"*) exit 1 ;; esac')
    done = setup(checkout, f"{checkout}/fakes:{path}")
    assert done.returncode == 1
    assert "set PYTHON" in done.stderr


def test_readme_and_ci_use_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    assert {"serve", "test", "check", "lint", "bench", "clean", "help"} <= targets
    for text in ("README.md", "CONTRIBUTING.md", ".ci/run"):
        used = set(
            re.findall(r"^(?:exec )?make ([a-z]+)|`make ([a-z]+)", (ROOT / text).read_text(), flags=re.MULTILINE)
        )
        assert {a or b for a, b in used} <= targets, text
    assert re.search(r"^exec make test\b", (ROOT / ".ci/run").read_text(), flags=re.MULTILINE)


def test_make_help_lists_the_targets() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    for target in ("serve", "test", "check", "bench"):
        assert re.search(rf"^{target} ", shown, flags=re.MULTILINE)
