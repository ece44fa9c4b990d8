"""What a marker `needs_...` asks of the machine, and how to get it. A test whose need is missing is skipped."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compiler import targets
from compiler.emulator.native import why_not_run
from compiler.importers import tensorflow_run
from compiler.targets.base import Native, Qemu, QemuUser

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"  # models and baselines that are not part of the repository


@dataclass(frozen=True)
class Need:
    """A thing outside the repository that some tests need."""

    title: str
    install: str
    present: Callable[[], bool]

    def missing(self) -> str | None:
        return None if self.present() else f"needs {self.title} ({self.install})"


def program(*names: str) -> str | None:
    """The first of the named programs that is on the PATH."""
    return next((found for name in names if (found := shutil.which(name))), None)


def postgres_bin() -> Path | None:
    """The folder with `initdb` and `postgres`; Debian keeps it off the PATH."""
    if found := program("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return versions[-1].parent if versions else None


def chromium() -> str | None:
    """The browser of the end-to-end tests; DEEPMETAL_CHROMIUM overrides the search."""
    return os.environ.get("DEEPMETAL_CHROMIUM") or program("chromium", "chromium-browser", "google-chrome")


def node() -> str | None:
    """Node as `scripts/setup` left it: the one in .venv, or else the system's."""
    own = ROOT / ".venv" / "bin" / "node"
    return str(own) if own.exists() else program("node")


def _browser() -> bool:
    built = (ROOT / "frontend" / "dist" / "index.html").exists()
    return bool(chromium() and node() and built and (ROOT / "frontend" / "node_modules").exists())


def _clang() -> bool:
    return bool(program("clang-19", "clang") and program("ld.lld-19", "ld.lld"))


NEEDS: dict[str, Need] = {
    "needs_gcc_arm": Need(
        "arm-none-eabi-gcc with newlib",
        "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
        lambda: program("arm-none-eabi-gcc") is not None,
    ),
    "needs_clang": Need("clang and lld", "apt install clang-19 lld-19", _clang),
    "needs_qemu": Need(
        "qemu-system-arm", "apt install qemu-system-arm", lambda: program("qemu-system-arm") is not None
    ),
    "needs_redis": Need("redis-server", "apt install redis-server", lambda: program("redis-server") is not None),
    "needs_postgres": Need("PostgreSQL's server", "apt install postgresql", lambda: postgres_bin() is not None),
    "needs_browser": Need("chromium and the built front end", "make test installs both", _browser),
    "needs_cmake": Need("cmake", "apt install cmake", lambda: program("cmake") is not None),
    "needs_tensorflow": Need(
        "TensorFlow", "scripts/setup-tensorflow installs it", lambda: tensorflow_run.python() is not None
    ),
    "needs_torch": Need("PyTorch", "scripts/setup installs it", lambda: importlib.util.find_spec("torch") is not None),
}


@cache
def missing_for(target: str) -> str | None:
    """Why code for a target cannot be built and, where it is run at all, run here; or None."""
    one = targets.target(target)
    compiler, package = COMPILERS.get(one.gcc.prefix, ("gcc", "gcc libc6-dev"))
    if one.gcc.links_only:
        if reason := missing("needs_clang"):
            return reason
    elif not program(compiler):
        return f"needs {compiler} ({package})"
    if isinstance(one.emulator, Qemu | QemuUser) and not program(one.emulator.program):
        package = EMULATORS.get(one.emulator.program, "qemu-user")
        return f"needs {one.emulator.program} (apt install {package})"
    if isinstance(one.emulator, Native) and (reason := why_not_run(one)):
        return f"{target} is built but not run: {reason}"
    return None


COMPILERS = {
    "arm-none-eabi": ("arm-none-eabi-gcc", "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    "riscv64-unknown-elf": ("riscv64-unknown-elf-gcc", "apt install gcc-riscv64-unknown-elf"),
    "aarch64-linux-gnu": ("aarch64-linux-gnu-gcc", "apt install gcc-aarch64-linux-gnu"),
    "x86_64-linux-gnu": ("x86_64-linux-gnu-gcc", "apt install gcc-x86-64-linux-gnu, or gcc on such a computer"),
}
EMULATORS = {
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
    "qemu-system-riscv64": "qemu-system-misc",
}


@cache
def missing(marker: str) -> str | None:
    """Why a test with this marker cannot run here, or None."""
    return NEEDS[marker].missing()
