"""Which tools this computer has, and their versions."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compiler.errors import ToolError
from compiler.toolchain.run import MISSING, Limits, run_tool

NEWEST_LLVM = 24


def _llvm(name: str) -> tuple[str, ...]:
    """Debian's names with the version first: the tested one, then newer, then older, then whatever is the default."""
    versions = [19, *range(20, NEWEST_LLVM), 18, 17, 16, 15]
    return (*(f"{name}-{version}" for version in versions), name)


# Names under which a tool is looked for; a tool that is not listed goes by its own name.
NAMES: dict[str, tuple[str, ...]] = {
    "clang": _llvm("clang"),
    "clang++": _llvm("clang++"),
    "ld.lld": _llvm("ld.lld"),
    "llvm-objdump": _llvm("llvm-objdump"),
}


@dataclass(frozen=True)
class Tool:
    name: str
    path: Path
    version: str


@cache
def path_of(name: str) -> Path | None:
    """The program behind `name`, or None."""
    found = (shutil.which(candidate) for candidate in NAMES.get(name, (name,)))
    return next((Path(path) for path in found if path), None)


def find(name: str) -> Tool | None:
    """The tool with its version, or None when it is not installed."""
    path = path_of(name)
    return Tool(name, path, version_of(path)) if path else None


def require(name: str, purpose: str) -> Tool:
    """The tool, or a ToolError that says what it is needed for."""
    tool = find(name)
    if tool is None:
        raise ToolError(
            MISSING,
            f"{name} is not installed",
            facts={"needed for": purpose},
            help="`deepmetal doctor` says how to install it",
        )
    return tool


@cache
def version_of(path: Path) -> str:
    """The number in the first line of `--version`, or "unknown"."""
    outcome = run_tool([path, "--version"], cwd=Path("/"), limits=Limits(seconds=20), check=False)
    first = (outcome.stdout or outcome.stderr).splitlines()[:1]
    # The last number counts: "gcc (15:12.2.rel1-1) 12.2.1 20221205" names the package first.
    numbers = re.findall(r"(?<![\w.:])\d+(?:\.\d+)+", first[0]) if first else []
    return str(numbers[-1]) if numbers else "unknown"
