"""The counting plugin: built from `plugin/count.c` on first use, kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from compiler.errors import ToolError
from compiler.toolchain.find import path_of
from compiler.toolchain.run import Limits, run_tool

FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC")


def plugin_library(workdir: Path) -> Path | None:
    """The plugin as a shared library, or None when this computer has no C compiler for itself.

    The file's name is a hash of source and flags, so a changed source is another file. Where the cache cannot be
    written, the library goes to `workdir`.
    """
    compiler = path_of("gcc") or path_of("clang")
    source = (files("compiler.emulator") / "plugin" / "count.c").read_bytes()
    name = f"count-{hashlib.sha256(source + ' '.join(FLAGS).encode()).hexdigest()[:16]}.so"
    for folder in (_cache(), workdir):
        if (folder / name).is_file():
            return folder / name
        if compiler is None:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                work = Path(scratch)
                (work / "count.c").write_bytes(source)
                run_tool([compiler, *FLAGS, "count.c", "-o", name], cwd=work, limits=Limits(seconds=60))
                (work / name).replace(folder / name)
        except (OSError, ToolError):
            continue  # a folder that cannot be written, or a compiler that builds nothing here: the timer serves
        return folder / name
    return None


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "deepmetal"


@dataclass
class Interval:
    """One counted call: all instructions, and the running total at each mark (address, total)."""

    total: int = 0
    marks: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Counts:
    """What the plugin wrote: the intervals, and the histogram (address -> executions) of the first of them."""

    intervals: tuple[Interval, ...]
    executions: dict[int, int]


def read_counts(lines: Iterable[str]) -> Counts:
    """The plugin's file; its format is described in `plugin/count.c`."""
    intervals: list[Interval] = []
    executions: dict[int, int] = {}
    current = Interval()
    for line in lines:
        match line.split():
            case ["mark", at, total]:
                current.marks.append((int(at, 16), int(total)))
            case ["total", total]:
                current.total = int(total)
                intervals.append(current)
                current = Interval()
            case ["count", at, executed, _]:
                executions[int(at, 16)] = int(executed)
            case words:
                raise ValueError(f"not a line of the counting plugin: {words}")
    return Counts(tuple(intervals), executions)
