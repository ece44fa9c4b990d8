"""`deepmetal doctor`: is this computer ready? Each tool, its version and place, what fails without it, the remedy."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from compiler.errors import ToolError
from compiler.sandbox.probe import proof
from compiler.toolchain.find import find
from compiler.toolchain.run import Limits, run_tool

Level = Literal["compile", "targets", "serve", "test"]
TITLES: dict[Level, str] = {
    "compile": "To compile and validate",
    "targets": "To compile for and run on other processors than Cortex-M",
    "serve": "To serve the browser UI and open PyTorch files",
    "test": "To run every test",
}
FREE_BYTES = 2 * 2**30  # a large model, its build and its artifact


@dataclass(frozen=True)
class Check:
    """One thing and its state; `version` and `where` are empty when it is missing."""

    name: str
    level: Level
    found: bool
    version: str
    where: str
    without: str  # what does not work when it is missing
    install: str  # what to do about it


@dataclass(frozen=True)
class Requirement:
    """What `run` looks for; `look` returns version and place, or None."""

    name: str
    level: Level
    look: Callable[[], tuple[str, str] | None]
    without: str
    install: str

    def check(self) -> Check:
        seen = self.look()
        number, where = seen or ("", "")
        return Check(self.name, self.level, seen is not None, number, where, self.without, self.install)


def run() -> list[Check]:
    """Look at everything; takes a second, installs and changes nothing."""
    return [requirement.check() for requirement in _requirements()]


def ready(checks: list[Check]) -> bool:
    """Can this computer compile? The rest is comfort."""
    return all(check.found for check in checks if check.level == "compile")


def to_json(checks: list[Check]) -> dict[str, Any]:
    return {"ready": ready(checks), "checks": [asdict(check) for check in checks]}


def text(checks: list[Check]) -> str:
    """The table for people: what is there in a line, what is missing with its remedy."""
    width = max(len(check.name) for check in checks)
    lines: list[str] = []
    for level, title in TITLES.items():
        lines += ["", f"{title}:"] if lines else [f"{title}:"]
        for check in checks:
            if check.level != level:
                continue
            if check.found:
                lines.append(f"  ok       {check.name:<{width}}  {check.version}  {check.where}".rstrip())
            else:
                lines.append(f"  missing  {check.name:<{width}}  without it: {check.without}")
                lines.append(f"           {'':<{width}}  to get it:  {check.install}")
    return "\n".join(lines)


def _requirements() -> Iterator[Requirement]:
    needs = Requirement  # reads as a sentence: needs("gcc", ...)
    yield needs("Python 3.11+", "compile", _python, "nothing works", "apt install python3, or set PYTHON for make")
    yield needs(
        "arm-none-eabi-gcc",
        "compile",
        lambda: _tool("arm-none-eabi-gcc"),
        "Cortex-M code is built with clang only, and not run",
        "apt install gcc-arm-none-eabi",
    )
    yield needs(
        "newlib for Arm",
        "compile",
        _newlib,
        "firmware cannot be linked, so nothing is measured or validated",
        "apt install libnewlib-arm-none-eabi",
    )
    yield needs(
        "qemu-system-arm",
        "compile",
        lambda: _tool("qemu-system-arm"),
        "no run, no validation, no instruction counts (compile --no-run works)",
        "apt install qemu-system-arm",
    )
    yield needs(
        "clang",
        "compile",
        lambda: _tool("clang"),
        "--compiler clang is refused",
        "apt install clang-19",
    )
    yield needs(
        "ld.lld",
        "compile",
        lambda: _tool("ld.lld"),
        "clang's objects for bare metal are not linked",
        "apt install lld-19",
    )
    yield needs(
        "llvm-objdump",
        "targets",
        lambda: _tool("llvm-objdump"),
        "no cycles for processors with Helium, whose instructions binutils misread",
        "apt install llvm-19",
    )
    yield needs(
        "gcc",
        "compile",
        lambda: _tool("gcc"),
        "no target host, and the emulator's profiling plugin is not built: counts come from a timer",
        "apt install gcc libc6-dev",
    )
    yield needs(
        "riscv64-unknown-elf-gcc",
        "targets",
        lambda: _tool("riscv64-unknown-elf-gcc"),
        "RISC-V code is built with clang only, and not at all without an FPU",
        "apt install gcc-riscv64-unknown-elf",
    )
    for program in ("qemu-system-riscv32", "qemu-system-riscv64"):
        yield needs(
            program,
            "targets",
            partial(_tool, program),
            "RISC-V code is not run (compile --no-run works)",
            "apt install qemu-system-misc",
        )
    yield needs(
        "aarch64-linux-gnu-gcc",
        "targets",
        lambda: _tool("aarch64-linux-gnu-gcc"),
        "AArch64 code is built with clang only",
        "apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    )
    for program in ("qemu-aarch64", "qemu-x86_64"):
        yield needs(
            program,
            "targets",
            partial(_tool, program),
            "code for Linux computers is not run (compile --no-run works)",
            "apt install qemu-user",
        )
    yield needs("free disk", "compile", _free_disk, "large models fail half-way", "free 2 GiB in the temporary folder")
    yield needs(
        "torch", "serve", lambda: _package("torch"), ".pth files are refused, ONNX files work", "scripts/setup serve"
    )
    yield needs(
        "sandbox L2",
        "serve",
        _sandbox,
        "hostile files are confined less, --source is refused, and so are uploads from other computers",
        "a kernel with Landlock (Linux 5.19 or newer); `deepmetal explain E1050`",
    )
    yield needs("celery", "serve", lambda: _package("celery"), "the service does not start", "scripts/setup serve")
    yield needs(
        "browser UI",
        "serve",
        _frontend,
        "the service offers its API without pages",
        "make serve builds it (needs Node 20.19 or newer)",
    )
    yield needs(
        "cmake", "test", lambda: _tool("cmake"), "artifacts are not built by their CMakeLists.txt", "apt install cmake"
    )
    yield needs("chromium", "test", _chromium, "no end-to-end tests", "apt install chromium")
    yield needs(
        "redis-server",
        "test",
        lambda: _service("redis-server"),
        "no tests of the Redis broker",
        "apt install redis-server",
    )
    yield needs("postgres", "test", _postgres, "no tests on PostgreSQL", "apt install postgresql")


def _python() -> tuple[str, str] | None:
    return (platform.python_version(), sys.executable) if sys.version_info >= (3, 11) else None


def _tool(name: str) -> tuple[str, str] | None:
    """A tool of the compiler, found as the compiler finds it."""
    tool = find(name)
    return (tool.version, str(tool.path)) if tool else None


def _newlib() -> tuple[str, str] | None:
    gcc = find("arm-none-eabi-gcc")
    if gcc is None:
        return None
    answer = _ask(gcc.path, "-mcpu=cortex-m4", "-mthumb", "-print-file-name=libc.a").strip()
    return ("", os.path.normpath(answer)) if Path(answer).is_absolute() else None  # else gcc echoes the name


def _free_disk() -> tuple[str, str] | None:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    return (f"{free / 2**30:.0f} GiB", folder) if free >= FREE_BYTES else None


def _package(name: str) -> tuple[str, str] | None:
    try:
        return version(name), ""
    except PackageNotFoundError:
        return None


def _sandbox() -> tuple[str, str] | None:
    found = proof()
    return ("", str(found)) if found.reaches("L2") else None


def _frontend() -> tuple[str, str] | None:
    root = Path(__file__).resolve().parents[1]
    pages = (root / "frontend" / "dist" / "index.html", root / "server" / "ui" / "index.html")
    built = next((page for page in pages if page.exists()), None)
    return ("", str(built.parent)) if built else None


def _chromium() -> tuple[str, str] | None:
    return _service("chromium") or _service("chromium-browser") or _service("google-chrome")


def _postgres() -> tuple[str, str] | None:
    """Debian keeps the server's programs off the PATH, one folder per version."""
    folders = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(folders, key=lambda path: int(path.parts[-3]), default=None)
    return _service(str(newest)) if newest else _service("postgres")


def _service(name: str) -> tuple[str, str] | None:
    """A program that is no tool of the compiler; its version is the first number that it prints."""
    path = shutil.which(name)
    if path is None:
        return None
    number = re.search(r"\d+(\.\d+)+", _ask(path, "--version"))
    return (number[0] if number else "unknown", path)


def _ask(program: str | Path, *arguments: str) -> str:
    """What a program prints; its failure is an empty answer."""
    limits = Limits(seconds=20, memory=None)
    try:
        return run_tool([program, *arguments], cwd=Path(tempfile.gettempdir()), limits=limits, check=False).stdout
    except ToolError:  # it hangs
        return ""
