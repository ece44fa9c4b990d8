"""The counting plugin: built from `plugin/count.c` on first use, kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Literal

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


FetchKind = Literal["next", "jump"]
FAR = 1 << 30  # the depth of a line that was used too long ago to be known, or never


@dataclass
class Histogram:
    """What was executed, by address, and which lines of flash that needed.

    `taken` counts how often the instruction behind was not the next one; `unaligned` an instruction's accesses that
    are not aligned to their size, and `transfers` what these need on a 32-bit bus beyond one transfer each. Uses of
    lines are counted by (bytes of a line, depth): so many other lines were used since the last use, hence a cache with
    more lines than `depth` that drops the oldest one still has it. A fetch is `next` where execution ran on into the
    line, `jump` otherwise.
    """

    sizes: dict[int, int] = field(default_factory=dict)  # bytes of the instruction
    executed: Counter[int] = field(default_factory=Counter)
    taken: Counter[int] = field(default_factory=Counter)
    unaligned: Counter[int] = field(default_factory=Counter)
    transfers: Counter[int] = field(default_factory=Counter)
    fetches: Counter[tuple[int, FetchKind, int]] = field(default_factory=Counter)
    reads: Counter[tuple[int, int]] = field(default_factory=Counter)

    @classmethod
    def sum(cls, parts: Iterable[Histogram]) -> Histogram:
        """All of them together."""
        total = cls()
        for part in parts:
            total.sizes.update(part.sizes)
            total.executed.update(part.executed)
            total.taken.update(part.taken)
            total.unaligned.update(part.unaligned)
            total.transfers.update(part.transfers)
            total.fetches.update(part.fetches)
            total.reads.update(part.reads)
        return total


@dataclass(frozen=True)
class Counts:
    """What the plugin wrote: the intervals, and what the first of them executed before, between and after its marks."""

    intervals: tuple[Interval, ...]
    parts: tuple[Histogram, ...]

    @property
    def executions(self) -> dict[int, int]:
        """Address -> executions."""
        return dict(sorted(Histogram.sum(self.parts).executed.items()))


def read_counts(lines: Iterable[str]) -> Counts:
    """The plugin's file; its format is described in `plugin/count.c`."""
    intervals: list[Interval] = []
    parts: list[Histogram] = []
    current, part = Interval(), Histogram()
    for line in lines:
        match line.split():
            case ["mark", at, total]:
                current.marks.append((int(at, 16), int(total)))
                if not intervals:
                    parts.append(part)
                    part = Histogram()
            case ["total", total]:
                current.total = int(total)
                if not intervals:
                    parts.append(part)
                intervals.append(current)
                current = Interval()
            case ["count", at, executed, size, taken]:
                part.sizes[int(at, 16)] = int(size)
                part.executed[int(at, 16)] = int(executed)
                if taken != "0":
                    part.taken[int(at, 16)] = int(taken)
            case ["unaligned", at, times, transfers]:
                part.unaligned[int(at, 16)] = int(times)
                part.transfers[int(at, 16)] = int(transfers)
            case ["fetch", width, ("next" | "jump") as kind, depth, times]:
                part.fetches[int(width), kind, _depth(depth)] = int(times)
            case ["read", width, depth, times]:
                part.reads[int(width), _depth(depth)] = int(times)
            case words:
                raise ValueError(f"not a line of the counting plugin: {words}")
    return Counts(tuple(intervals), tuple(parts))


def _depth(text: str) -> int:
    return FAR if text == "-" else int(text)
